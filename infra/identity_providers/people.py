"""A customer's own directory: who works there, in which teams, how that changes. Chance is an argument."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum, auto
from typing import Final

GIVEN: Final = (
    "Ana",
    "Bruno",
    "Chloé",
    "Dev",
    "Eva",
    "Håkon",
    "Ines",
    "Łukasz",
    "Mei",
    "Niamh",
    "Óscar",
    "Zoë",
)
FAMILY: Final = ("Berg", "Čapek", "D'Angelo", "Fischer", "García", "Ito", "Kaya", "Müller", "O'Neil", "Šimić")
DEPARTMENTS: Final = ("Sales", "IT", "Büro Süd", "R&D", "Legal", "Field service")
TITLES: Final = ("Engineer", "Senior engineer", "Clerk", "Head of team", "Apprentice")
TEAMS: Final = ("IT", "Support", "Büro Süd", "R&D", "Área Norte", "Отдел 7", 'The "A" team')
ROLES: Final = ("User", "Admin")


class Kind(StrEnum):
    """What a subject of the provisioning is; in the order in which identity providers send them."""

    PERSON = "person"
    MANAGER = "manager"
    TEAM = "team"


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody or something that the endpoint is to be told about."""

    kind: Kind
    number: int


class Change(Enum):
    """What can happen in a directory."""

    JOIN = auto()
    MOVE = auto()
    MARRY = auto()
    READDRESS = auto()
    LEAVE = auto()
    RETURN = auto()
    PURGE = auto()
    REHIRE = auto()
    ENTER_TEAM = auto()
    QUIT_TEAM = auto()
    NEW_TEAM = auto()
    RENAME_TEAM = auto()
    END_TEAM = auto()


# One of each first, so that the smallest run has all; then by these weights.
EVERY_CHANGE: Final = tuple(Change)
WEIGHTS: Final = (20, 24, 6, 2, 9, 6, 2, 1, 16, 10, 1, 2, 1)


@dataclass(frozen=True, slots=True)
class Profile:
    """One human at one moment; `manager` is another's number, None is nobody or nothing."""

    number: int
    login: str
    email: str
    given: str
    family: str
    department: str
    title: str | None
    mobile: str | None
    role: str | None
    manager: int | None = None
    active: bool = True

    @property
    def display_name(self) -> str:
        """As shown to people; different for everybody."""
        return f"{self.given} {self.family} {self.number}"

    @property
    def external_id(self) -> str:
        """The identity provider's own key; it never changes."""
        return f"{self.email.partition('@')[2]}-{self.number:08x}"


@dataclass(frozen=True, slots=True)
class Team:
    """A group that is pushed."""

    number: int
    name: str
    members: frozenset[int]


