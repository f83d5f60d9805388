"""Sections 3 to 10: Google, OneLogin, JumpCloud, Ping, CyberArk, authentik, and what holds for all."""

import re
from functools import partial
from typing import Final

from infra.identity_providers.dialect import ENTERPRISE, GROUP, USER
from infra.identity_providers.dialects.google import DRAFT
from infra.identity_providers.dialects.onelogin import CORE, EXTENSION
from tests.unit.identity_providers.reference.shape import (
    BY_FILTER,
    FOUND_NONE,
    ID,
    MEMBER,
    ONE_GROUP,
    ONE_USER,
    Shape,
    operation,
    patch,
)

LOOK_UP: Final = r"GET /Users\?filter=userName%20eq%20%22[^&]+%22"
LOOK_UP_GROUP: Final = r"GET /Groups\?filter=displayName%20eq%20%22[^&]+%22"
OFF: Final = patch(operation("replace", "active", False))
INACTIVE: Final = {"active": False}
BY_VALUE: Final = patch(operation("remove", "members", [MEMBER]))
RENAMED: Final = operation("replace", "displayName", str)
LEFT: Final = operation("remove", BY_FILTER)

google, google_patching = (partial(Shape, "3", (name,)) for name in ("google", "google-patching"))
GOOGLE_CREATED: Final = {
    "schemas": [DRAFT, USER],
    "userName": re.compile(".+@.+"),
    "emails": [{"value": str, "type": "work", "primary": True}],
    "displayName": str,
    "name": {"givenName": str, "familyName": str},
    "active": True,
}
GOOGLE: Final = (
    google("the probe at set-up [G4]", r"GET /Users\?count=1", answer=FOUND_NONE),
    google(
        "looked up without a count [G2]", rf"{LOOK_UP}&startIndex=1", answer=FOUND_NONE, then="POST /Users"
    ),
    google("created with the draft's schema [G2]", "POST /Users", GOOGLE_CREATED, status=201),
    google("suspended, by PUT [G6]", f"PUT {ONE_USER}", INACTIVE, INACTIVE),
    google_patching("suspended, by PATCH [G6]", f"PATCH {ONE_USER}", OFF, INACTIVE),
    google("deleted [G6]", f"DELETE {ONE_USER}", status=204),
    google("no groups", "[A-Z]+ /Groups.*", never=True),
)

onelogin = partial(Shape, "4", ("onelogin",))
USER_OF_ONELOGIN: Final = {"schemas": [CORE, EXTENSION], "userName": re.compile("[^@]+"), EXTENSION: dict}
GROUP_OF_ONELOGIN: Final = {"schemas": [CORE, EXTENSION], "displayName": str}
PLUS: Final = r"GET /Users\?filter=userName\+eq\+%22[^&]+%22&"
ONELOGIN: Final = (
    onelogin("looked up, an empty part at the end [L1]", PLUS, answer=FOUND_NONE, then="POST /Users"),
    onelogin("old schemas, a login that is no address [L1]", "POST /Users", USER_OF_ONELOGIN, status=201),
    onelogin("replaced with an empty query [L1]", rf"PUT {ONE_USER}\?", USER_OF_ONELOGIN, status=200),
    onelogin("a group by a mapping rule [L1]", "POST /Groups", GROUP_OF_ONELOGIN, status=201),
    onelogin("members [L1]", f"PATCH {ONE_GROUP}", patch(operation("add", "members", [MEMBER, MEMBER]))),
    onelogin("a member removed by a filter", f"PATCH {ONE_GROUP}", patch(RENAMED, LEFT), status=204),
)

jumpcloud = partial(Shape, "5", ("jumpcloud",))
jumpcloud_patching = partial(Shape, "5", ("jumpcloud-patching",))
TEST_USER, TEST_GROUP = r"/Users/\$\{test_user\}", r"/Groups/\$\{test_group\}"
TEST: Final = {"userName": "jumpcloud-test"}
JUMPCLOUD: Final = (
    jumpcloud("a test user created [J1]", "POST /Users", TEST, then=f"PUT {TEST_USER}"),
    jumpcloud("a test user updated [J1]", f"PUT {TEST_USER}", TEST, then="POST /Groups"),
    jumpcloud("a test group created [J1]", "POST /Groups", then=f"PATCH {TEST_GROUP}"),
    jumpcloud("a test group deleted [J1]", f"DELETE {TEST_GROUP}", then=f"DELETE {TEST_USER}"),
    jumpcloud("a test user deleted [J1]", f"DELETE {TEST_USER}", status=204),
    jumpcloud("lookup [J1]", LOOK_UP, answer=FOUND_NONE, then="POST /Users"),
    jumpcloud("create, no extension schemas [J1]", "POST /Users", {"schemas": [USER], "active": True}),
    jumpcloud("update by PUT [J1]", f"PUT {ONE_USER}", {"userName": "vera.capek@ember.example"}, status=200),
    jumpcloud_patching("update by PATCH", f"PATCH {ONE_USER}", patch(operation("replace", "title", str))),
    jumpcloud("deprovisioned to inactive [J1]", f"PUT {ONE_USER}", INACTIVE, INACTIVE),
    jumpcloud("inactive before it is deleted [J1]", f"PUT {ONE_USER}", INACTIVE, then=f"DELETE {ONE_USER}"),
    jumpcloud("members removed by value [J2]", f"PATCH {ONE_GROUP}", BY_VALUE, status=204),
    jumpcloud("a group renamed [J1]", f"PATCH {ONE_GROUP}", patch(RENAMED), status=204),
    jumpcloud("a group deleted [J1]", r"DELETE /Groups/\$\{it\}", status=204),
)

