"""CyberArk Identity (idp-behaviours 7; C1): reads what the service can do item by item, never deletes."""

from collections.abc import Mapping

from infra.identity_providers.beliefs import TeamLink
from infra.identity_providers.dialect import DONE, ENTERPRISE, GROUP, USER, patch
from infra.identity_providers.dialects.patching import PatchesTeams
from infra.identity_providers.exchanges import Conversation, Request, ask


class CyberArk(PatchesTeams):
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

    def delete_team(self, link: TeamLink) -> Conversation[None]:
        """No DELETE: a group that is pushed no more is emptied."""
        emptied = {"op": "replace", "path": "members", "value": []}
        yield from ask(patch("empty group", f"/Groups/{link.id}", emptied), *DONE)


SCHEMAS = (USER, ENTERPRISE, GROUP)
