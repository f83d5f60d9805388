"""What a reconcile is given: the keys of a batch at one desk, and the means of this process."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID, uuid4

from opentelemetry.trace import Tracer

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
    """What every reconcile of this process uses."""

    pool: Pool
    metrics: WorkMetrics
    tracer: Tracer
    timing: Timing = field(default_factory=Timing)
    clock: Clock = monotonic
    jitter: Callable[[], float] = draw_jitter
    new_identity: Callable[[], UUID] = new_identity
    new_worker: Callable[[], str] = new_worker
