"""A background of changes: several identity providers at work, who repeat whatever is not answered."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.end_to_end.customer import Customer, Person
from tests.waiting import until

LANES = 3  # requests of one identity provider at a time
PAUSE_SECONDS = 0.35  # between two changes of a lane, on average: some 25 changes a second in all
NEWCOMERS = 10_000_000  # persons from this number on are left to the tests
GROUPS = ("IT", "Support", "Büro Süd")


@dataclass(slots=True)
class Load:
    """Changes that go on until the block ends."""

    idps: Sequence[Customer]
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def accepted(self) -> int:
        """Changes accepted so far, by all together."""
        return sum(idp.accepted for idp in self.idps)

    async def more(self, count: int, seconds: float = 60.0) -> None:
        """Return when so many further changes were accepted."""
        target = self.accepted + count

        async def enough() -> bool:
            return self.accepted >= target

        await until(enough, seconds, f"{count} more changes accepted")


@asynccontextmanager
async def under_load(idps: Sequence[Customer], seed: int) -> AsyncIterator[Load]:
    """Changes of every kind in the background; at the end every request that is under way is answered."""
    load = Load(idps)
    async with asyncio.TaskGroup() as lanes:
        for place, idp in enumerate(idps):
            for lane in range(LANES):
                rng = random.Random(seed * 1000 + place * LANES + lane)  # noqa: S311 - to be repeatable
                lanes.create_task(_work(idp, lane, rng, load.stopping))
        try:
            yield load
        finally:
            load.stopping.set()


async def push_groups(idps: Sequence[Customer]) -> None:
    """Groups of the same names at every customer."""
    for idp in idps:
        for name in GROUPS:
            await idp.push_group(name)


async def _work(idp: Customer, lane: int, rng: random.Random, stopping: asyncio.Event) -> None:
    """One lane's changes, one after the other, of persons that are its own."""
    while not stopping.is_set():
        await _change(idp, lane, rng)
        try:
            async with asyncio.timeout(rng.uniform(0, 2 * PAUSE_SECONDS)):
                await stopping.wait()
        except TimeoutError:
            continue


async def _change(idp: Customer, lane: int, rng: random.Random) -> None:
    own = [person for number, person in idp.persons.items() if number < NEWCOMERS and number % LANES == lane]
    if len(own) < 3 or rng.random() < 0.25:
        highest = max((person.number // LANES for person in own), default=0)
        await idp.create((highest + 1) * LANES + lane)
        return
    person = rng.choice(own)
    if not person.present:
        await idp.create(person.number)
    elif not person.active:
        await rng.choice((reactivate, reactivate, rename, delete))(idp, person)
    else:
        dice = rng.random()
        if dice < 0.25:
            await rename(idp, person)
        elif dice < 0.35:
            await idp.name_back(person)
        elif dice < 0.5:
            await idp.set_active(person, False)
        elif dice < 0.6:
            await delete(idp, person)
        elif dice < 0.65 and lane == 0:
            await rename_group(idp, rng.choice(sorted(idp.groups)))
        else:
            await toggle_group(idp, person, rng.choice(sorted(idp.groups)))


async def rename(idp: Customer, person: Person) -> None:
    await idp.rename(person)


async def reactivate(idp: Customer, person: Person) -> None:
    await idp.set_active(person, True)


async def delete(idp: Customer, person: Person) -> None:
    await idp.delete(person)


async def toggle_group(idp: Customer, person: Person, key: str) -> None:
    if person.is_in(key):
        await idp.part(person, key)
    else:
        await idp.join(person, key)


async def rename_group(idp: Customer, key: str) -> None:
    """Away from its first name, and back to that."""
    group = idp.groups[key]
    await idp.rename_group(key, f"{key} {group.renames}" if group.name == key else key)
