"""Microsoft Entra ID in both modes: default, and with `aadOptscim062020` (idp-behaviours 2; M1 to M6)."""

import json
from collections.abc import Mapping
from typing import Any, Final

from infra.identity_providers.dialect import (
    DONE,
    ENTERPRISE,
    GROUP,
    USER,
    Dialect,
    Link,
    TeamLink,
    listed,
    patch,
)
from infra.identity_providers.exchanges import Conversation, Request, ask, equals, found_one, plus
from infra.identity_providers.people import ROLES, Profile, Team

CYCLE_SECONDS: Final = 40 * 60.0  # M1, M6
NOBODY: Final = "b1d6c8a2-8f0e-4f5d-9a55-6f0a1d2c3e4f"
EXTRA_GROUP: Final = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
MISTYPED: Final = (
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"  # in Microsoft's own examples (M1)
)
MOST_MEMBERS: Final = 50  # several memberships in a PATCH, never all of a big group
ROLE_TYPE: Final = "WindowsAzureActiveDirectoryRole"


class EntraDefault(Dialect):
    """What nearly every customer runs: `Replace`, booleans as texts, an operation for each attribute."""

    name = "entra-default"
    vendor = "entra"
    headers: Mapping[str, str] = {"Accept": "application/scim+json", "Content-Type": "application/scim+json"}
    interval = CYCLE_SECONDS
    repeats_at_once = False  # an object that failed is retried with a later cycle (M4)
    has_managers = True
    clears = False  # M7: what is null in Entra is skipped, not removed
    attributes = frozenset({"title", "mobile", "department", "role"})

    def connect(self) -> Conversation[None]:
        """Test Connection: nobody bears this random name, and the answer must be an empty list (M1)."""
        path = f"/Users?filter={plus(equals('userName', NOBODY))}"
        yield from ask(Request("test connection", "GET", path), 200)

    def find_user(self, profile: Profile) -> Conversation[dict[str, Any] | None]:
        path = f"/Users?filter={plus(equals('userName', profile.login))}"
        return found_one((yield from ask(Request("look up user", "GET", path), 200)))

    def create_user(self, profile: Profile) -> Request:
        body: dict[str, Any] = {
            "schemas": [USER, ENTERPRISE],
            "externalId": profile.external_id,
            "userName": profile.login,
            "active": profile.active,
            "displayName": profile.display_name,
            "emails": [{"primary": True, "type": "work", "value": profile.email}],
            "meta": {"resourceType": "User"},
            "name": {
                "formatted": profile.display_name,
                "familyName": profile.family,
                "givenName": profile.given,
            },
            "roles": self.roles(profile),
            "addresses": None,
            "title": profile.title,
            "phoneNumbers": None if profile.mobile is None else [{"type": "mobile", "value": profile.mobile}],
            self.extension(profile): {"department": profile.department, "manager": None},
        }
        return Request("create user", "POST", "/Users", body)

    def extension(self, profile: Profile) -> str:
        """The extension's URN, mistyped in Microsoft's older examples (M1)."""
        return MISTYPED if profile.number % 2 else ENTERPRISE

    def roles(self, profile: Profile) -> list[dict[str, Any]]:
        """An app role as created (M3)."""
        if profile.role is None:
            return []
        return [
            {"primary": True, "type": ROLE_TYPE, "value": profile.role, "displayName": f"{profile.role}s"}
        ]

    def update_user(self, profile: Profile, link: Link) -> Conversation[None]:
        operations = self.operations(profile, link.told)
        if operations:
            yield from ask(patch("change user", f"/Users/{link.id}", *operations), *DONE)

    def operations(self, profile: Profile, known: Profile | None) -> list[dict[str, Any]]:
        """One for each attribute that differs, in Entra's default shapes (M2)."""
        texts = {path: value for path, value in changed(profile, known).items() if value is not None}
        made: list[dict[str, Any]] = [
            {"op": "Add" if path in ("title", "nickName") else "Replace", "path": path, "value": value}
            for path, value in texts.items()
        ]
        if known is None or known.active is not profile.active:
            made.append({"op": "Replace", "path": "active", "value": str(profile.active)})
        if profile.role is not None and (known is None or known.role != profile.role):
            made.append(self.role_change(profile, known))
        return made

    def role_change(self, profile: Profile, known: Profile | None) -> dict[str, Any]:
        """A mapping to `roles[primary eq "True"]`, or the app role as JSON in a text (M3)."""
        if known is not None and profile.role != ROLES[-1]:
            return {"op": "Replace", "path": 'roles[primary eq "True"].value', "value": profile.role}
        role = {"id": "1", "value": profile.role, "displayName": f"{profile.role}s"}
        return {"op": "Add", "path": "roles", "value": [{"value": json.dumps(role)}]}

    def set_manager(self, link: Link, boss: Link) -> Conversation[None]:
        told = link.told.number if link.told is not None else 0
        if told % 3 == 0:  # the older shape (M1)
            value: Any = [{"$ref": f"../Users/{boss.id}", "value": boss.id}]
            operation = {"op": "Add", "path": "manager", "value": value}
        else:
            operation = {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": boss.id}
        yield from ask(patch("set manager", f"/Users/{link.id}", operation), *DONE)

    # --- groups

    def find_team(self, team: Team) -> Conversation[dict[str, Any] | None]:
        path = f"/Groups?excludedAttributes=members&filter={plus(equals('displayName', team.name))}"
        return found_one((yield from ask(Request("look up group", "GET", path), 200)))

    def create_team(self, team: Team) -> Request:
        body = {
            "schemas": [GROUP, EXTRA_GROUP],
            "externalId": f"team-{team.number:08x}",
            "displayName": team.name,
            "meta": {"resourceType": "Group"},
        }
        return Request("create group", "POST", "/Groups", body)

    def update_team(self, team: Team, link: TeamLink, members: frozenset[str]) -> Conversation[None]:
        path = f"/Groups/{link.id}"
        read = yield from ask(Request("read group", "GET", f"{path}?excludedAttributes=members"), 200)
        if read.body["displayName"] != team.name:
            yield from ask(patch("rename group", path, self.named(team)), *DONE)
        for come in portions(link.to_join(members)):
            yield from ask(patch("add members", path, self.joined(come)), *DONE)
        for left in portions(link.to_part(members)):
            yield from ask(patch("remove members", path, *self.parted(left)), *DONE)
        for one in sorted(link.to_join(members))[:1]:  # a reference is checked (M1)
            asked = plus(f"{equals('id', link.id)} and {equals('members', one)}")
            check = Request("check reference", "GET", f"/Groups?excludedAttributes=members&filter={asked}")
            yield from ask(check, 200)

    def named(self, team: Team) -> dict[str, Any]:
        return {"op": "Replace", "path": "displayName", "value": team.name}

    def joined(self, members: frozenset[str]) -> dict[str, Any]:
        return {"op": "Add", "path": "members", "value": listed(members, **{"$ref": None})}

    def parted(self, members: frozenset[str]) -> list[dict[str, Any]]:
        return [{"op": "Remove", "path": "members", "value": listed(members)}]


class EntraFlagged(EntraDefault):
    """With `?aadOptscim062020` in the Tenant URL: attributes together in one operation without path (M2)."""

    name = "entra-flagged"
    suffix = "?aadOptscim062020"

    def extension(self, profile: Profile) -> str:  # noqa: ARG002 - the default mode chooses by it
        return ENTERPRISE

    def operations(self, profile: Profile, known: Profile | None) -> list[dict[str, Any]]:
        value: dict[str, Any] = {
            path: text for path, text in changed(profile, known).items() if text is not None
        }
        if known is None or known.active is not profile.active:
            value["active"] = profile.active
        made: list[dict[str, Any]] = [{"op": "replace", "value": value}] if value else []
        if profile.role is not None and (known is None or known.role != profile.role):
            made.append({"op": "replace", "path": "roles", "value": self.roles(profile)})
        return made

    def set_manager(self, link: Link, boss: Link) -> Conversation[None]:
        operation = {"op": "add", "path": f"{ENTERPRISE}:manager", "value": {"value": boss.id}}
        yield from ask(patch("set manager", f"/Users/{link.id}", operation), *DONE)

    def named(self, team: Team) -> dict[str, Any]:
        return {"op": "replace", "path": "displayName", "value": team.name}

    def joined(self, members: frozenset[str]) -> dict[str, Any]:
        return {"op": "add", "path": "members", "value": listed(members, **{"$ref": None})}

    def parted(self, members: frozenset[str]) -> list[dict[str, Any]]:
        return [{"op": "remove", "path": f'members[value eq "{member}"]'} for member in sorted(members)]


def changed(profile: Profile, known: Profile | None) -> dict[str, str | None]:
    """The texts that differ, by the paths that Entra's default mapping names them with."""
    now, before = _texts(profile), _texts(known) if known is not None else {}
    return {path: value for path, value in now.items() if value != before.get(path)}


def portions(members: frozenset[str]) -> list[frozenset[str]]:
    """So many members as one request carries."""
    ordered = sorted(members)
    return [frozenset(ordered[at : at + MOST_MEMBERS]) for at in range(0, len(ordered), MOST_MEMBERS)]


def _texts(profile: Profile) -> dict[str, str | None]:
    return {
        "userName": profile.login,
        "displayName": profile.display_name,
        'emails[type eq "work"].value': profile.email,
        "name.givenName": profile.given,
        "name.familyName": profile.family,
        "title": profile.title,
        'phoneNumbers[type eq "mobile"].value': profile.mobile,
        f"{ENTERPRISE}:department": profile.department,
    }