@dataclass(slots=True)
class Directory:
    """People and teams of one customer. `plain_logins`: a login is no e-mail address here."""

    domain: str
    chance: random.Random
    plain_logins: bool = False
    people: dict[int, Profile] = field(default_factory=dict)
    purged: dict[int, Profile] = field(default_factory=dict)
    teams: dict[int, Team] = field(default_factory=dict)
    last_person: int = 0
    last_team: int = 0

    def found(self, people: int) -> list[Subject]:
        """The directory as provisioning begins: so many people, some managed by others, some teams."""
        touched = [subject for _ in range(people) for subject in self.change(Change.JOIN)]
        for _ in range(min(len(TEAMS), 2 + people // 40)):
            touched += self.change(Change.NEW_TEAM)
        return touched

    def change(self, kind: Change) -> list[Subject]:
        """Let this happen to somebody; whom it touches, nobody where it cannot happen now."""
        match kind:
            case Change.JOIN:
                return self._join()
            case Change.PURGE:
                return self._purge()
            case Change.REHIRE:
                return self._rehire()
            case Change.NEW_TEAM:
                return self._new_team()
            case Change.ENTER_TEAM | Change.QUIT_TEAM | Change.RENAME_TEAM | Change.END_TEAM:
                return self._change_team(kind)
            case _:
                return self._change_person(kind)

    def _join(self) -> list[Subject]:
        self.last_person = number = self.last_person + 1
        draw = self.chance
        login = f"u{number:05d}"
        email = f"{login}@{self.domain}"
        bosses = self._numbers(active=True)
        profile = Profile(
            number,
            login if self.plain_logins else email,
            email,
            draw.choice(GIVEN),
            draw.choice(FAMILY),
            draw.choice(DEPARTMENTS),
            draw.choice((None, *TITLES)),
            f"+00 {number:06d}" if draw.random() < 0.4 else None,
            draw.choice(ROLES) if draw.random() < 0.3 else None,
            draw.choice(bosses[:20]) if bosses and draw.random() < 0.5 else None,
        )
        self.people[number] = profile
        return [person(number), *([manager(number)] if profile.manager is not None else [])]

    def _change_person(self, kind: Change) -> list[Subject]:
        chosen = self._numbers(active=kind is not Change.RETURN)
        if not chosen or (kind is Change.LEAVE and len(chosen) < 3):
            return []
        number = self.chance.choice(chosen)
        before = self.people[number]
        after = self._changed(before, kind)
        self.people[number] = after
        touched = [person(number)]
        if after.manager != before.manager:
            touched.append(manager(number))
        return touched

    def _changed(self, profile: Profile, kind: Change) -> Profile:
        draw = self.chance
        match kind:
            case Change.MOVE:
                bosses = [number for number in self._numbers(active=True)[:20] if number != profile.number]
                return replace(
                    profile,
                    department=draw.choice(DEPARTMENTS),
                    title=draw.choice(TITLES),
                    mobile=f"+00 {draw.randrange(10**6):06d}" if draw.random() < 0.7 else None,
                    role=draw.choice(ROLES) if profile.role is not None else None,
                    manager=draw.choice(bosses) if bosses else profile.manager,
                )
            case Change.MARRY:
                return replace(profile, family=f"{draw.choice(FAMILY)}-{draw.choice(FAMILY)}")
            case Change.READDRESS:
                email = f"{profile.given[0].lower()}{profile.number:05d}.new@{self.domain}".translate(ASCII)
                return replace(profile, email=email, login=profile.login if self.plain_logins else email)
            case _:
                return replace(profile, active=kind is Change.RETURN)

    def _purge(self) -> list[Subject]:
        """Somebody who has left before is deleted for good; teams lose him."""
        chosen = self._numbers(active=False)
        if not chosen:
            return []
        number = self.chance.choice(chosen)
        self.purged[number] = self.people.pop(number)
        touched = [person(number)]
        for team in self.teams.values():
            if number in team.members:
                self.teams[team.number] = replace(team, members=team.members - {number})
                touched.append(Subject(Kind.TEAM, team.number))
        return touched

    def _rehire(self) -> list[Subject]:
        if not self.purged:
            return []
        number = self.chance.choice(sorted(self.purged))
        self.people[number] = replace(self.purged.pop(number), active=True)
        return [person(number), manager(number)]

    def _new_team(self) -> list[Subject]:
        taken = {team.name for team in self.teams.values()}
        free = [name for name in TEAMS if name not in taken]
        self.last_team = number = self.last_team + 1
        name = self.chance.choice(free) if free else f"Team {number}"
        people = self._numbers(active=True)
        size = min(len(people), self.chance.randint(0, max(2, len(people) // 3)))
        self.teams[number] = Team(number, name, frozenset(self.chance.sample(people, size)))
        return [Subject(Kind.TEAM, number)]

    def _change_team(self, kind: Change) -> list[Subject]:
        if not self.teams or (kind is Change.END_TEAM and len(self.teams) < 2):
            return []
        team = self.teams[self.chance.choice(sorted(self.teams))]
        match kind:
            case Change.END_TEAM:
                del self.teams[team.number]
            case Change.RENAME_TEAM:
                self.teams[team.number] = replace(team, name=f"{team.name.split(' · ')[0]} · {team.number}")
            case _:
                outside = sorted(set(self._numbers(active=True)) - team.members)
                chosen = outside if kind is Change.ENTER_TEAM else sorted(team.members)
                some = frozenset(self.chance.sample(chosen, min(len(chosen), self.chance.randint(1, 3))))
                members = team.members | some if kind is Change.ENTER_TEAM else team.members - some
                self.teams[team.number] = replace(team, members=members)
        return [Subject(Kind.TEAM, team.number)]

    def _numbers(self, *, active: bool) -> list[int]:
        return [number for number, profile in self.people.items() if profile.active is active]


ASCII: Final = str.maketrans({"ł": "l", "ó": "o", "Ł": "l", "Ó": "o", "å": "a"})


def person(number: int) -> Subject:
    """The subject of a human."""
    return Subject(Kind.PERSON, number)


def manager(number: int) -> Subject:
    """The subject of who manages a human."""
    return Subject(Kind.MANAGER, number)


def everybody(subjects: Iterable[Subject]) -> list[int]:
    """The humans among these."""
    return [subject.number for subject in subjects if subject.kind is Kind.PERSON]
