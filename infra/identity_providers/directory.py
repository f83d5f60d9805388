"""A customer's own directory: who works there, in which teams; every change says whom it touches."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from infra.identity_providers.people import Profile, Subject, Team, manager, person, team


@dataclass(slots=True)
class Directory:
    """People and teams of one customer by their numbers. A change of somebody who is not there is a KeyError.

    Every change returns what the endpoint is to be told about.
    """

    domain: str
    people: dict[int, Profile] = field(default_factory=dict)
    purged: dict[int, Profile] = field(default_factory=dict)
    teams: dict[int, Team] = field(default_factory=dict)
    last_person: int = 0
    last_team: int = 0

    # --- people

    def join(self, newcomer: Profile) -> list[Subject]:
        """Somebody new, under a number that nobody had."""
        assert newcomer.number not in self.people.keys() | self.purged.keys(), "a number is one human's"
        self.people[newcomer.number] = newcomer
        self.last_person = max(self.last_person, newcomer.number)
        managed = [manager(newcomer.number)] if newcomer.manager is not None else []
        return [person(newcomer.number), *managed]

    def alter(self, number: int, **attributes: Any) -> list[Subject]:
        """Other values of a profile: names, e-mail address, login, title, whom one works for."""
        before = self.people[number]
        after = self.people[number] = replace(before, **attributes)
        return [person(number), *([manager(number)] if after.manager != before.manager else [])]

    def deactivate(self, number: int) -> list[Subject]:
        """He leaves, or is unassigned; his teams keep him."""
        return self.alter(number, active=False)

    def reactivate(self, number: int) -> list[Subject]:
        """He returns."""
        return self.alter(number, active=True)

    def purge(self, number: int) -> list[Subject]:
        """He is deleted for good; teams lose him."""
        self.purged[number] = self.people.pop(number)
        touched = [person(number)]
        for one in list(self.teams.values()):
            if number in one.members:
                touched += self.quit_team(one.number, [number])
        return touched

    def rehire(self, number: int) -> list[Subject]:
        """Somebody who was deleted is there again, with the same key."""
        self.people[number] = replace(self.purged.pop(number), active=True)
        return [person(number), manager(number)]

    # --- teams

    def form_team(self, number: int, name: str, members: Collection[int] = ()) -> list[Subject]:
        """A new group, under a number that none had."""
        assert number not in self.teams, "a number is one team's"
        self.teams[number] = Team(number, name, frozenset(members))
        self.last_team = max(self.last_team, number)
        return [team(number)]

    def rename_team(self, number: int, name: str) -> list[Subject]:
        """The same group under another name."""
        self.teams[number] = replace(self.teams[number], name=name)
        return [team(number)]

    def enter_team(self, number: int, people: Collection[int]) -> list[Subject]:
        """These become members."""
        members = self.teams[number].members | frozenset(people)
        self.teams[number] = replace(self.teams[number], members=members)
        return [team(number)]

    def quit_team(self, number: int, people: Collection[int]) -> list[Subject]:
        """These are members no more."""
        members = self.teams[number].members - frozenset(people)
        self.teams[number] = replace(self.teams[number], members=members)
        return [team(number)]

    def end_team(self, number: int) -> list[Subject]:
        """The group is pushed no more."""
        del self.teams[number]
        return [team(number)]

    def numbers(self, *, active: bool) -> list[int]:
        """Everybody who may get in, or may not."""
        return [number for number, profile in self.people.items() if profile.active is active]
