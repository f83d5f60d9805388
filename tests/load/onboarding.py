"""Who takes part in a run: customers onboarded here, or connections of a gateway that runs elsewhere."""

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from infra.identity_providers.catalogue import DIALECTS
from infra.identity_providers.dialect import Dialect
from infra.identity_providers.directory import Directory
from infra.identity_providers.life import Life, Pace
from infra.identity_providers.provider import IdentityProvider
from infra.identity_providers.wire import Endpoint
from infra.local.stack import Stack
from tests.load.surroundings import console_of, make_customer, make_desk
from vestibule_operator_console.connections import Idp

LEAST_PEOPLE: Final = 3
SPREAD: Final = 0.8  # sizes fall as 1 / rank ** SPREAD, as customers' do
CYCLES: Final = 5  # of Entra's forty minutes in one run
ENTRA_CYCLE_SECONDS: Final = 2400.0
SHORTEST_CYCLE: Final = 4.0
CHANGES_PER_PERSON: Final = 0.4
LEAST_CHANGES: Final = 26  # each change twice


class TargetError(ValueError):
    """The TARGET file is not what it should be; the text says every problem."""


@dataclass(frozen=True, slots=True)
class Participant:
    """One customer of the run and where its identity provider speaks to."""

    slug: str
    domain: str
    dialect: Dialect
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Plan:
    """What the options ask for."""

    idps: int
    people: int
    minutes: float
    seed: int

    @property
    def seconds(self) -> float:
        """How long customers change."""
        return self.minutes * 60.0

    @property
    def factor(self) -> float:
        """So many times faster than in life do identity providers' clocks run."""
        return ENTRA_CYCLE_SECONDS / max(SHORTEST_CYCLE, self.seconds / CYCLES)


async def open_desk(stack: Stack) -> None:
    """The sandbox desk of a private gateway, which all of its customers share."""
    async with console_of(stack) as console:
        await make_desk(stack, console)


async def onboard(stack: Stack, numbers: Iterable[int]) -> list[Participant]:
    """Customers of a private gateway, dialect after dialect."""
    found = []
    kinds = list(DIALECTS.values())
    async with console_of(stack) as console:
        for number in numbers:
            dialect = kinds[number % len(kinds)]()
            made = await make_customer(console, number, Idp(dialect.vendor))
            endpoint = Endpoint(made.base_url, made.token)
            found.append(Participant(made.slug, made.domain, dialect, endpoint))
    return found


def read_target(path: Path, most: int) -> list[Participant]:
    """Connections of a gateway elsewhere, which nobody else may use: a JSON list of objects.

    Each has `base_url`, `token`, `domain` and `dialect` (a name of the catalogue). Raises TargetError.
    """
    try:
        items: Any = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise TargetError(f"{path.name} cannot be read as JSON: {type(error).__name__}") from error
    if not isinstance(items, list) or not items:
        raise TargetError(f"{path.name} must be a list of connections")
    problems: list[str] = []
    found = [_participant(number, item, problems) for number, item in enumerate(items[:most])]
    if problems:
        raise TargetError("; ".join(problems))
    return [participant for participant in found if participant is not None]


def _participant(number: int, item: Any, problems: list[str]) -> Participant | None:
    if not isinstance(item, dict):
        problems.append(f"connection {number} is no object")
        return None
    needed = ("base_url", "token", "domain", "dialect")
    missing = [name for name in needed if not isinstance(item.get(name), str) or not item[name]]
    problems += [f"connection {number} has no {name}" for name in missing]
    if missing:
        return None
    if item["dialect"] not in DIALECTS:
        problems.append(f"connection {number}: dialect must be one of {', '.join(DIALECTS)}")
        return None
    endpoint = Endpoint(item["base_url"].rstrip("/"), item["token"])
    return Participant(f"connection-{number}", item["domain"], DIALECTS[item["dialect"]](), endpoint)


def sizes(count: int, people: int, seed: int) -> list[int]:
    """How many people each customer begins with: `people` on average, a few have many, most have few."""
    weights = [1.0 / rank**SPREAD for rank in range(1, count + 1)]
    whole = people * count / math.fsum(weights)
    found = [max(LEAST_PEOPLE, round(weight * whole)) for weight in weights]
    random.Random(f"{seed}/sizes").shuffle(found)  # noqa: S311 - to be repeatable
    return found


def identity_providers(participants: Sequence[Participant], plan: Plan) -> list[IdentityProvider]:
    """Each participant's, with its people; the same for the same seed."""
    made = []
    for participant, people in zip(
        participants, sizes(len(participants), plan.people, plan.seed), strict=True
    ):
        seed = f"{plan.seed}/{participant.slug}"
        changes = max(LEAST_CHANGES, round(people * CHANGES_PER_PERSON))
        pace = Pace(people, changes, plan.seconds * 0.2, plan.seconds * 0.95)
        directory = Directory(participant.domain)
        chance = random.Random(f"{seed}/life")  # noqa: S311 - to be repeatable
        life = Life(directory, pace, chance, participant.dialect.plain_logins)
        made.append(IdentityProvider(participant.dialect, directory, plan.factor, life))
    return made
