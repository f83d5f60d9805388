"""What chance does to a customer's directory; the same seed is the same life."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from infra.identity_providers.directory import Directory
from infra.identity_providers.people import Profile, Subject

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
ROLES: Final[tuple[tuple[str, ...], ...]] = (("User",), ("Admin",), ("User", "Admin"))
ASCII: Final[Mapping[int, str]] = str.maketrans({"ł": "l", "ó": "o", "Ł": "l", "Ó": "o", "å": "a"})


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
class Pace:
    """How a run goes: changes are spread over the time from `first` to `last`, in seconds of the run."""

    people: int
    changes: int
    first: float
    last: float


@dataclass(slots=True)
class Life:
    """Draws what happens next, and to whom. `plain_logins`: a login is no e-mail address here."""

    directory: Directory
    pace: Pace
    chance: random.Random
    plain_logins: bool = False
    changed: int = 0
    happened: Counter[str] = field(default_factory=Counter)

    def found(self) -> list[Subject]:
        """The directory as provisioning begins: so many people, some managed by others, some teams."""
        touched = [subject for _ in range(self.pace.people) for subject in self._change(Change.JOIN)]
        for _ in range(min(len(TEAMS), 2 + self.pace.people // 40)):
            touched += self._change(Change.NEW_TEAM)
        return touched

    def advance(self, now: float) -> list[Subject]:
        """Let happen what is due until now; whom it touches."""
        span = max(self.pace.last - self.pace.first, 1e-9)
        due = int(self.pace.changes * min(1.0, max(0.0, (now - self.pace.first) / span)))
        touched: list[Subject] = []
        while self.changed < due:
            touched += self.let_happen(self._next_change())
        return touched

    def next_time(self) -> float | None:
        """When something is to happen next; None where nothing is."""
        if self.changed >= self.pace.changes:
            return None
        return self.pace.first + (self.changed + 1) * (self.pace.last - self.pace.first) / self.pace.changes

    def let_happen(self, kind: Change) -> list[Subject]:
        """One change to somebody, whether or not it is due; touches nobody where it cannot happen now."""
        touched = self._change(kind)
        self.changed += 1
        if touched:
            self.happened[kind.name.lower()] += 1
        return touched

    def _next_change(self) -> Change:
        if self.changed < len(EVERY_CHANGE):
            return EVERY_CHANGE[self.changed]
        return self.chance.choices(EVERY_CHANGE, WEIGHTS)[0]

    def _change(self, kind: Change) -> list[Subject]:
        match kind:
            case Change.JOIN:
                return self.directory.join(self._newcomer(self.directory.last_person + 1))
            case Change.PURGE | Change.REHIRE:
                return self._purge_or_rehire(kind)
            case Change.NEW_TEAM:
                return self._new_team()
            case Change.ENTER_TEAM | Change.QUIT_TEAM | Change.RENAME_TEAM | Change.END_TEAM:
                return self._change_team(kind)
            case _:
                return self._change_person(kind)

    def _newcomer(self, number: int) -> Profile:
        draw = self.chance
        login = f"u{number:05d}"
        email = f"{login}@{self.directory.domain}"
        bosses = self.directory.numbers(active=True)
        given, family = draw.choice(GIVEN), draw.choice(FAMILY)
        return Profile(
            number,
            f"{self.directory.domain}-{number:08x}",
            login if self.plain_logins else email,
            email,
            given,
            family,
            named(given, family, number),
            draw.choice(DEPARTMENTS),
            draw.choice((None, *TITLES)),
            f"+00 {number:06d}" if draw.random() < 0.4 else None,
            draw.choice(ROLES) if draw.random() < 0.5 else (),
            draw.choice(bosses[:20]) if bosses and draw.random() < 0.5 else None,
        )

    def _change_person(self, kind: Change) -> list[Subject]:
        chosen = self.directory.numbers(active=kind is not Change.RETURN)
        if not chosen or (kind is Change.LEAVE and len(chosen) < 3):
            return []
        number = self.chance.choice(chosen)
        match kind:
            case Change.MOVE:
                return self._move(self.directory.people[number])
            case Change.MARRY:
                return self._marry(self.directory.people[number])
            case Change.READDRESS:
                return self._readdress(self.directory.people[number])
            case Change.LEAVE:
                return self.directory.deactivate(number)
            case _:
                return self.directory.reactivate(number)

    def _move(self, profile: Profile) -> list[Subject]:
        draw = self.chance
        active = self.directory.numbers(active=True)[:20]
        bosses = [number for number in active if number != profile.number]
        return self.directory.alter(
            profile.number,
            department=draw.choice(DEPARTMENTS),
            title=draw.choice(TITLES),
            mobile=f"+00 {draw.randrange(10**6):06d}" if draw.random() < 0.7 else None,
            roles=draw.choice(ROLES) if profile.roles else (),
            manager=draw.choice(bosses) if bosses else profile.manager,
        )

    def _marry(self, profile: Profile) -> list[Subject]:
        family = f"{self.chance.choice(FAMILY)}-{self.chance.choice(FAMILY)}"
        shown = named(profile.given, family, profile.number)
        return self.directory.alter(profile.number, family=family, display_name=shown)

    def _readdress(self, profile: Profile) -> list[Subject]:
        local = f"{profile.given[0].lower()}{profile.number:05d}.new".translate(ASCII)
        email = f"{local}@{self.directory.domain}"
        login = profile.login if self.plain_logins else email
        return self.directory.alter(profile.number, email=email, login=login)

    def _purge_or_rehire(self, kind: Change) -> list[Subject]:
        """Somebody who has left before is deleted for good, or one who was deleted is there again."""
        purging = kind is Change.PURGE
        chosen = self.directory.numbers(active=False) if purging else sorted(self.directory.purged)
        if not chosen:
            return []
        number = self.chance.choice(chosen)
        return self.directory.purge(number) if purging else self.directory.rehire(number)

    def _new_team(self) -> list[Subject]:
        taken = {team.name for team in self.directory.teams.values()}
        free = [name for name in TEAMS if name not in taken]
        number = self.directory.last_team + 1
        name = self.chance.choice(free) if free else f"Team {number}"
        people = self.directory.numbers(active=True)
        size = min(len(people), self.chance.randint(0, max(2, len(people) // 3)))
        return self.directory.form_team(number, name, self.chance.sample(people, size))

    def _change_team(self, kind: Change) -> list[Subject]:
        teams = self.directory.teams
        if not teams or (kind is Change.END_TEAM and len(teams) < 2):
            return []
        team = teams[self.chance.choice(sorted(teams))]
        match kind:
            case Change.END_TEAM:
                return self.directory.end_team(team.number)
            case Change.RENAME_TEAM:
                return self.directory.rename_team(team.number, f"{team.name.split(' · ')[0]} · {team.number}")
            case Change.ENTER_TEAM:
                outside = sorted(set(self.directory.numbers(active=True)) - team.members)
                return self.directory.enter_team(team.number, self._some(outside))
            case _:
                return self.directory.quit_team(team.number, self._some(sorted(team.members)))

    def _some(self, chosen: list[int]) -> list[int]:
        return self.chance.sample(chosen, min(len(chosen), self.chance.randint(1, 3)))


def named(given: str, family: str, number: int) -> str:
    """As shown to people; different for everybody."""
    return f"{given} {family} {number}"