ping, ping_patching = (partial(Shape, "6", (name,)) for name in ("ping", "ping-patching"))
CAPITALS: Final = r"GET /Users\?filter=userName%20Eq%20%22[^&]+%22"
FOREIGN: Final = r"GET /Groups\?filter=displayName%20Eq%20%22B%C3%BCro%20S%C3%BCd%22"
TWICE: Final = {"emails": [{"Value": str, "Type": kind, "Primary": True} for kind in ("work", "home")]}
OVERWRITTEN: Final = {"displayName": "Отдел 7", "members": [MEMBER, MEMBER]}
NOT_CLEARED: Final = {"userName": "xena.m@fjord.example", "title": "Engineer"}
PATCHED: Final = patch(*({"op": "replace"},) * 4)
PING: Final = (
    ping("matched on userName [P4]", CAPITALS, answer=FOUND_NONE, then="POST /Users"),
    ping("the same address twice, both primary [P2]", "POST /Users", TWICE, status=201),
    ping("a group name with foreign letters [P2]", FOREIGN, answer=FOUND_NONE, then="POST /Groups"),
    ping("membership overwritten [P3]", f"PUT {ONE_GROUP}", OVERWRITTEN, {"displayName": "Отдел 7"}),
    ping("what was set is not cleared [P2]", f"PUT {ONE_USER}", NOT_CLEARED, status=200),
    ping("no PATCH [P2]", "PATCH .*", never=True),
    ping("remove action delete [P3]", f"DELETE {ONE_USER}", status=204),
    ping_patching("PATCH all the same [P2]", f"PATCH {ONE_USER}", PATCHED, status=200),
    ping_patching("remove action disable [P3]", f"PATCH {ONE_USER}", OFF, INACTIVE),
    ping_patching("created disabled [P4]", "POST /Users", INACTIVE, INACTIVE, 201),
)

cyberark = partial(Shape, "7", ("cyberark",))
SINGLE: Final = (
    "ServiceProviderConfig",
    "ResourceTypes/User",
    "ResourceTypes/Group",
    *(f"Schemas/{urn}" for urn in (USER, ENTERPRISE, GROUP)),
)
CYBERARK: Final = (
    cyberark("connection test [C1]", r"GET /Users\?count=1", answer=FOUND_NONE),
    *(cyberark(f"{item} by itself [C1]", f"GET /{re.escape(item)}", status=200) for item in SINGLE),
    cyberark("a user looked up [C1]", LOOK_UP, answer=FOUND_NONE),
    cyberark("a user created [C1]", "POST /Users", {"userName": str}, status=201),
    cyberark("a user replaced [C1]", f"PUT {ONE_USER}", INACTIVE, INACTIVE),
    cyberark("a group looked up [C1]", LOOK_UP_GROUP, answer=FOUND_NONE),
    cyberark("a group created [C1]", "POST /Groups", {"displayName": str}, status=201),
    cyberark("a group patched [C1]", f"PATCH {ONE_GROUP}", patch(operation("add", "members", list))),
    cyberark("no PATCH of a user [C1]", "PATCH /Users.*", never=True),
    cyberark("no DELETE [C1]", "DELETE .*", never=True),
)

authentik = partial(Shape, "9", ("authentik",))
authentik_replacing = partial(Shape, "9", ("authentik-replacing",))
CAN: Final = {"patch": {"supported": True}}
SEVERAL: Final = patch({"op": "replace", "value": {"displayName": str, "externalId": str}})
UNASSIGNED: Final = {"userName": str, "title": None, "nickName": None, "authentikUid": str}
AUTHENTIK: Final = (
    authentik("what the service can do [A1]", "GET /ServiceProviderConfig", answer=CAN),
    authentik("nulls and an unknown attribute", "POST /Users", UNASSIGNED, status=201),
    authentik("a group by PATCH without a path [A1]", f"PATCH {ONE_GROUP}", SEVERAL, status=204),
    authentik("a user by PUT [A2]", f"PUT {ONE_USER}", UNASSIGNED, status=200),
    authentik("404 on PUT: looked up [A2]", f"PUT {ONE_USER}", status=404, then=LOOK_UP),
    authentik("and created again [A2]", LOOK_UP, answer=FOUND_NONE, then="POST /Users"),
    authentik_replacing("a group as one PUT [A3]", f"PUT {ONE_GROUP}", {"members": [MEMBER, MEMBER]}),
)

TAKEN: Final = {"status": "409", "scimType": "uniqueness"}
READDRESSED: Final = {"emails": [{"value": "kay@cobalt.example", "type": "work", "primary": True}]}
again = partial(Shape, "10", ("onelogin", "okta-catalog"))
GATEWAY: Final = (
    again("a create again after a lost answer", "POST /Users", answer=TAKEN, status=409, then="GET /Users.*"),
    Shape("10", ("onelogin",), "an address changed by PUT", rf"PUT {ONE_USER}\?", READDRESSED, {"id": ID}),
)

OTHERS: Final = (*GOOGLE, *ONELOGIN, *JUMPCLOUD, *PING, *CYBERARK, *AUTHENTIK, *GATEWAY)
