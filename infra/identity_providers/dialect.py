"""What all identity providers have in common; a dialect says every request of one of them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol, runtime_checkable

from infra.identity_providers.beliefs import Link, Members, TeamLink
from infra.identity_providers.exchanges import Conversation, Request, ask, equals, found_one, percent
from infra.identity_providers.people import Profile, Team

USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_OP: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SCIM_JSON: Final = "application/scim+json"
DONE: Final = (200, 204)
PAGE: Final = 100
CLEARABLE: Final = ("title", "mobile", "department", "roles")


@runtime_checkable
class TellsManagers(Protocol):
    """An identity provider that says who manages whom."""

    def set_manager(self, profile: Profile, link: Link, boss: Link) -> Conversation[None]:
        """Tell who manages a person."""


class Dialect:
    """The requests of a plain client that replaces whole resources; each vendor overrides what differs.

    `interval` is the time between two rounds in seconds of the real world, 0 for one that sends changes as
    they happen. `suffix` follows the base URL.
    """

    name: str = "plain"
    vendor: str = "other"  # as the gateway names it
    headers: Mapping[str, str] = {"Accept": SCIM_JSON, "Content-Type": SCIM_JSON}
    suffix: str = ""
    interval: float = 0.0
    repeats_at_once: bool = True  # an unheard request is sent again as it was, not with the next round
    plain_logins: bool = False
    pushes_teams: bool = True
    creates_inactive: bool = False  # who may not get in is created all the same
    deletes: bool = True
    clears: bool = True  # an attribute without a value is unassigned at the endpoint, too
    attributes: frozenset[str] = frozenset({"title", "mobile", "department"})

    # --- before anything else

    def connect(self) -> Conversation[None]:
        """What the admin's "test connection" sends."""
        yield from ask(Request("test connection", "GET", "/Users?count=1"), 200)

    # --- people

    def find_user(self, profile: Profile) -> Conversation[dict[str, Any] | None]:
        """Look a person up by the matching attribute."""
        path = f"/Users?filter={percent(equals('userName', profile.login))}"
        return found_one((yield from ask(Request("look up user", "GET", path), 200)))

    def find_user_by_key(self, profile: Profile) -> Conversation[dict[str, Any] | None]:
        """Look a person up by the provider's own key."""
        path = f"/Users?filter={percent(equals('externalId', profile.external_id))}"
        return found_one((yield from ask(Request("look up user", "GET", path), 200)))

    def user_body(self, profile: Profile) -> dict[str, Any]:
        """The whole person as sent."""
        body: dict[str, Any] = {
            "schemas": [USER],
            "userName": profile.login,
            "externalId": profile.external_id,
            "displayName": profile.display_name,
            "name": {"givenName": profile.given, "familyName": profile.family},
            "emails": [{"value": profile.email, "type": "work", "primary": True}],
            "active": profile.active,
        }
        if "title" in self.attributes and profile.title is not None:
            body["title"] = profile.title
        if "mobile" in self.attributes and profile.mobile is not None:
            body["phoneNumbers"] = [{"value": profile.mobile, "type": "mobile"}]
        if "department" in self.attributes and profile.department is not None:
            body["schemas"] = [USER, ENTERPRISE]
            body[ENTERPRISE] = {"department": profile.department}
        return body

    def create_user(self, profile: Profile) -> Request:
        """Make the person at the endpoint."""
        return Request("create user", "POST", "/Users", self.user_body(profile))

    def update_user(self, profile: Profile, link: Link) -> Conversation[None]:
        """Have the endpoint know the person as he is now, his being active included."""
        body = self.user_body(profile)
        yield from ask(Request("replace user", "PUT", f"/Users/{link.id}", body), *DONE)

    def delete_user(self, link: Link) -> Conversation[None]:
        """The person is gone from the directory for good; 404 where that was done before."""
        yield from ask(Request("delete user", "DELETE", f"/Users/{link.id}"), 204, 404)

    def created(self, profile: Profile) -> Profile:
        """What the endpoint knows after it created the person."""
        return self.taken(profile, None)

    def taken(self, profile: Profile, before: Profile | None) -> Profile:
        """What the endpoint knows after it took `profile`; managers are told apart from it."""
        told = replace(profile, manager=None)
        if before is not None and not self.clears:
            kept = {name: getattr(told, name) or getattr(before, name) for name in CLEARABLE}
            told = replace(told, **kept)
        return told

    # --- teams

    def find_team(self, team: Team) -> Conversation[dict[str, Any] | None]:
        """Look a group up by its name."""
        path = f"/Groups?filter={percent(equals('displayName', team.name))}"
        return found_one((yield from ask(Request("look up group", "GET", path), 200)))

    def find_team_by_key(self, team: Team) -> Conversation[dict[str, Any] | None]:
        """Look a group up by the provider's own key, for those who give it one."""
        path = f"/Groups?excludedAttributes=members&filter={percent(equals('externalId', team.external_id))}"
        return found_one((yield from ask(Request("look up group", "GET", path), 200)))

    def team_body(self, team: Team, members: Members) -> dict[str, Any]:
        """The whole group as sent."""
        return {"schemas": [GROUP], "displayName": team.name, "members": listed(sorted(members))}

    def create_team(self, team: Team) -> Request:
        """Make the group at the endpoint, without members."""
        return Request("create group", "POST", "/Groups", self.team_body(team, {}))

    def update_team(self, team: Team, link: TeamLink, members: Members) -> Conversation[None]:
        """Have the endpoint know the group's name and exactly these members."""
        body = self.team_body(team, members)
        yield from ask(Request("replace group", "PUT", f"/Groups/{link.id}", body), *DONE)

    def delete_team(self, link: TeamLink) -> Conversation[None]:
        """The group is pushed no more."""
        yield from ask(Request("delete group", "DELETE", f"/Groups/{link.id}"), 204, 404)


def patch(purpose: str, path: str, *operations: Mapping[str, Any]) -> Request:
    """A PATCH with these operations."""
    return Request(purpose, "PATCH", path, {"schemas": [PATCH_OP], "Operations": list(operations)})


def listed(members: Iterable[str], **more: object) -> list[dict[str, object]]:
    """Members as elements of a value, each with the same further sub-attributes."""
    return [{"value": member, **more} for member in members]


def parted(members: Iterable[str]) -> list[dict[str, Any]]:
    """Members removed by a filter, an operation for each."""
    return [{"op": "remove", "path": f'members[value eq "{member}"]'} for member in members]


def read_pages(endpoint: str, purpose: str, start: int = 1) -> Conversation[list[dict[str, Any]]]:
    """All resources of an endpoint, a hundred at a time, as an import reads them."""
    found: list[dict[str, Any]] = []
    while True:
        path = f"{endpoint}?startIndex={start + len(found)}&count={PAGE}"
        answer = yield from ask(Request(purpose, "GET", path), 200)
        page = answer.body.get("Resources") or []
        found += page
        if not page or len(found) >= answer.body["totalResults"]:
            return found
