"""Writes that wait at the same moment share a commit: under load it costs more than what it commits."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar

import asyncpg

from vestibule.database.pool import Connection
from vestibule.database.verdicts import Refused
from vestibule.telemetry.logging import logger
from vestibule_ingest.counting import IngestMetrics
from vestibule_ingest.lanes import LOCK_SECONDS, Lanes, in_a_lane

MOST_TOGETHER: Final = 16
COMMITS_AT_ONCE: Final = 2  # more would leave each commit fewer writes, and reads fewer lanes
PATIENCE: Final = 0.02  # seconds that all of a common commit may wait for a lock that one of them needs
ALONE_SECONDS: Final = 1.0
# The server says that nothing of the whole was done: each may be tried on its own.
UNDONE: Final = (
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
)

Item = TypeVar("Item")
Result = TypeVar("Result")
# Carries out writes in one transaction and in order; the number is for how many seconds a lock is waited for.
Write: TypeAlias = Callable[[Connection, Sequence[Item], float], Awaitable[Sequence[Result | Refused]]]

log = logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting(Generic[Item, Result]):
    item: Item
    answer: "asyncio.Future[Result]"

    def tell(self, result: Result | BaseException) -> None:
        if self.answer.done():  # whoever asked is gone
            return
        if isinstance(result, BaseException):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)


class Sharing(Generic[Item, Result]):
    """Carries out writes of many callers, each as if it were alone.

    No write pays for another: what one of them cannot have at once, or does wrong, undoes the common
    transaction; then each goes alone, and so do all others for a while.
    """

    def __init__(self, lanes: Lanes, metrics: IngestMetrics, write: "Write[Item, Result]") -> None:
        """Take the connections, and how writes are carried out."""
        self._lanes = lanes
        self._metrics = metrics
        self._write = write
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._committing = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._alone_until = 0.0

    async def carry_out(self, item: Item) -> Result:
        """Carry out one write; raises Refused, and what a connection raises."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._alone_until:
            return await self._alone(item)
        waiting: _Waiting[Item, Result] = _Waiting(item, loop.create_future())
        self._waiting.append(waiting)
        if self._committing < COMMITS_AT_ONCE:
            self._committing += 1
            self._start(self._commit_waiting())
        return await waiting.answer

    async def _commit_waiting(self) -> None:
        try:
            while self._waiting:
                most = min(len(self._waiting), MOST_TOGETHER)
                await self._commit([self._waiting.popleft() for _ in range(most)])
        finally:
            self._committing -= 1

    async def _commit(self, together: "list[_Waiting[Item, Result]]") -> None:
        try:
            async with self._lanes.take() as lane:
                results = await self._write(lane, [one.item for one in together], PATIENCE)
        except UNDONE as error:
            self._alone_until = asyncio.get_running_loop().time() + ALONE_SECONDS
            self._metrics.parted.inc()
            log.info("commit_parted", writes=len(together), code=type(error).__name__)
            for one in together:
                self._start(self._tell_alone(one))
        except BaseException as error:
            for one in together:
                one.tell(error)
            if not isinstance(error, Exception):
                raise
        else:
            self._metrics.shared.observe(len(together))
            for one, result in zip(together, results, strict=True):
                one.tell(result)

    async def _tell_alone(self, waiting: "_Waiting[Item, Result]") -> None:
        try:
            waiting.tell(await self._alone(waiting.item))
        except BaseException as error:
            waiting.tell(error)
            if not isinstance(error, Exception):
                raise

    async def _alone(self, item: Item) -> Result:
        [result] = await in_a_lane(self._lanes, lambda lane: self._write(lane, [item], LOCK_SECONDS))
        if isinstance(result, Refused):
            raise result
        return result

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)  # the loop itself keeps no hold of it
        task.add_done_callback(self._tasks.discard)
