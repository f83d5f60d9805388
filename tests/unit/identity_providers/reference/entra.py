"""Section 2: Microsoft Entra ID, in its default mode, with `aadOptscim062020`, and on demand."""

import re
from functools import partial
from typing import Final

from infra.identity_providers.dialect import ENTERPRISE, GROUP, USER
from infra.identity_providers.dialects.entra import CUSTOM, EXTRA_GROUP, MISTYPED, ROLE_TYPE
from tests.unit.identity_providers.reference.shape import (
    BY_FILTER,
    FOUND_ACTIVE,
    FOUND_NONE,
    ID,
    MEMBER,
    ONE_GROUP,
    ONE_USER,
    Shape,
    operation,
    patch,
)

default = partial(Shape, "2", ("entra-default",))
flagged = partial(Shape, "2", ("entra-flagged",))
on_demand = partial(Shape, "2", ("entra-on-demand",))
both = partial(Shape, "2", ("entra-default", "entra-flagged"))

TEST: Final = r"GET /Users\?filter=userName\+eq\+%22[0-9a-f-]{36}%22"
LOOK_UP: Final = r"GET /Users\?filter=userName\+eq\+%22[^&]+%22"
LOOK_UP_GROUP: Final = r"GET /Groups\?excludedAttributes=members&filter=displayName\+eq\+%22[^&]+%22"
READ_GROUP: Final = rf"GET {ONE_GROUP}\?excludedAttributes=members"
CHECK: Final = (
    r"GET /Groups\?excludedAttributes=members&filter=id\+eq\+%22\S+%22\+and\+members\+eq\+%22\S+%22"
)
CREATED: Final = {
    "schemas": [USER, ENTERPRISE],
    "externalId": str,
    "userName": str,
    "active": True,
    "emails": [{"type": "work", "primary": True, "value": str}],
    "meta": {"resourceType": "User"},
    "name": {"formatted": str, "givenName": str, "familyName": str},
    "addresses": None,
    "phoneNumbers": None,
    "title": None,
}
ROLE: Final = {"primary": True, "type": ROLE_TYPE, "value": str}
NAMED_ROLE: Final = {"primary": False, "type": ROLE_TYPE, "value": str, "displayName": str}
ROLE_AS_TEXT: Final = {"value": re.compile(r'\{"id": .*, "value": .*, "displayName": .*\}')}
CUSTOMS: Final = {"schemas": [USER, ENTERPRISE], f"{CUSTOM}2.0:User": {"costCentre": str}}
GUEST: Final = {"userName": re.compile(r"[^#]+onmicrosoft\.example"), "emails": list}
GROUP_CREATED: Final = {"schemas": [GROUP, EXTRA_GROUP], "externalId": str, "displayName": str}
NULL_REF: Final = {"value": ID, "$ref": None}
ADDRESS: Final = ("country", "formatted", "locality", "postalCode", "region", "streetAddress")
OLDER_MANAGER: Final = [{"$ref": str, "value": ID}]

# One PATCH each, all of its operations in order.
DEFAULT_UPDATES: Final = {
    "active as a text [M2]": (("Replace", "active", "False"),),
    "several attributes at once [M2]": (("Add", "title", str), ("Replace", "active", "True")),
    "a name [M2]": (("Replace", "displayName", str), ("Replace", "name.familyName", str)),
    "an element that is not there [M2]": (("Replace", 'phoneNumbers[type eq "mobile"].value', str),),
    "the rest of the default mapping [M2, M3]": (
        ("Replace", "externalId", str),
        *(("Replace", f'addresses[type eq "work"].{part}', str) for part in ADDRESS),
        ("Add", "nickName", str),
        ("Replace", f"{ENTERPRISE}:employeeNumber", str),
        ("Replace", 'roles[primary eq "True"].value', "Admin"),
    ),
    "login and e-mail address in one PATCH": (
        ("Replace", "userName", str),
        ("Replace", 'emails[type eq "work"].value', str),
    ),
    "the manager as a text [M2]": (("Add", f"{ENTERPRISE}:manager", ID),),
    "the manager in the older shape [M1]": (("Add", "manager", OLDER_MANAGER),),
    "an app role as JSON in a text [M3]": (("Add", "roles", [ROLE_AS_TEXT]),),
}
DOTTED: Final = {
    "displayName": str,
    "name.givenName": str,
    "name.familyName": str,
    f"{ENTERPRISE}:department": str,
}
TOGETHER: Final = patch(
    {"op": "replace", "value": DOTTED}, operation("replace", "roles", [NAMED_ROLE, NAMED_ROLE])
)
FILTERED: Final = patch(
    {"op": "replace", "value": {f"{ENTERPRISE}:employeeNumber": str}},
    operation("replace", 'phoneNumbers[type eq "mobile"].value', str),
    operation("replace", 'addresses[type eq "work"].locality', str),
)
BOOLEAN: Final = patch({"op": "replace", "value": {"active": False}})
MANAGER_OBJECT: Final = patch(operation("add", f"{ENTERPRISE}:manager", MEMBER))
CAPITALS: Final = patch(operation("Add", "title", str), operation("Replace", "active", "True"))
BY_VALUE: Final = patch(operation("Remove", "members", [MEMBER]))
TWO_JOIN: Final = patch(operation("Add", "members", [NULL_REF, NULL_REF]))
THREE_JOIN: Final = patch(operation("add", "members", [NULL_REF, NULL_REF, NULL_REF]))
ONE_LEAVES: Final = patch(operation("remove", BY_FILTER))

