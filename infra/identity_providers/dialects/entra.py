"""Microsoft Entra ID in both modes: default, and with `aadOptscim062020` (idp-behaviours 2; M1 to M6)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from infra.identity_providers.beliefs import Link, Members, TeamLink
from infra.identity_providers.dialect import DONE, ENTERPRISE, GROUP, USER, Dialect, listed, parted, patch
from infra.identity_providers.exchanges import Conversation, Request, ask, equals, found_one, plus
from infra.identity_providers.people import Profile, Team

CYCLE_SECONDS: Final = 40 * 60.0  # M1, M6
NOBODY: Final = "b1d6c8a2-8f0e-4f5d-9a55-6f0a1d2c3e4f"
EXTRA_GROUP: Final = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
MISTYPED: Final = (
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"  # in Microsoft's own examples (M1)
)
MOST_MEMBERS: Final = 50  # several memberships in a PATCH, never all of a big group
CUSTOM: Final = "urn:ietf:params:scim:schemas:extension:customer:"
ROLE_TYPE: Final = "WindowsAzureActiveDirectoryRole"


class EntraDefault(Dialect):
    """What nearly every customer runs: `Replace`, booleans as texts, an operation for each attribute."""

    name = "entra-default"
    vendor = "entra"
    headers: Mapping[str, str] = {"Accept": "application/scim+json", "Content-Type": "application/scim+json"}
    interval = CYCLE_SECONDS
    repeats_at_once = False  # an object that failed is retried with a later cycle (M4)
    clears = False  # M7: what is null in Entra is skipped, not removed
    attributes = frozenset({"title", "mobile", "department", "roles"})

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
        return Request("create user", "POST", "/Users", body | custom(profile))

    def created(self, profile: Profile) -> Profile:
        """Core attributes that were mapped later follow in an update of their own."""
        told = super().created(profile)
        return replace(told, more=tuple(one for one in told.more if one[0].startswith(CUSTOM)))

    def extension(self, profile: Profile) -> str:
        """The extension's URN, mistyped in Microsoft's older examples (M1)."""
        return MISTYPED if profile.number % 2 else ENTERPRISE

    def roles(self, profile: Profile) -> list[dict[str, Any]]:
        """App roles as created: one is primary, of several none is, and they have a name to show (M3)."""
        if len(profile.roles) == 1:
            return [{"primary": True, "type": ROLE_TYPE, "value": profile.roles[0]}]
        return [
            {"primary": False, "type": ROLE_TYPE, "value": role, "displayName": f"{role}s"}
            for role in profile.roles
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
        if profile.roles and (known is None or known.roles != profile.roles):
            made.append(self.role_change(profile, known))
        return made

    def role_change(self, profile: Profile, known: Profile | None) -> dict[str, Any]:
        """A mapping to the one that is `primary eq "True"`, or the app roles as JSON in a text (M3)."""
        if known is not None and len(known.roles) == len(profile.roles) == 1:
            return {"op": "Replace", "path": 'roles[primary eq "True"].value', "value": profile.roles[0]}
        roles = [
            {"id": str(number), "value": role, "displayName": f"{role}s"}
            for number, role in enumerate(profile.roles, 1)
        ]
        return {"op": "Add", "path": "roles", "value": [{"value": json.dumps(role)} for role in roles]}

    def set_manager(self, profile: Profile, link: Link, boss: Link) -> Conversation[None]:
        if profile.number % 3 == 0:  # the older shape (M1)
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
            "externalId": team.external_id,
            "displayName": team.name,
            "meta": {"resourceType": "Group"},
        }
        return Request("create group", "POST", "/Groups", body)

    def update_team(self, team: Team, link: TeamLink, members: Members) -> Conversation[None]:
        path = f"/Groups/{link.id}"
        read = yield from ask(Request("read group", "GET", f"{path}?excludedAttributes=members"), 200)
        if read.body["displayName"] != team.name:
            yield from ask(patch("rename group", path, self.named(team)), *DONE)
        joining = link.to_join(members)
        for come in portions(joining):
            yield from ask(patch("add members", path, self.joined(come)), *DONE)
        for left in portions(link.to_part(members)):
            yield from ask(patch("remove members", path, *self.parted(left)), *DONE)
        for one in joining[:1]:  # a reference is checked (M1)
            asked = plus(f"{equals('id', link.id)} and {equals('members', one)}")
            check = Request("check reference", "GET", f"/Groups?excludedAttributes=members&filter={asked}")
            yield from ask(check, 200)

    def named(self, team: Team) -> dict[str, Any]:
        return {"op": "Replace", "path": "displayName", "value": team.name}

    def joined(self, members: Iterable[str]) -> dict[str, Any]:
        return {"op": "Add", "path": "members", "value": listed(members, **{"$ref": None})}

    def parted(self, members: Iterable[str]) -> list[dict[str, Any]]:
        return [{"op": "Remove", "path": "members", "value": listed(members)}]


class EntraFlagged(EntraDefault):
    """With `?aadOptscim062020` in the Tenant URL: attributes together in one operation without path (M2)."""

    name = "entra-flagged"
    suffix = "?aadOptscim062020"

    def extension(self, profile: Profile) -> str:  # noqa: ARG002 - the default mode chooses by it
        return ENTERPRISE

    def operations(self, profile: Profile, known: Profile | None) -> list[dict[str, Any]]:
        texts = {path: text for path, text in changed(profile, known).items() if text is not None}
        filtered = {path: texts.pop(path) for path in list(texts) if "[" in path}
        value: dict[str, Any] = dict(texts)
        if known is None or known.active is not profile.active:
            value["active"] = profile.active
        made: list[dict[str, Any]] = [{"op": "replace", "value": value}] if value else []
        made += [{"op": "replace", "path": path, "value": text} for path, text in filtered.items()]
        if profile.roles and (known is None or known.roles != profile.roles):
            made.append({"op": "replace", "path": "roles", "value": self.roles(profile)})
        return made

    def set_manager(self, profile: Profile, link: Link, boss: Link) -> Conversation[None]:  # noqa: ARG002 - one shape
        operation = {"op": "add", "path": f"{ENTERPRISE}:manager", "value": {"value": boss.id}}
        yield from ask(patch("set manager", f"/Users/{link.id}", operation), *DONE)

    def named(self, team: Team) -> dict[str, Any]:
        return {"op": "replace", "path": "displayName", "value": team.name}

    def joined(self, members: Iterable[str]) -> dict[str, Any]:
        return {"op": "add", "path": "members", "value": listed(members, **{"$ref": None})}

    def parted(self, members: Iterable[str]) -> list[dict[str, Any]]:
        return parted(members)


class EntraOnDemand(EntraDefault):
    """Provisioning on demand: the flag in the Tenant URL does not apply, shapes are the default ones (M2)."""

    name = "entra-on-demand"
    suffix = EntraFlagged.suffix


def changed(profile: Profile, known: Profile | None) -> dict[str, str | None]:
    """The texts that differ, by the paths that Entra's default mapping names them with."""
    now, before = _texts(profile), _texts(known) if known is not None else {}
    return {path: value for path, value in now.items() if value != before.get(path)}


def custom(profile: Profile) -> dict[str, dict[str, str]]:
    """Attributes under a URN of the customer's own, which `schemas` does not list (M3)."""
    found: dict[str, dict[str, str]] = {}
    for path, value in profile.more:
        urn, _, name = path.rpartition(":")
        if path.startswith(CUSTOM):
            found.setdefault(urn, {})[name] = value
    return found


def portions(members: list[str]) -> list[list[str]]:
    """So many members as one request carries."""
    return [members[at : at + MOST_MEMBERS] for at in range(0, len(members), MOST_MEMBERS)]


def _texts(profile: Profile) -> dict[str, str | None]:
    return {
        "userName": profile.login,
        "externalId": profile.external_id,
        "displayName": profile.display_name,
        'emails[type eq "work"].value': profile.email,
        "name.givenName": profile.given,
        "name.familyName": profile.family,
        "title": profile.title,
        'phoneNumbers[type eq "mobile"].value': profile.mobile,
        f"{ENTERPRISE}:department": profile.department,
        **dict(profile.more),
    }
