"""Requests as fast as they are answered, at a number of connections spread over all customers."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from infra.identity_providers.wire import Answer, Wire
from tests.load.people import active_patch, okta_body
from tests.load.surroundings import Measured


@dataclass
class Load:
    """What a run of requests gave: how many a second, which answers, how long they took."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answers of the 2xx class per second."""
        return sum(number for status, number in self.statuses.items() if status < 300) / self.seconds

    def percentile(self, share: float) -> float:
        """Seconds within which this share of the answers came."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass
class Directory:
    """Whom the gateway has accepted, per customer: what gets and patches choose from."""

    ids: dict[str, list[str]] = field(default_factory=dict)
    serial: "count[int]" = field(default_factory=lambda: count(1))  # generic in the stubs only

    def add(self, customer: Measured, answer: Answer) -> None:
        """Remember a created person."""
        if answer.status == 201:
            self.ids.setdefault(customer.slug, []).append(str(answer.json()["id"]))


Speak = Callable[[Wire, Measured, int], Awaitable[Answer]]


async def creates(
    customers: Sequence[Measured], directory: Directory, connections: int, seconds: float
) -> Load:
    """POST new people."""

    async def speak(wire: Wire, customer: Measured, _turn: int) -> Answer:
        body = okta_body(f"p{next(directory.serial)}", customer.domain)
        answer = await wire.call("POST", "/Users", body)
        directory.add(customer, answer)
        return answer

    return await _run(customers, connections, seconds, speak)


async def gets(customers: Sequence[Measured], directory: Directory, connections: int, seconds: float) -> Load:
    """GET known people by id."""

    async def speak(wire: Wire, customer: Measured, turn: int) -> Answer:
        known = directory.ids[customer.slug]
        return await wire.call("GET", f"/Users/{known[turn % len(known)]}")

    return await _run(customers, connections, seconds, speak)


async def patches(
    customers: Sequence[Measured], directory: Directory, connections: int, seconds: float
) -> Load:
    """PATCH active of known people, each time to what it is not."""

    async def speak(wire: Wire, customer: Measured, turn: int) -> Answer:
        known = directory.ids[customer.slug]
        active = (turn // len(known)) % 2 == 1
        return await wire.call("PATCH", f"/Users/{known[turn % len(known)]}", active_patch(active))

    return await _run(customers, connections, seconds, speak)


async def _run(
    customers: Sequence[Measured],
    connections: int,
    seconds: float,
    speak: Speak,
) -> Load:
    load = Load()
    began = time.perf_counter()
    ends = began + seconds

    async def work(number: int) -> None:
        customer = customers[number % len(customers)]
        async with customer.wire() as wire:
            turn = 0
            while time.perf_counter() < ends:
                answer = await speak(wire, customer, turn)
                load.statuses[answer.status] += 1
                load.latencies.append(answer.seconds)
                turn += 1

    await asyncio.gather(*(work(number) for number in range(connections)))
    load.seconds = time.perf_counter() - began
    return load
