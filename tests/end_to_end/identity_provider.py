"""A customer's identity provider, and what it knows to be accepted: the truth that the desk is judged by.

A person's display name carries a revision, so that the desk's own journal tells whether an older state was
ever written over a newer one. Names also go back to an earlier one, as people do who marry and part.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from tests.end_to_end.scim_client import Answer, ScimClient

USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
HOME: Final = "home"


@dataclass(slots=True)
class Person:
    """One human as the identity provider has him; `id` is ours, `groups` are keys of his groups.

    `inside` are the groups' ids (HOME for the customer's own organization) that he has to be in at the desk,
    and `entries` counts how often each of them came to be so. `names` are all that were accepted, in order.
    """

    number: int
    domain: str
    revision: int = 1  # of the name that he bears now
    revisions: int = 1  # there have been so far
    active: bool = True
    present: bool = True  # not deleted
    id: str = ""
    groups: set[str] = field(default_factory=set)
    inside: frozenset[str] = frozenset()
    entries: Counter[str] = field(default_factory=Counter)
    names: list[str] = field(default_factory=list)

    @property
    def user_name(self) -> str:
        """The login, which is no address here."""
        return f"login{self.number}.{self.domain}"

    @property
    def email(self) -> str:
        """The address, which is what the desk knows him by."""
        return f"person{self.number}@{self.domain}"

    @property
    def display_name(self) -> str:
        """Different for each revision."""
        return f"Person{self.number} of {self.domain} r{self.revision:04d}"

    @property
    def has_access(self) -> bool:
        """Whether he should get in."""
        return self.active and self.present

    def note(self, groups: Mapping[str, "Group"]) -> None:
        """Keep where he has to be after a change was accepted."""
        if not self.names or self.names[-1] != self.display_name:
            self.names.append(self.display_name)
        now = frozenset({HOME, *(groups[key].id for key in self.groups)} if self.has_access else ())
        self.entries.update(now - self.inside)
        self.inside = now

    def document(self) -> dict[str, Any]:
        """The user as sent."""
        return {
            "schemas": [USER],
            "userName": self.user_name,
            "externalId": f"ext-{self.number}-{self.domain}",
            "displayName": self.display_name,
            "emails": [{"value": self.email, "type": "work", "primary": True}],
            "active": self.active,
        }


@dataclass(slots=True)
class Group:
    """A pushed group; its key, the name that it began with, is what we know it by."""

    name: str
    id: str
    renames: int = 0


@dataclass(slots=True)
class IdentityProvider:
    """Speaks to one connection and remembers what was accepted. One change of a person at a time."""

    client: ScimClient
    slug: str
    prefix: str
    persons: dict[int, Person] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    deleted_groups: dict[str, Group] = field(default_factory=dict)
    accepted: int = 0

    @property
    def domain(self) -> str:
        """Where this customer's addresses are."""
        return f"{self.slug}.example"

    async def create(self, number: int) -> Person:
        """A new person, or a deleted one who returns."""
        person = self.persons.get(number)
        known = person.id if person is not None else ""
        if person is None:
            person = Person(number, self.domain)
        person.present, person.active = True, True
        answer = await self.client.insist("POST", "/Users", person.document())
        if answer.status == 409 and answer.repeated:
            person.id = await self._find(person)  # an earlier, unanswered request has done it
        else:
            assert answer.status == 201, (answer.status, answer.body)
            person.id = answer.resource_id
        assert known in ("", person.id), "a person who returned has another id"
        self.persons[number] = person
        self._accepted([person])
        return person

    async def rename(self, person: Person) -> None:
        """The next revision of the display name."""
        person.revisions += 1
        person.revision = person.revisions
        await self._patch_user(person, {"displayName": person.display_name})

    async def name_back(self, person: Person) -> None:
        """Back to the first name that he had."""
        person.revision = 1
        await self._patch_user(person, {"displayName": person.display_name})

    async def set_active(self, person: Person, active: bool) -> None:
        """Deactivate or reactivate, as Okta says it."""
        person.active = active
        await self._patch_user(person, {"active": active})

    async def delete(self, person: Person) -> None:
        """DELETE; his groups lose him."""
        answer = await self.client.insist("DELETE", f"/Users/{person.id}")
        assert answer.status == 204 or (answer.status == 404 and answer.repeated), answer
        person.present = False
        person.groups.clear()
        self._accepted([person])

    async def push_group(self, name: str, members: Iterable[Person] = ()) -> Group:
        """A new group with its first members."""
        chosen = list(members)
        listed = [{"value": person.id} for person in chosen]
        body = {"schemas": [GROUP], "displayName": name, "members": listed}
        answer = await self.client.insist("POST", "/Groups", body)
        if answer.status == 409 and answer.repeated:
            asked = quote(f'displayName eq "{name}"')
            found = await self.client.insist("GET", f"/Groups?filter={asked}")
            answer = Answer(201, found.body["Resources"][0], found.headers)
        assert answer.status == 201, (answer.status, answer.body)
        self.groups[name] = Group(name, answer.resource_id)
        for person in chosen:
            person.groups.add(name)
        self._accepted(chosen)
        return self.groups[name]

    async def join(self, person: Person, key: str) -> None:
        """Put a person into a group."""
        operation = {"op": "add", "path": "members", "value": [{"value": person.id}]}
        await self._patch_group(key, operation)
        person.groups.add(key)
        self._accepted([person])

    async def part(self, person: Person, key: str) -> None:
        """Take a person out of a group."""
        await self._patch_group(key, {"op": "remove", "path": f'members[value eq "{person.id}"]'})
        person.groups.discard(key)
        self._accepted([person])

    async def rename_group(self, key: str, name: str) -> None:
        """Give a group another name."""
        await self._patch_group(key, {"op": "replace", "value": {"displayName": name}})
        self.groups[key].name = name
        self.groups[key].renames += 1
        self._accepted([])

    async def delete_group(self, key: str) -> None:
        """DELETE; its members stay who they are."""
        answer = await self.client.insist("DELETE", f"/Groups/{self.groups[key].id}")
        assert answer.status == 204 or (answer.status == 404 and answer.repeated), answer
        members = [person for person in self.persons.values() if key in person.groups]
        for person in members:
            person.groups.discard(key)
        self.deleted_groups[key] = self.groups.pop(key)
        self._accepted(members)

    async def _patch_user(self, person: Person, value: dict[str, Any]) -> None:
        operations = [{"op": "replace", "value": value}]
        body = {"schemas": [PATCH], "Operations": operations}
        answer = await self.client.insist("PATCH", f"/Users/{person.id}", body)
        assert answer.status == 200, (answer.status, answer.body)
        self._accepted([person])

    async def _patch_group(self, key: str, operation: dict[str, Any]) -> None:
        body = {"schemas": [PATCH], "Operations": [operation]}
        answer = await self.client.insist("PATCH", f"/Groups/{self.groups[key].id}", body)
        assert answer.status in (200, 204), (answer.status, answer.body)

    async def _find(self, person: Person) -> str:
        asked = quote(f'userName eq "{person.user_name}"')
        answer = await self.client.insist("GET", f"/Users?filter={asked}")
        assert answer.status == 200, answer
        assert answer.body["totalResults"] == 1, answer
        return str(answer.body["Resources"][0]["id"])

    def _accepted(self, persons: Iterable[Person]) -> None:
        self.accepted += 1
        for person in persons:
            person.note(self.groups)
