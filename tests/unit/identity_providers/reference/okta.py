"""Section 1: Okta, made with the wizard and from the catalogue."""

import re
from functools import partial
from typing import Final

from infra.identity_providers.dialect import GROUP
from tests.unit.identity_providers.reference.shape import (
    BY_FILTER,
    FOUND_ACTIVE,
    FOUND_INACTIVE,
    FOUND_NONE,
    ID,
    ONE_GROUP,
    ONE_USER,
    Shape,
    operation,
    patch,
)

wizard = partial(Shape, "1", ("okta-wizard",))
catalog = partial(Shape, "1", ("okta-catalog",))
both = partial(Shape, "1", ("okta-wizard", "okta-catalog"))

LOOK_UP: Final = r"GET /Users\?filter=userName%20eq%20%22[^&]+%22&startIndex=1&count=100"
LOOK_UP_GROUP: Final = r"GET /Groups\?filter=displayName%20eq%20%22[^&]+%22&startIndex=1&count=100"
CREATED: Final = {
    "schemas": list,
    "userName": str,
    "name": {"givenName": str, "familyName": str},
    "emails": [{"primary": True, "value": str, "type": "work"}],
    "displayName": str,
    "locale": "en-US",
    "externalId": str,
    "groups": [],
    "password": str,
    "active": True,
}
DOCUMENT: Final = {"id": ID, "meta": dict, "userName": str, "active": bool}
ON, OFF = (patch({"op": "replace", "value": {"active": active}}) for active in (True, False))
PASSWORD: Final = patch({"op": "replace", "value": {"password": str}})
NAMED: Final = {"op": "replace", "value": {"id": ID, "displayName": str}}
SHOWN: Final = {"value": ID, "display": re.compile(r"[a-z]+@acme\.example")}
CHANGE: Final = patch(NAMED, operation("remove", BY_FILTER), operation("add", "members", [SHOWN]))
FULL_PUSH: Final = patch(NAMED, operation("replace", "members", [SHOWN, SHOWN]))
EMPTY_PUSH: Final = patch(NAMED, operation("replace", "members", []))
PUT_GROUP: Final = {"schemas": [GROUP], "displayName": str, "members": [{"value": ID}] * 2}

OKTA: Final = (
    both("import of users [O1]", r"GET /Users\?startIndex=1&count=100"),
    both("import of groups [O1]", r"GET /Groups\?startIndex=1&count=100"),
    both("nobody found: created [O1]", LOOK_UP, answer=FOUND_NONE, then="POST /Users"),
    both("created with a password and without groups [O1]", "POST /Users", CREATED, status=201),
    catalog("found inactive: activated [O1]", LOOK_UP, answer=FOUND_INACTIVE, then=f"PATCH {ONE_USER}"),
    wizard("found inactive: replaced [O1]", LOOK_UP, answer=FOUND_INACTIVE, then=f"GET {ONE_USER}"),
    catalog("found active: profile pushed [O1]", LOOK_UP, answer=FOUND_ACTIVE, then=f"GET {ONE_USER}"),
    both("an update is GET, then PUT [O1]", f"GET {ONE_USER}", then=f"PUT {ONE_USER}"),
    both("PUT of the document that GET answered [O1]", f"PUT {ONE_USER}", DOCUMENT, status=200),
    wizard("deactivated by PUT [O1]", f"PUT {ONE_USER}", {"active": False}, {"active": False}),
    catalog("deactivated by PATCH [O1]", f"PATCH {ONE_USER}", OFF, {"active": False}),
    catalog("activated by PATCH [O2]", f"PATCH {ONE_USER}", ON, {"active": True}),
    catalog("a password by PATCH [O2]", f"PATCH {ONE_USER}", PASSWORD, status=200),
    wizard("nothing by PATCH [O1, O2]", "PATCH .*", never=True),
    both("never DELETE for a user [O1, O4]", "DELETE /Users.*", never=True),
    both("a group looked up by its name [O1]", LOOK_UP_GROUP, answer=FOUND_NONE, then="POST /Groups"),
    both("a group created empty [O1]", "POST /Groups", {"displayName": str, "members": []}, status=201),
    catalog("a group renamed, with its id [O1]", f"PATCH {ONE_GROUP}", patch(NAMED), status=204),
    catalog("members changed, the name with them [O1]", f"PATCH {ONE_GROUP}", CHANGE, status=204),
    catalog("a full push [O1]", f"PATCH {ONE_GROUP}", FULL_PUSH, status=204),
    catalog("a full push of an empty group [I1]", f"PATCH {ONE_GROUP}", EMPTY_PUSH, status=204),
    wizard("a group by PUT [O1]", f"PUT {ONE_GROUP}", PUT_GROUP, status=200),
    both("a group unlinked and deleted [O1]", f"DELETE {ONE_GROUP}", status=204),
)
