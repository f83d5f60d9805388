"""A customer and its simulated identity provider: what that knows to be accepted is what the desk must have.

A person's display name carries a revision, so that the desk's own journal tells whether an older state was
ever written over a newer one. Names also go back to an earlier one, as people do who marry and part.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from infra.identity_providers.beliefs import Link
from infra.identity_providers.people import Profile, Subject
from infra.identity_providers.speaking import Speaker
from tests.integration.ingest.scim_client import ScimClient

HOME: Final = "home"


@dataclass(slots=True)
class History:
    """What was accepted of one person so far: all names in order, and where he has to be at the desk.

    `inside` are groups' ids (HOME for the customer's own organization); `entries` counts how often each of
    them came to be so.
    """

    names: list[str] = field(default_factory=list)
    inside: frozenset[str] = frozenset()
    entries: Counter[str] = field(default_factory=Counter)

    def note(self, name: str, inside: frozenset[str]) -> None:
        """Something was accepted."""
        if not self.names or self.names[-1] != name:
            self.names.append(name)
        self.entries.update(inside - self.inside)
        self.inside = inside


@dataclass(frozen=True, slots=True)
class Person:
    """One human of a customer; everything is read from the directory and from what was accepted."""

    customer: "Customer"
    number: int

    @property
    def link(self) -> Link:
        """What the identity provider believes of him."""
        return self.customer.speaker.idp.beliefs.links[self.number]

    @property
    def id(self) -> str:
        """Ours."""
        return self.link.id

    @property
    def profile(self) -> Profile:
        """As the directory has him, or had him last."""
        directory = self.customer.speaker.idp.directory
        return directory.people.get(self.number) or directory.purged[self.number]

    @property
    def present(self) -> bool:
        """Whether he is in the directory."""
        return self.number in self.customer.speaker.idp.directory.people

    @property
    def active(self) -> bool:
        """Whether the directory lets him in."""
        return self.present and self.profile.active

    @property
    def email(self) -> str:
        """The address, which is what the desk knows him by."""
        return self.profile.email

    @property
    def display_name(self) -> str:
        """Different for each revision."""
        return self.profile.display_name

    @property
    def has_access(self) -> bool:
        """Whether it was accepted that he gets in."""
        told = self.link.told
        return told is not None and told.active and not self.link.gone

    @property
    def history(self) -> History:
        """What was accepted of him."""
        return self.customer.histories[self.number]

    def is_in(self, key: str) -> bool:
        """Whether the directory has him in a group."""
        teams = self.customer.speaker.idp.directory.teams
        return self.number in teams[self.customer.groups[key].number].members


@dataclass(slots=True)
class Group:
    """A pushed group; its key, the name that it began with, is what tests know it by."""

    customer: "Customer"
    number: int
    renames: int = 0

    @property
    def name(self) -> str:
        """The name that it has now."""
        return self.customer.speaker.idp.directory.teams[self.number].name

    @property
    def id(self) -> str:
        """Ours."""
        return self.customer.speaker.idp.beliefs.team_links[self.number].id


@dataclass(slots=True)
class Customer:
    """Its directory changes, and its identity provider tells each change at once, in its own dialect.

    Changes of different people may be under way at the same time; of one person one after the other. `scim`
    is for requests that no identity provider sends.
    """

    speaker: Speaker
    scim: ScimClient
    slug: str
    prefix: str
    histories: dict[int, History] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    ended_groups: list[str] = field(default_factory=list)  # the names that they had last
    accepted: int = 0

    @property
    def domain(self) -> str:
        """Where this customer's addresses are."""
        return self.speaker.idp.directory.domain

    @property
    def persons(self) -> dict[int, Person]:
        """Everybody who was ever accepted."""
        return {number: Person(self, number) for number in self.histories}

    async def create(self, number: int) -> Person:
        """A new person, or a deleted one who returns."""
        directory = self.speaker.idp.directory
        if number in directory.purged:
            await self._accepted(directory.rehire(number))
        else:
            await self._accepted(directory.join(newcomer(number, self.domain)))
        return Person(self, number)

    async def rename(self, person: Person) -> None:
        """The next revision of the display name."""
        await self._name(person, len(set(person.history.names)) + 1)

    async def name_back(self, person: Person) -> None:
        """Back to the first name that he had."""
        await self._name(person, 1)

    async def readdress(self, person: Person, email: str) -> None:
        """Another e-mail address."""
        await self._accepted(self.speaker.idp.directory.alter(person.number, email=email))

    async def set_active(self, person: Person, active: bool) -> None:
        """Deactivate or reactivate."""
        directory = self.speaker.idp.directory
        change = directory.reactivate if active else directory.deactivate
        await self._accepted(change(person.number))

    async def delete(self, person: Person) -> None:
        """He is deleted for good; his groups lose him."""
        await self._accepted(self.speaker.idp.directory.purge(person.number))

    async def push_group(self, name: str, members: Collection[Person] = ()) -> Group:
        """A new group with its first members."""
        directory = self.speaker.idp.directory
        number = directory.last_team + 1
        self.groups[name] = Group(self, number)
        await self._accepted(directory.form_team(number, name, [person.number for person in members]))
        return self.groups[name]

    async def join(self, person: Person, key: str) -> None:
        """Put a person into a group."""
        group = self.groups[key]
        await self._accepted(self.speaker.idp.directory.enter_team(group.number, [person.number]))

    async def part(self, person: Person, key: str) -> None:
        """Take a person out of a group."""
        group = self.groups[key]
        await self._accepted(self.speaker.idp.directory.quit_team(group.number, [person.number]))

    async def rename_group(self, key: str, name: str) -> None:
        """Give a group another name."""
        self.groups[key].renames += 1
        await self._accepted(self.speaker.idp.directory.rename_team(self.groups[key].number, name))

    async def delete_group(self, key: str) -> None:
        """The group ends; its members stay who they are."""
        group = self.groups[key]
        self.ended_groups.append(group.name)
        await self._accepted(self.speaker.idp.directory.end_team(group.number))
        del self.groups[key]

    def surprises(self) -> Iterator[str]:
        """Answers that no identity provider should see."""
        yield from self.speaker.idp.beliefs.surprises
        yield from self.speaker.idp.agenda.refused
        for status, count in self.speaker.tally.answers.items():
            if status >= 500 and status != 503:
                yield f"{status}, {count} times"

    async def _name(self, person: Person, revision: int) -> None:
        shown = named(person.number, self.domain, revision)
        await self._accepted(self.speaker.idp.directory.alter(person.number, display_name=shown))

    async def _accepted(self, touched: Iterable[Subject]) -> None:
        """Have it told, then keep where everybody has to be now."""
        await self.speaker.tell(touched)
        self.accepted += 1
        beliefs = self.speaker.idp.beliefs
        for number, link in beliefs.links.items():
            told = link.told
            if told is None:
                continue  # somebody else's change of him is under way, and is noted after it
            history = self.histories.setdefault(number, History())
            groups = (one.id for one in beliefs.team_links.values() if link.id in one.certain)
            access = told.active and not link.gone
            history.note(told.display_name, frozenset({HOME, *groups} if access else ()))


def newcomer(number: int, domain: str) -> Profile:
    """Somebody new, whose login is no address."""
    return Profile(
        number,
        f"ext-{number}-{domain}",
        f"login{number}.{domain}",
        f"person{number}@{domain}",
        f"Given{number}",
        f"Family{number}",
        named(number, domain, 1),
    )


def named(number: int, domain: str, revision: int) -> str:
    """A display name; different for each revision."""
    return f"Person{number} of {domain} r{revision:04d}"
