"""What a reconcile is given: the keys of a batch at one desk, and the means of this process."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID, uuid4

from vestibule.database.outcomes import Result
from vestibule.database.pool import Pool
from vestibule.domain.identifiers import uuid7
from vestibule.messages.envelope import Key
from vestibule.messages.redelivery import LEAST_JITTER
from vestibule.telemetry.metrics import WorkMetrics
from vestibule_directory_writer.claims import Clock, monotonic
from vestibule_directory_writer.timing import Timing

STAGE: Final = "writer"


@dataclass(frozen=True, slots=True)
class Work:
    """A key that arrived, and the trace that it continues."""

    key: Key
    trace: str | None


def draw_jitter() -> float:
    """A spread of retries in time."""
    return random.uniform(LEAST_JITTER, 1.0)  # noqa: S311  a spread in time, no secret


def new_identity() -> UUID:
    """An id of our own for a record at the desk; sorts by time."""
    return uuid7(time.time_ns() // 1_000_000, random.randbytes(10))  # noqa: S311  unique, not secret


def new_worker() -> str:
    """A claim's owner: unique per batch, so that a batch never takes another one's claim for its own."""
    return uuid4().hex


@dataclass(frozen=True, slots=True)
class Means:
    """What every reconcile of this process uses. Once it is `stopping`, what has not begun is released."""

    pool: Pool
    metrics: WorkMetrics
    timing: Timing = field(default_factory=Timing)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    clock: Clock = monotonic
    jitter: Callable[[], float] = draw_jitter
    new_identity: Callable[[], UUID] = new_identity
    new_worker: Callable[[], str] = new_worker


def count(metrics: WorkMetrics, kind: str, result: Result, word: str | None, seconds: float) -> None:
    """Count how a claim ended; `seconds` since its key became dirty."""
    metrics.outcomes.of(STAGE, kind, result.value).inc()
    match result:
        case Result.DONE:
            metrics.latency.of(STAGE).observe(seconds)
        case Result.RETRY:
            metrics.retries.of(STAGE, word or "none").inc()
        case Result.PARK:
            metrics.parked.of(STAGE, word or "none").inc()
        case Result.RELEASE:
            pass


async def side_by_side(jobs: Sequence[Coroutine[None, None, None]]) -> None:
    """Run jobs at once; one that fails does not cut the others' calls short. Raises the first failure."""
    ended = await asyncio.gather(*jobs, return_exceptions=True)
    for result in ended:
        if isinstance(result, BaseException):
            raise result
