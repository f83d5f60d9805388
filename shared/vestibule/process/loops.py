"""Background work: repeated with pauses, restarted after a crash, and never dead in silence."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from vestibule.telemetry.logging import log_context, logger
from vestibule.telemetry.metrics import LoopMetrics

Counts: TypeAlias = Mapping[str, int]

ROUND_SECONDS: Final = 60.0  # a round that takes longer has lost its way: cancelled, counted as failed
FIRST_BACKOFF: Final = 0.1
LONGEST_BACKOFF: Final = 10.0
STEADY_SECONDS: Final = 30.0  # a task that ran this long starts again at the first backoff

log = logger(__name__)


class Loop(Protocol):
    """One background loop: `run_once` works and returns counts; pauses, backoff and logging are ours."""

    @property
    def name(self) -> str:
        """The name on log lines, metrics and readiness."""
        ...

    @property
    def pause(self) -> float:
        """Seconds between two rounds."""
        ...

    async def run_once(self) -> Counts:
        """Do one round."""
        ...


class Task(Protocol):
    """Work that lasts until it is told to stop: a consumer, a server."""

    async def __call__(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then drain and return."""
        ...


@dataclass(slots=True)
class Health:
    """Whether a loop or task works; wrong from its first failure to its next success."""

    name: str
    well: bool = True
    failures: int = 0  # in a row
    rounds: int = 0

    def succeed(self) -> None:
        """Note a round that went well."""
        self.well, self.failures = True, 0
        self.rounds += 1

    def fail(self) -> float:
        """Note a failure and return the seconds to wait before the next attempt."""
        self.well = False
        self.failures += 1
        return backoff(self.failures)


def backoff(failures: int, *, longest: float = LONGEST_BACKOFF) -> float:
    """Return the seconds to wait after so many failures in a row: doubling, bounded, spread."""
    seconds = min(longest, FIRST_BACKOFF * 2.0 ** min(failures - 1, 20))
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311  a spread in time, no secret


async def pause(stopping: asyncio.Event, seconds: float) -> bool:
    """Wait, but not longer than until `stopping`; true when it is time to stop."""
    if not stopping.is_set():
        try:
            async with asyncio.timeout(seconds):
                await stopping.wait()
        except TimeoutError:
            return False
    return True


@dataclass(slots=True)
class Supervisor:
    """Runs loops and tasks side by side until `stopping`; a crash turns readiness false and is retried."""

    metrics: LoopMetrics
    round_seconds: float = ROUND_SECONDS
    _work: list[tuple[Health, Callable[[asyncio.Event], Awaitable[None]]]] = field(default_factory=list)

    def add_loop(self, loop: Loop) -> Health:
        """Repeat a loop's rounds."""
        health = Health(loop.name)

        async def rounds(stopping: asyncio.Event) -> None:
            await self._repeat(loop, health, stopping)

        self._work.append((health, rounds))
        return health

    def add_task(self, name: str, task: Task) -> Health:
        """Run a task, and run it again if it ends before `stopping`."""
        health = Health(name)

        async def runs(stopping: asyncio.Event) -> None:
            await self._keep(task, health, stopping)

        self._work.append((health, runs))
        return health

    def checks(self) -> dict[str, Callable[[], bool]]:
        """Return the readiness checks, one per loop and task."""

        def check(health: Health) -> Callable[[], bool]:
            return lambda: health.well

        return {health.name: check(health) for health, _ in self._work}

    async def run(self, stopping: asyncio.Event) -> None:
        """Run everything; returns when all have drained after `stopping`."""
        async with asyncio.TaskGroup() as group:
            for health, work in self._work:
                group.create_task(self._named(health, work, stopping), name=health.name)

    async def _named(
        self,
        health: Health,
        work: Callable[[asyncio.Event], Awaitable[None]],
        stopping: asyncio.Event,
    ) -> None:
        with log_context(loop=health.name):
            await work(stopping)

    async def _repeat(self, loop: Loop, health: Health, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                async with asyncio.timeout(self.round_seconds):
                    counts = await loop.run_once()
            except Exception:
                wait = health.fail()
                self.metrics.ended(health.name, "failed", {})
                log.exception("round_failed", failing=health.failures, retry_in=round(wait, 3))
            else:
                if not health.well:
                    log.info("loop_recovered", attempts=health.failures)
                health.succeed()
                self.metrics.ended(health.name, "done", counts)
                wait = loop.pause
            await pause(stopping, wait)

    async def _keep(self, task: Task, health: Health, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            began = time.monotonic()
            health.well = True
            try:
                await task(stopping)
            except Exception:
                log.exception("task_failed")
            else:
                if stopping.is_set():
                    return
                log.error("task_ended_early")
            if time.monotonic() - began > STEADY_SECONDS:
                health.failures = 0
            wait = health.fail()
            self.metrics.ended(health.name, "failed", {})
            await pause(stopping, wait)
