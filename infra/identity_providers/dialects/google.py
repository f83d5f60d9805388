"""Google Workspace, with a catalogue app's connector pointed at us (idp-behaviours 3; G1, G2, G4 to G6)."""

from collections.abc import Mapping
from typing import Any, Final

from infra.identity_providers.dialect import USER, Dialect
from infra.identity_providers.dialects.patching import PatchesUsers
from infra.identity_providers.exchanges import Conversation, Request, ask, equals, found_one, percent
from infra.identity_providers.people import Profile

ROUND_SECONDS: Final = 3 * 3600.0  # "every few hours" (G5)
DRAFT: Final = "urn:scim:schemas:core:1.0"


class Google(Dialect):
    """Users only; suspends, later deletes; never says that it accepts SCIM's media type."""

    name = "google"
    vendor = "google"
    headers: Mapping[str, str] = {
        "User-Agent": "Google-Auto-Provisioning",
        "Content-Type": "application/json",
    }
    interval = ROUND_SECONDS
    pushes_teams = False
    attributes: frozenset[str] = frozenset()

    def find_user(self, profile: Profile) -> Conversation[dict[str, Any] | None]:
        path = f"/Users?filter={percent(equals('userName', profile.login))}&startIndex=1"
        return found_one((yield from ask(Request("look up user", "GET", path), 200)))

    def user_body(self, profile: Profile) -> dict[str, Any]:
        return super().user_body(profile) | {"schemas": [DRAFT, USER]}


class GooglePatching(PatchesUsers, Google):
    """Whether updates are PUT or PATCH is not known (section 3): this one patches."""

    name = "google-patching"
