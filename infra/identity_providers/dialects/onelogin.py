"""OneLogin, as captured (idp-behaviours 4; L1): queries with nothing in them, old schema URNs."""

from collections.abc import Mapping
from typing import Any, Final

from infra.identity_providers.beliefs import Link
from infra.identity_providers.dialect import DONE, ENTERPRISE
from infra.identity_providers.dialects.patching import PatchesTeams
from infra.identity_providers.exchanges import Conversation, Request, ask, equals, found_one, plus
from infra.identity_providers.people import Profile, Team

CORE: Final = "urn:scim:schemas:core:2.0"
EXTENSION: Final = "urn:scim:schemas:extension:enterprise:2.0"


class OneLogin(PatchesTeams):
    """PUT for users, PATCH for memberships; a user name is no e-mail address."""

    name = "onelogin"
    vendor = "onelogin"
    headers: Mapping[str, str] = {"User-Agent": "OneLogin", "Content-Type": "application/json"}
    plain_logins = True

    def find_user(self, profile: Profile) -> Conversation[dict[str, Any] | None]:
        path = f"/Users?filter={plus(equals('userName', profile.login))}&"
        return found_one((yield from ask(Request("look up user", "GET", path), 200)))

    def user_body(self, profile: Profile) -> dict[str, Any]:
        body = super().user_body(profile) | {"schemas": [CORE, EXTENSION]}
        return body | ({EXTENSION: body.pop(ENTERPRISE)} if ENTERPRISE in body else {})

    def update_user(self, profile: Profile, link: Link) -> Conversation[None]:
        request = Request("replace user", "PUT", f"/Users/{link.id}?", self.user_body(profile))
        yield from ask(request, *DONE)

    def find_team(self, team: Team) -> Conversation[dict[str, Any] | None]:
        path = f"/Groups?filter={plus(equals('displayName', team.name))}&"
        return found_one((yield from ask(Request("look up group", "GET", path), 200)))

    def create_team(self, team: Team) -> Request:
        body = {"schemas": [CORE, EXTENSION], "displayName": team.name}
        return Request("create group", "POST", "/Groups", body)
