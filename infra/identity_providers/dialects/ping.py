"""PingOne (idp-behaviours 6; P1 to P4): replaces only, two addresses both primary, names in any case."""

from typing import Any

from infra.identity_providers.dialect import Dialect
from infra.identity_providers.dialects.patching import PatchesUsers
from infra.identity_providers.exchanges import Conversation, Request, ask, equals, found_one, percent
from infra.identity_providers.people import Profile, Team


class Ping(Dialect):
    """No PATCH (P2); memberships are overwritten (P3); an attribute once set cannot be cleared (P2)."""

    name = "ping"
    vendor = "ping"
    clears = False
    attributes = frozenset({"title", "mobile", "department"})

    def find_user(self, profile: Profile) -> Conversation[dict[str, Any] | None]:
        path = f"/Users?filter={percent(equals('userName', profile.login, 'Eq'))}"
        return found_one((yield from ask(Request("look up user", "GET", path), 200)))

    def user_body(self, profile: Profile) -> dict[str, Any]:
        """With two mapped addresses and one of them empty, the other comes twice, both primary (P2)."""
        emails = [
            {"Value": profile.email, "Type": "work", "Primary": True},
            {"Value": profile.email, "Type": "home", "Primary": True},
        ]
        return super().user_body(profile) | {"emails": emails}

    def find_team(self, team: Team) -> Conversation[dict[str, Any] | None]:
        path = f"/Groups?filter={percent(equals('displayName', team.name, 'Eq'))}"
        return found_one((yield from ask(Request("look up group", "GET", path), 200)))


class PingPatching(PatchesUsers, Ping):
    """The newer page does not rule PATCH out (P2); disables on removal (P3), creates disabled people (P4)."""

    name = "ping-patching"
    creates_inactive = True
    deletes = False
