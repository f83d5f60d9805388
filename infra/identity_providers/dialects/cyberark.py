"""CyberArk Identity (idp-behaviours 7; C1): reads what the service can do item by item, never deletes."""

from collections.abc import Mapping
from typing import Any

from infra.identity_providers.beliefs import Members, TeamLink
from infra.identity_providers.dialect import DONE, ENTERPRISE, GROUP, USER, Dialect, listed, parted, patch
from infra.identity_providers.exchanges import Conversation, Request, ask
from infra.identity_providers.people import Team


class CyberArk(Dialect):
    """GET, POST and PUT for users, GET, POST and PATCH for groups; nothing else (C1)."""

    name = "cyberark"
    vendor = "cyberark"
    headers: Mapping[str, str] = {"Content-Type": "application/json"}
    deletes = False

    def connect(self) -> Conversation[None]:
        """The connection test, and discovery by single items."""
        items = ("/ResourceTypes/User", "/ResourceTypes/Group", *(f"/Schemas/{urn}" for urn in SCHEMAS))
        for path in ("/Users?count=1", "/ServiceProviderConfig", *items):
            yield from ask(Request("discover", "GET", path), 200)

    def update_team(self, team: Team, link: TeamLink, members: Members) -> Conversation[None]:
        operations: list[dict[str, Any]] = []
        if link.name != team.name:
            operations.append({"op": "replace", "path": "displayName", "value": team.name})
        if come := link.to_join(members):
            operations.append({"op": "add", "path": "members", "value": listed(come)})
        operations += parted(link.to_part(members))
        if operations:
            yield from ask(patch("change group", f"/Groups/{link.id}", *operations), *DONE)

    def delete_team(self, link: TeamLink) -> Conversation[None]:
        """No DELETE: a group that is pushed no more is emptied."""
        emptied = {"op": "replace", "path": "members", "value": []}
        yield from ask(patch("empty group", f"/Groups/{link.id}", emptied), *DONE)


SCHEMAS = (USER, ENTERPRISE, GROUP)
