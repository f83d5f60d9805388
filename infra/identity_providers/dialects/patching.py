"""What several vendors change by PATCH, to mix in; of some nobody knows whether they patch users."""

from typing import Any

from infra.identity_providers.beliefs import Link, Members, TeamLink
from infra.identity_providers.dialect import DONE, Dialect, listed, parted, patch
from infra.identity_providers.exchanges import Conversation, ask
from infra.identity_providers.people import Profile, Team


class PatchesUsers(Dialect):
    """Updates a user with one PATCH that names the attributes which differ, or all where nobody knows."""

    def update_user(self, profile: Profile, link: Link) -> Conversation[None]:
        wanted = self.user_body(profile)
        known = {} if link.told is None else self.user_body(link.told)
        changed = {name: value for name, value in wanted.items() if known.get(name) != value}
        changed.pop("schemas", None)
        operations = [{"op": "replace", "path": name, "value": value} for name, value in changed.items()]
        operations += [{"op": "remove", "path": name} for name in known if name not in wanted]
        if operations:
            yield from ask(patch("change user", f"/Users/{link.id}", *operations), *DONE)


class PatchesTeams(Dialect):
    """Updates a group with one PATCH that names what differs: its name, who comes, who goes."""

    def update_team(self, team: Team, link: TeamLink, members: Members) -> Conversation[None]:
        operations: list[dict[str, Any]] = []
        if link.name != team.name:
            operations.append({"op": "replace", "path": "displayName", "value": team.name})
        if come := link.to_join(members):
            operations.append({"op": "add", "path": "members", "value": listed(come)})
        operations += parted(link.to_part(members))
        if operations:
            yield from ask(patch("change group", f"/Groups/{link.id}", *operations), *DONE)