ENTRA: Final = (
    both("Test Connection: a random user [M1]", TEST, answer=FOUND_NONE, status=200),
    both("not found: created [M1]", LOOK_UP, answer=FOUND_NONE, then="POST /Users"),
    default("found: patched [M4]", LOOK_UP, answer=FOUND_ACTIVE, then=f"PATCH {ONE_USER}"),
    both("created with nulls [M1]", "POST /Users", CREATED, {"active": True}, 201),
    both("created without app roles [M1]", "POST /Users", {"roles": []}, status=201),
    both("created with an app role [M3]", "POST /Users", {"roles": [ROLE]}, status=201),
    both("created with several [M3]", "POST /Users", {"roles": [NAMED_ROLE, NAMED_ROLE]}, status=201),
    default("the extension mistyped [M1]", "POST /Users", {MISTYPED: {"manager": None}}, status=201),
    default("a custom extension, not in `schemas` [M3]", "POST /Users", CUSTOMS, status=201),
    default("a guest's UPN without #EXT# [M4]", "POST /Users", GUEST, status=201),
    both("who is disabled is not created [M4]", "POST /Users", {"active": False}, never=True),
    both("never PUT [M2]", "PUT .*", never=True),
    *(
        default(what, f"PATCH {ONE_USER}", patch(*(operation(*one) for one in operations)), status=200)
        for what, operations in DEFAULT_UPDATES.items()
    ),
    flagged("several attributes in one operation; assertive roles [M2, M3]", f"PATCH {ONE_USER}", TOGETHER),
    flagged("value paths beside it [M2]", f"PATCH {ONE_USER}", FILTERED, status=200),
    flagged("booleans [M2]", f"PATCH {ONE_USER}", BOOLEAN, {"active": False}),
    flagged("the manager as an object", f"PATCH {ONE_USER}", MANAGER_OBJECT, status=200),
    on_demand("on demand the default's shapes [M2]", f"PATCH {ONE_USER}", CAPITALS, {"active": True}),
    on_demand("on demand members by value [M2]", f"PATCH {ONE_GROUP}", BY_VALUE, status=204),
    both("deleted for good [M4]", f"DELETE {ONE_USER}", status=204),
    both("a group looked up without members [M1]", LOOK_UP_GROUP, answer=FOUND_NONE, then="POST /Groups"),
    both("a group created with the extra schema [M1]", "POST /Groups", GROUP_CREATED, status=201),
    both("a group read without members [M1]", READ_GROUP, answer={"members": None}, then="PATCH .*"),
    default("several members added [M1]", f"PATCH {ONE_GROUP}", TWO_JOIN, status=204),
    flagged("several members added [M1]", f"PATCH {ONE_GROUP}", THREE_JOIN, status=204),
    default("members removed by value [M2]", f"PATCH {ONE_GROUP}", BY_VALUE, status=204),
    flagged("members removed by a filter [M2]", f"PATCH {ONE_GROUP}", ONE_LEAVES, status=204),
    both("a reference checked [M1]", CHECK, answer={"totalResults": 1}),
    default("a group renamed", f"PATCH {ONE_GROUP}", patch(operation("Replace", "displayName", str))),
    both("a group deleted [M4]", f"DELETE {ONE_GROUP}", status=204),
)
