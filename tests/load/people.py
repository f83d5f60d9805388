"""Made-up people as an Okta-shaped provider sends them, about one kilobyte each."""

import orjson

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def okta_body(name: str, domain: str) -> bytes:
    """The POST body of one person; the name makes userName, e-mail and externalId."""
    address = f"{name}@{domain}"
    return orjson.dumps(
        {
            "schemas": [CORE, ENTERPRISE],
            "userName": address,
            "externalId": f"00u{name}",
            "name": {
                "givenName": name.title(),
                "familyName": "Example",
                "formatted": f"{name.title()} Example",
            },
            "displayName": f"{name.title()} Example",
            "nickName": name,
            "title": "Engineer of examples",
            "preferredLanguage": "en",
            "locale": "en-US",
            "timezone": "Europe/Berlin",
            "active": True,
            "emails": [{"primary": True, "value": address, "type": "work"}],
            "phoneNumbers": [
                {"value": "+00 000 000", "type": "work"},
                {"value": "+00 000 001", "type": "mobile"},
            ],
            "addresses": [
                {
                    "type": "work",
                    "streetAddress": "1 Example Street",
                    "locality": "Exampletown",
                    "country": "ZZ",
                }
            ],
            "groups": [],
            ENTERPRISE: {"employeeNumber": name, "department": "Examples", "costCenter": "0000"},
        }
    )


def active_patch(active: bool) -> bytes:
    """The PATCH that Okta's catalogue apps send on assignment and unassignment."""
    return orjson.dumps(
        {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "value": {"active": active}}],
        }
    )
