"""authentik's SCIM provider (idp-behaviours 9; A1 to A3): asks for PATCH, forgets what is not found."""

from typing import Any, ClassVar

from infra.identity_providers.beliefs import Link, Members, TeamLink
from infra.identity_providers.dialect import DONE, USER, Dialect, listed, parted, patch
from infra.identity_providers.exchanges import Conversation, Forgotten, Refused, Request, ask
from infra.identity_providers.people import Profile, Team


class Authentik(Dialect):
    """Users by PUT (A2); groups by PATCH where the service says that it can (A1), else PUT (A3)."""

    name = "authentik"
    vendor = "authentik"
    repeats_at_once = False
    attributes: frozenset[str] = frozenset({"title"})
    most_members: ClassVar[int] = 100

    def __init__(self) -> None:
        self.patches = False

    def connect(self) -> Conversation[None]:
        answer = yield from ask(Request("discover", "GET", "/ServiceProviderConfig"), 200)
        self.patches = answer.body["patch"]["supported"] is True

    def user_body(self, profile: Profile) -> dict[str, Any]:
        """Everything that it has, `null` for what nobody set, and an attribute that no schema knows."""
        more: dict[str, Any] = {
            "schemas": [USER],
            "title": profile.title,
            "nickName": None,
            "photos": [],
            "locale": None,
            "authentikUid": profile.external_id,
        }
        return super().user_body(profile) | more

    def update_user(self, profile: Profile, link: Link) -> Conversation[None]:
        try:
            yield from super().update_user(profile, link)
        except Refused as refused:
            if refused.answer.status == 404:  # A2
                raise Forgotten from refused
            raise

    def update_team(self, team: Team, link: TeamLink, members: Members) -> Conversation[None]:
        if not self.patches:
            yield from super().update_team(team, link, members)
            return
        path = f"/Groups/{link.id}"
        value = {"displayName": team.name, "externalId": team.external_id}
        yield from ask(patch("change group", path, {"op": "replace", "value": value}), *DONE)
        if come := link.to_join(members):
            added = {"op": "add", "path": "members", "value": listed(come)}
            yield from ask(patch("add members", path, added), *DONE)
        removed = parted(link.to_part(members))
        for at in range(0, len(removed), self.most_members):
            yield from ask(patch("remove members", path, *removed[at : at + self.most_members]), *DONE)


class AuthentikReplacing(Authentik):
    """Where PATCH is off: a group arrives as one PUT, however big (A3)."""

    name = "authentik-replacing"

    def connect(self) -> Conversation[None]:
        yield from super().connect()
        self.patches = False
