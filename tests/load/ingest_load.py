"""Requests as fast as they are answered, at a number of connections spread over all customers."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TypeAlias

import orjson

from infra.identity_providers.wire import Answer, Wire
from tests.load.measuring import quantile
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
        return quantile(sorted(self.latencies), share)

    def require_success(self) -> None:
        """Raise RuntimeError for wrong answers: a rate of them is no rate."""
        wrong = {status: number for status, number in self.statuses.items() if status >= 300}
        if wrong:
            raise RuntimeError(f"requests were not accepted: {wrong}")

    def note(self, answer: Answer) -> None:
        """Take an answer in."""
        self.statuses[answer.status] += 1
        self.latencies.append(answer.seconds)


@dataclass(frozen=True, slots=True)
class Known:
    """A person the gateway has accepted: its id, and the name that it was made from."""

    id: str
    name: str


@dataclass
class Directory:
    """Whom the gateway has accepted, per customer: what other requests choose from."""

    people: dict[str, list[Known]] = field(default_factory=dict)
    serial: "count[int]" = field(default_factory=lambda: count(1))  # generic in the stubs only

    def new_name(self) -> str:
        """A name that nobody has yet."""
        return f"p{next(self.serial)}"

    def add(self, customer: Measured, name: str, answer: Answer) -> None:
        """Remember a created person."""
        if answer.status == 201:
            known = Known(str(answer.json()["id"]), name)
            self.people.setdefault(customer.slug, []).append(known)

    def choose(self, customer: Measured, turn: int) -> Known:
        """One of the customer's people, each in turn."""
        known = self.people[customer.slug]
        return known[turn % len(known)]


# Sends one request, or the few that belong together, and says every answer.
Speak: TypeAlias = Callable[[Wire, Measured, int, Load], Awaitable[None]]
Work: TypeAlias = Callable[[Sequence[Measured], Directory, int, float], Coroutine[None, None, Load]]


async def creates(
    customers: Sequence[Measured], directory: Directory, connections: int, seconds: float
) -> Load:
    """POST new people."""

    async def speak(wire: Wire, customer: Measured, _turn: int, load: Load) -> None:
        await _create(wire, customer, directory, load)

    return await _run(customers, connections, seconds, speak)


async def gets(customers: Sequence[Measured], directory: Directory, connections: int, seconds: float) -> Load:
    """GET known people by id."""

    async def speak(wire: Wire, customer: Measured, turn: int, load: Load) -> None:
        load.note(await wire.call("GET", f"/Users/{directory.choose(customer, turn).id}"))

    return await _run(customers, connections, seconds, speak)


async def filters(
    customers: Sequence[Measured], directory: Directory, connections: int, seconds: float
) -> Load:
    """Look known people up by userName."""

    async def speak(wire: Wire, customer: Measured, turn: int, load: Load) -> None:
        await _look_up(wire, customer, directory.choose(customer, turn).name, 1, load)

    return await _run(customers, connections, seconds, speak)


async def patches(
    customers: Sequence[Measured], directory: Directory, connections: int, seconds: float
) -> Load:
    """PATCH active of known people, each time to what it is not."""

    async def speak(wire: Wire, customer: Measured, turn: int, load: Load) -> None:
        active = (turn // len(directory.people[customer.slug])) % 2 == 1
        path = f"/Users/{directory.choose(customer, turn).id}"
        load.note(await wire.call("PATCH", path, active_patch(active)))

    return await _run(customers, connections, seconds, speak)


async def okta_sync(
    customers: Sequence[Measured], directory: Directory, connections: int, seconds: float
) -> Load:
    """What Okta sends for a joiner and a mover: look up, POST; GET, PUT with another title."""

    async def speak(wire: Wire, customer: Measured, turn: int, load: Load) -> None:
        person = await _create(wire, customer, directory, load, look_first=True)
        if person is None:
            return
        known = directory.choose(customer, turn)
        answer = await wire.call("GET", f"/Users/{known.id}")
        load.note(answer)
        body = {**orjson.loads(okta_body(known.name, customer.domain)), "title": f"Title {turn}"}
        load.note(await wire.call("PUT", f"/Users/{known.id}", orjson.dumps(body)))

    return await _run(customers, connections, seconds, speak)


async def _create(
    wire: Wire, customer: Measured, directory: Directory, load: Load, *, look_first: bool = False
) -> Answer | None:
    name = directory.new_name()
    if look_first:
        await _look_up(wire, customer, name, 0, load)
    answer = await wire.call("POST", "/Users", okta_body(name, customer.domain))
    load.note(answer)
    directory.add(customer, name, answer)
    return answer if answer.status == 201 else None


async def _look_up(wire: Wire, customer: Measured, name: str, wanted: int, load: Load) -> None:
    address = f"{name}%40{customer.domain}"  # nothing else in it needs an escape
    answer = await wire.call("GET", f"/Users?filter=userName%20eq%20%22{address}%22")
    load.note(answer)
    if b'"totalResults":%d,' % wanted not in answer.body:
        raise RuntimeError(f"the filter did not find {wanted}")


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
                await speak(wire, customer, turn, load)
                turn += 1

    await asyncio.gather(*(work(number) for number in range(connections)))
    load.seconds = time.perf_counter() - began
    return load
