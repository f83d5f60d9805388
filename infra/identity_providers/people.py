"""Who an identity provider knows: people and teams at one moment, and what of them is to be told."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


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


@dataclass(frozen=True, slots=True)
class Profile:
    """One human at one moment; `manager` is another's number, None is nobody or nothing.

    `external_id` is the identity provider's own key. `passwords` counts how often a new one was set. `more`
    are further attributes that an admin has mapped, each by the path that a PATCH names it with.
    """

    number: int
    external_id: str
    login: str
    email: str
    given: str
    family: str
    display_name: str
    department: str | None = None
    title: str | None = None
    mobile: str | None = None
    roles: tuple[str, ...] = ()
    manager: int | None = None
    active: bool = True
    passwords: int = 0
    more: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Team:
    """A group that is pushed."""

    number: int
    name: str
    members: frozenset[int] = frozenset()

    @property
    def external_id(self) -> str:
        """The identity provider's own key."""
        return f"team-{self.number:08x}"


def person(number: int) -> Subject:
    """The subject of a human."""
    return Subject(Kind.PERSON, number)


def manager(number: int) -> Subject:
    """The subject of who manages a human."""
    return Subject(Kind.MANAGER, number)


def team(number: int) -> Subject:
    """The subject of a group."""
    return Subject(Kind.TEAM, number)


PASSES: Final = tuple(Kind)


def in_order(subjects: Iterable[Subject]) -> list[Subject]:
    """As identity providers send them: people, then who manages whom, then teams."""
    return sorted(set(subjects), key=lambda one: (PASSES.index(one.kind), one.number))
