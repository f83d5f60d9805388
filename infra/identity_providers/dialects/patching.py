"""For vendors of whom nobody knows whether they replace or patch a user: a capability to mix in."""

from infra.identity_providers.beliefs import Link
from infra.identity_providers.dialect import DONE, Dialect, patch
from infra.identity_providers.exchanges import Conversation, ask
from infra.identity_providers.people import Profile


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
