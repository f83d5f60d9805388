"""When work that waits is carried out together, and when beside what is under way."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from vestibule.database.pool import Connection, Pool
from vestibule_ingest.counting import IngestMetrics
from vestibule_ingest.lanes import Lanes
from vestibule_ingest.sharing import MOST_TOGETHER, Sharing


class Idle:
    """A connection, and a pool of it, on which nothing is ever asked."""

    async def acquire(self, timeout: float) -> "Idle":  # noqa: ASYNC109, ARG002  as asyncpg has it
        return self

    async def execute(self, _statement: str) -> None:
        """Settings of the session."""

    def is_closed(self) -> bool:
        return False


class Held:
    """Work that goes on until it is let go; `sizes` are of what was begun, in order."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.begun = asyncio.Event()
        self.let_go = asyncio.Event()

    async def __call__(self, _lane: Connection, items: Sequence[int], _patience: float) -> list[int]:
        self.sizes.append(len(items))
        self.begun.set()
        await self.let_go.wait()
        return [-item for item in items]


async def begun(at_once: int, crowd: int, number: int) -> tuple[list[int], list[int]]:
    """What is begun of so many that come while the first is under way; and then, in all."""

    async def connect() -> Pool:
        return cast("Pool", Idle())

    lanes, work, metrics = Lanes(connect, 4), Held(), IngestMetrics(CollectorRegistry())
    assert await lanes.open()
    sharing: Sharing[int, int] = Sharing(lanes, work, at_once, metrics.shared, metrics.parted, crowd=crowd)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        tasks = [group.create_task(sharing.carry_out(0))]
        await work.begun.wait()
        tasks += [group.create_task(sharing.carry_out(item)) for item in range(1, number)]
        for _ in range(10):  # turns of the loop: what can begin has begun
            await asyncio.sleep(0)
        before = list(work.sizes)
        work.let_go.set()
    assert [task.result() for task in tasks] == [-item for item in range(number)]
    return before, work.sizes


@pytest.mark.parametrize(
    ("at_once", "crowd", "number", "before", "after"),
    [
        (1, 1, 4, [1], [1, 3]),
        (2, 1, 4, [1, 3], [1, 3]),
        (2, 3, 3, [1], [1, 2]),
        (2, 3, 4, [1, 3], [1, 3]),
        (1, 1, MOST_TOGETHER + 3, [1], [1, MOST_TOGETHER, 2]),
    ],
)
async def test_a_further_transaction_begins_beside_the_first_only_for_a_crowd(
    at_once: int, crowd: int, number: int, before: list[int], after: list[int]
) -> None:
    assert await begun(at_once, crowd, number) == (before, after)
