"""Okta: what the wizard made replaces, what the catalogue has patches (idp-behaviours 1; O1, O2, O4)."""

from collections.abc import Mapping
from typing import Any

from infra.identity_providers.beliefs import Link, Members, TeamLink
from infra.identity_providers.dialect import DONE, Dialect, parted, patch, read_pages
from infra.identity_providers.exchanges import Conversation, Request, ask, equals, found_one, percent
from infra.identity_providers.people import Profile, Team


class OktaWizard(Dialect):
    """Made with the App Integration Wizard: always PUT, of what GET answered with the changes in it."""

    name = "okta-wizard"
    vendor = "okta"
    headers: Mapping[str, str] = {
        "User-Agent": "Okta SCIM Client 1.0.0",
        "Accept": "application/scim+json",
        "Accept-Charset": "utf-8",
        "Content-Type": "application/scim+json; charset=utf-8",
    }
    deletes = False  # O4: Okta never sends DELETE for a user

    def connect(self) -> Conversation[None]:
        """The import of who is there already."""
        yield from read_pages("/Users", "import users")
        yield from read_pages("/Groups", "import groups")

    def find_user(self, profile: Profile) -> Conversation[dict[str, Any] | None]:
        path = f"/Users?filter={percent(equals('userName', profile.login))}&startIndex=1&count=100"
        return found_one((yield from ask(Request("look up user", "GET", path), 200)))

    def create_user(self, profile: Profile) -> Request:
        more = {"locale": "en-US", "groups": [], "password": password(profile)}
        return Request("create user", "POST", "/Users", self.user_body(profile) | more)

    def update_user(self, profile: Profile, link: Link) -> Conversation[None]:
        yield from self.replace_user(profile, link)

    def replace_user(self, profile: Profile, link: Link) -> Conversation[None]:
        """GET, then PUT of that very document with what has changed."""
        read = yield from ask(Request("read user", "GET", f"/Users/{link.id}"), 200)
        wanted = self.user_body(profile) | {"password": password(profile)}
        kept = {name: value for name, value in read.body.items() if name not in ("title", "phoneNumbers")}
        body = kept | wanted | {"schemas": read.body["schemas"]}
        yield from ask(Request("replace user", "PUT", f"/Users/{link.id}", body), *DONE)

    def find_team(self, team: Team) -> Conversation[dict[str, Any] | None]:
        path = f"/Groups?filter={percent(equals('displayName', team.name))}&startIndex=1&count=100"
        return found_one((yield from ask(Request("look up group", "GET", path), 200)))


class OktaCatalog(OktaWizard):
    """From the OIN catalogue: PATCH for (de)activation, passwords and groups, PUT for the rest of a user."""

    name = "okta-catalog"

    def update_user(self, profile: Profile, link: Link) -> Conversation[None]:
        known, path = link.told, f"/Users/{link.id}"
        active = link.found_active if known is None else known.active
        if active is not profile.active:
            operation = {"op": "replace", "value": {"active": profile.active}}
            yield from ask(patch("set active", path, operation), *DONE)
        if known is not None and known.passwords != profile.passwords:
            operation = {"op": "replace", "value": {"password": password(profile)}}
            yield from ask(patch("set password", path, operation), *DONE)
        if known is None or self.user_body(known) != self.user_body(profile) | {"active": known.active}:
            yield from self.replace_user(profile, link)

    def update_team(self, team: Team, link: TeamLink, members: Members) -> Conversation[None]:
        path = f"/Groups/{link.id}"
        named = {"op": "replace", "value": {"id": link.id, "displayName": team.name}}
        if link.members is None or not members:
            # A full push; an empty list for an empty group (I1).
            full = {"op": "replace", "path": "members", "value": shown(members, sorted(members))}
            yield from ask(patch("push group", path, named, full), *DONE)
            return
        operations: list[dict[str, Any]] = [named, *parted(link.to_part(members))]
        if come := link.to_join(members):
            operations.append({"op": "add", "path": "members", "value": shown(members, come)})
        yield from ask(patch("change group", path, *operations), *DONE)


def shown(members: Members, chosen: list[str]) -> list[dict[str, str]]:
    """Members as elements of a value, each with its login."""
    return [{"value": member, "display": members[member]} for member in chosen]


def password(profile: Profile) -> str:
    """Sent even where passwords are not synchronised (O1)."""
    return f"random-{profile.number:08x}-{profile.passwords}"
