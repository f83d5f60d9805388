"""The tables of RFC 7643 for User, Group and EnterpriseUser: everything else in this package reads them."""

from collections.abc import Mapping

from vestibule.scim.attributes import (
    Attribute,
    Mutability,
    ResourceType,
    Returned,
    Schema,
    Type,
    Uniqueness,
    multi_valued,
)

USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE_SCHEMA = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

_URI = ("external",)


def _value(description: str, type_: Type = Type.STRING, **characteristics: object) -> Attribute:
    return Attribute("value", description, type_, **characteristics)  # type: ignore[arg-type] # checked by the class


# RFC 7643 §4.1 and §8.7.1
USER_ATTRIBUTES = (
    Attribute(
        "userName",
        "The name that the person signs in with; unique in this connection, whatever the letter case.",
        required=True,
        uniqueness=Uniqueness.SERVER,
        longest=512,
    ),
    Attribute(
        "name",
        "The parts of the person's name.",
        Type.COMPLEX,
        sub_attributes=(
            Attribute("formatted", "The whole name as it is shown."),
            Attribute("familyName", "The family name."),
            Attribute("givenName", "The given name."),
            Attribute("middleName", "The middle names."),
            Attribute("honorificPrefix", "A title before the name."),
            Attribute("honorificSuffix", "A suffix behind the name."),
        ),
    ),
    Attribute("displayName", "The name that others see.", longest=512),
    Attribute("nickName", "A casual name."),
    Attribute(
        "profileUrl", "The address of a profile page.", Type.REFERENCE, reference_types=_URI, case_exact=True
    ),
    Attribute("title", "The job title."),
    Attribute("userType", "The relation to the organization, such as Employee or Contractor."),
    Attribute("preferredLanguage", "The preferred language, as in the Accept-Language header."),
    Attribute("locale", "The locale for dates, numbers and currency."),
    Attribute("timezone", "The time zone, as an IANA name."),
    Attribute("active", "Whether the person may use the service; false takes the access away.", Type.BOOLEAN),
    Attribute(
        "password",
        "Accepted and thrown away: nobody signs in here.",
        case_exact=True,
        mutability=Mutability.WRITE_ONLY,
        returned=Returned.NEVER,
    ),
    multi_valued(
        "emails",
        "E-mail addresses; the primary work address is the one at the service desk.",
        ("work", "home", "other"),
        value=_value("The address.", longest=512),
    ),
    multi_valued(
        "phoneNumbers",
        "Telephone numbers, kept as sent.",
        ("work", "home", "mobile", "fax", "pager", "other"),
        value=_value("The number."),
    ),
    multi_valued(
        "ims",
        "Instant messaging addresses.",
        ("aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"),
        value=_value("The address."),
    ),
    multi_valued(
        "photos",
        "Addresses of pictures.",
        ("photo", "thumbnail"),
        value=_value("The picture's URI.", Type.REFERENCE, reference_types=_URI, case_exact=True),
    ),
    Attribute(
        "addresses",
        "Postal addresses.",
        Type.COMPLEX,
        multi_valued=True,
        sub_attributes=(
            Attribute("formatted", "The whole address, with line breaks."),
            Attribute("streetAddress", "Street, house number, apartment."),
            Attribute("locality", "The city."),
            Attribute("region", "The state or region."),
            Attribute("postalCode", "The postal code."),
            Attribute("country", "The country, as an ISO 3166-1 alpha-2 code."),
            Attribute("type", "What the address is used for.", canonical_values=("work", "home", "other")),
            Attribute("primary", "Whether this is the preferred address; at most one is.", Type.BOOLEAN),
        ),
    ),
    Attribute(
        "groups",
        "The groups that the person is a member of; changed through the groups.",
        Type.COMPLEX,
        multi_valued=True,
        mutability=Mutability.READ_ONLY,
        sub_attributes=(
            Attribute("value", "The group's id.", case_exact=True, mutability=Mutability.READ_ONLY),
            Attribute(
                "$ref",
                "The group's address.",
                Type.REFERENCE,
                reference_types=("Group",),
                case_exact=True,
                mutability=Mutability.READ_ONLY,
            ),
            Attribute("display", "The group's name.", mutability=Mutability.READ_ONLY),
            Attribute(
                "type",
                "Whether the membership is direct.",
                canonical_values=("direct", "indirect"),
                mutability=Mutability.READ_ONLY,
            ),
        ),
    ),
    multi_valued("entitlements", "Things that the person is entitled to.", value=_value("The entitlement.")),
    multi_valued("roles", "Roles of the person.", value=_value("The role.")),
    multi_valued(
        "x509Certificates",
        "Certificates of the person.",
        value=_value("The DER certificate in base64.", Type.BINARY, case_exact=True),
    ),
)

# RFC 7643 §4.2
GROUP_ATTRIBUTES = (
    Attribute(
        "displayName",
        "The group's name; unique in this connection, whatever the letter case.",
        required=True,
        uniqueness=Uniqueness.SERVER,
        longest=512,
    ),
    Attribute(
        "members",
        "The members of the group.",
        Type.COMPLEX,
        multi_valued=True,
        sub_attributes=(
            Attribute("value", "The member's id.", case_exact=True, mutability=Mutability.IMMUTABLE),
            Attribute(
                "$ref",
                "The member's address.",
                Type.REFERENCE,
                reference_types=("User", "Group"),
                case_exact=True,
                mutability=Mutability.IMMUTABLE,
            ),
            Attribute(
                "type",
                "Whether the member is a user or a group.",
                canonical_values=("User", "Group"),
                mutability=Mutability.IMMUTABLE,
            ),
            Attribute("display", "The member's name.", mutability=Mutability.READ_ONLY),
        ),
    ),
)

# RFC 7643 §4.3
ENTERPRISE_ATTRIBUTES = (
    Attribute("employeeNumber", "The number that the employer gave the person."),
    Attribute("costCenter", "The cost center."),
    Attribute("organization", "The organization."),
    Attribute("division", "The division."),
    Attribute("department", "The department."),
    Attribute(
        "manager",
        "The person's manager.",
        Type.COMPLEX,
        sub_attributes=(
            Attribute("value", "The manager's id.", case_exact=True),
            Attribute(
                "$ref", "The manager's address.", Type.REFERENCE, reference_types=("User",), case_exact=True
            ),
            Attribute("displayName", "The manager's name.", mutability=Mutability.READ_ONLY),
        ),
    ),
)

ENTERPRISE_USER = Schema(
    ENTERPRISE_SCHEMA, "EnterpriseUser", "What an employer knows of a person.", ENTERPRISE_ATTRIBUTES
)

USER = ResourceType(
    "User",
    "/Users",
    "A person of the customer.",
    Schema(USER_SCHEMA, "User", "A person of the customer.", USER_ATTRIBUTES),
    (ENTERPRISE_USER,),
)

GROUP = ResourceType(
    "Group",
    "/Groups",
    "A group of the customer; it becomes an organization at the service desk.",
    Schema(GROUP_SCHEMA, "Group", "A group of the customer.", GROUP_ATTRIBUTES),
    (),
)

RESOURCE_TYPES: tuple[ResourceType, ...] = (USER, GROUP)
SCHEMAS: Mapping[str, Schema] = {schema.id: schema for schema in (USER.schema, GROUP.schema, ENTERPRISE_USER)}
