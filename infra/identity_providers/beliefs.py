"""What an identity provider believes the endpoint to know, and what it is not sure of."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from infra.identity_providers.people import Profile

Members: TypeAlias = Mapping[str, str]  # their ids at the endpoint, with their logins


@dataclass(slots=True)
class Link:
    """A person at the endpoint: its id there and what the endpoint was last told and took.

    `told` is None where that is not known: for somebody who was found there, and after an answer was lost.
    `asked` is what was asked last, taken or not; `found_active` what a search has shown, None after none.
    `gone`: a deletion was asked, `ended`: and confirmed.
    """

    id: str
    told: Profile | None = None
    asked: Profile | None = None
    found_active: bool | None = None
    gone: bool = False
    ended: bool = False


@dataclass(slots=True)
class TeamLink:
    """A group at the endpoint: the ids of its members as told, None where nobody knows.

    `possible` are more who may be there, because an answer was lost; an empty name is not known either.
    """

    id: str
    name: str
    members: frozenset[str] | None = None
    possible: frozenset[str] = frozenset()

    @property
    def certain(self) -> frozenset[str]:
        """Who is there."""
        return self.members if self.members is not None else frozenset()

    def to_join(self, members: Members) -> list[str]:
        """Who must be added so that exactly these are there."""
        return sorted(members.keys() - self.certain)

    def to_part(self, members: Members) -> list[str]:
        """Who must be removed, or may have to be."""
        return sorted((self.certain | self.possible) - members.keys())


@dataclass(slots=True)
class Beliefs:
    """Everything that was said of one customer's people and teams, by their numbers in the directory."""

    links: dict[int, Link] = field(default_factory=dict)
    team_links: dict[int, TeamLink] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)  # id -> person
    managers: dict[int, str] = field(default_factory=dict)  # as told: person -> id of the manager
    asked: dict[int, Profile] = field(default_factory=dict)  # as last asked for, taken or not
    addresses: dict[int, set[str]] = field(default_factory=dict)  # every one that was ever sent
    joined: dict[tuple[str, str], float] = field(default_factory=dict)  # (group, member) -> when it was taken
    errors: Counter[str] = field(default_factory=Counter)  # expected in life: lost answers and what follows
    surprises: list[str] = field(default_factory=list)

    def asks(self, profile: Profile) -> None:
        """This is about to be asked for."""
        self.asked[profile.number] = profile
        self.addresses.setdefault(profile.number, set()).add(profile.email)

    def link(self, number: int, link: Link, login: str) -> Link:
        """A person was created or found; nobody's id may be another's or a new one."""
        before = self.links.get(number)
        known = before.told if before is not None else None
        if before is not None and before.id != link.id and known is not None and known.login == login:
            self.surprises.append("a person who returned under the same names has another id")
        if self.owners.setdefault(link.id, number) != number:
            self.surprises.append("two persons were given one id")
        self.links[number] = link
        return link

    def seat(self, number: int, now: float) -> None:
        """A group was told: who is new in it joined now, and who is not in it any more did not."""
        link = self.team_links.get(number)
        if link is None:
            return
        for group, member in [key for key in self.joined if key[0] == link.id and key[1] not in link.certain]:
            del self.joined[group, member]
        for member in link.certain:
            self.joined.setdefault((link.id, member), now)

    def members(self, numbers: Iterable[int]) -> dict[str, str]:
        """Those who are at the endpoint."""
        found = {}
        for number in numbers:
            link = self.links.get(number)
            if link is not None and not link.gone:
                told = link.told or link.asked
                found[link.id] = told.login if told is not None else ""
        return found
