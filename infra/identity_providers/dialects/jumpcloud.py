"""JumpCloud (idp-behaviours 5; J1, J2): tries the endpoint out with a user and a group of its own making."""

from dataclasses import replace
from typing import Any

from infra.identity_providers.beliefs import Link, Members, TeamLink
from infra.identity_providers.dialect import DONE, USER, Dialect, listed, patch
from infra.identity_providers.dialects.patching import PatchesUsers
from infra.identity_providers.exchanges import Conversation, Request, ask
from infra.identity_providers.people import Team


class JumpCloud(Dialect):
    """No extension schemas; deprovisions to inactive, then deletes; removes members as Entra does."""

    name = "jumpcloud"
    vendor = "jumpcloud"
    attributes = frozenset({"title", "mobile"})

    def connect(self) -> Conversation[None]:
        """Activation makes a test user and a test group, updates them and deletes them (J1)."""
        body = {
            "schemas": [USER],
            "userName": "jumpcloud-test",
            "displayName": "JumpCloud Test",
            "name": {"givenName": "JumpCloud", "familyName": "Test"},
            "emails": [{"value": "jumpcloud-test@jumpcloud.example", "type": "work", "primary": True}],
            "active": False,
        }
        path = "/Users"
        made = yield from ask(Request("create test user", "POST", path, body), 201)
        user = Link(str(made.body["id"]))
        changed = body | {"displayName": "JumpCloud Test User"}
        yield from ask(Request("replace test user", "PUT", f"{path}/{user.id}", changed), *DONE)
        team = Team(0, "JumpCloud test group")
        body = self.team_body(team, {})
        made = yield from ask(Request("create test group", "POST", "/Groups", body), 201)
        group = TeamLink(str(made.body["id"]), team.name, frozenset())
        yield from self.update_team(team, group, {user.id: "jumpcloud-test"})
        yield from self.update_team(team, TeamLink(group.id, team.name, frozenset({user.id})), {})
        yield from self.delete_team(group)
        yield from self.delete_user(user)

    def update_team(self, team: Team, link: TeamLink, members: Members) -> Conversation[None]:
        path = f"/Groups/{link.id}"
        if link.name != team.name:
            named = {"op": "replace", "path": "displayName", "value": team.name}
            yield from ask(patch("rename group", path, named), *DONE)
        if come := link.to_join(members):
            added = {"op": "add", "path": "members", "value": listed(come)}
            yield from ask(patch("add members", path, added), *DONE)
        if left := link.to_part(members):
            removed: dict[str, Any] = {"op": "remove", "path": "members", "value": listed(left)}
            yield from ask(patch("remove members", path, removed), *DONE)

    def delete_user(self, link: Link) -> Conversation[None]:
        """Deprovisioned to inactive before it is deleted."""
        if link.told is not None and link.told.active:
            yield from self.update_user(replace(link.told, active=False), link)
        yield from super().delete_user(link)


class JumpCloudPatching(PatchesUsers, JumpCloud):
    """The method for user updates is not known (section 5): this one patches."""

    name = "jumpcloud-patching"
