"""Work that waits at the same moment shares a statement, and its commit: they cost more than what they do."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar

import asyncpg
from prometheus_client import Counter, Histogram

from vestibule.database.pool import Connection
from vestibule.database.verdicts import Refused
from vestibule.telemetry.logging import logger
from vestibule_ingest.lanes import LOCK_SECONDS, WAIT_SECONDS, Lanes, all_taken, in_a_lane

MOST_TOGETHER: Final = 16
COMMITS_AT_ONCE: Final = 2  # more would leave each commit fewer writes, and reads fewer lanes
READS_AT_ONCE: Final = 2
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
# Does the work in one transaction and in order; the number is for how many seconds a lock is waited for.
Work: TypeAlias = Callable[[Connection, Sequence[Item], float], Awaitable[Sequence[Result | Refused]]]

log = logger(__name__)


@dataclass(slots=True, eq=False)  # not frozen: made for each request, at a third of the price
class _Waiting(Generic[Item, Result]):
    item: Item
    answer: "asyncio.Future[Result]"
    until: float

    def tell(self, result: Result | BaseException) -> None:
        if self.answer.done():  # whoever asked is gone
            return
        if isinstance(result, BaseException):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)


class Sharing(Generic[Item, Result]):
    """Carries out reads, or writes, of many callers, each as if it were alone.

    Nobody pays for another: what one of them cannot have at once, or does wrong, undoes the common
    transaction; then each goes alone, and so do all others for a while.
    """

    def __init__(
        self,
        lanes: Lanes,
        work: "Work[Item, Result]",
        at_once: int,
        sizes: Histogram,
        parted: Counter,
        *,
        crowd: int = 1,
    ) -> None:
        """Take the connections, what is done, and how many transactions of it there are at once.

        Beside one that is under way a further one begins when so many wait: a `crowd`.
        """
        self._lanes = lanes
        self._work = work
        self._at_once = at_once
        self._crowd = crowd
        self._sizes = sizes
        self._parted = parted
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._committing = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._alone_until = 0.0

    async def carry_out(self, item: Item) -> Result:
        """Carry out one; raises Refused, Unavailable, and what a connection raises."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now < self._alone_until:
            return await self._alone(item)
        waiting: _Waiting[Item, Result] = _Waiting(item, loop.create_future(), now + WAIT_SECONDS)
        self._waiting.append(waiting)
        if self._committing == 0 or (self._committing < self._at_once and len(self._waiting) >= self._crowd):
            self._committing += 1
            self._start(self._commit_waiting())
        return await waiting.answer

    async def _commit_waiting(self) -> None:
        try:
            while self._waiting:
                together = self._next()
                if together:
                    await self._commit(together)
        finally:
            self._committing -= 1

    def _next(self) -> "list[_Waiting[Item, Result]]":
        """Those who have waited longest; who has waited too long is told so."""
        now = asyncio.get_running_loop().time()
        most = min(len(self._waiting), MOST_TOGETHER)
        together = [self._waiting.popleft() for _ in range(most)]
        if together[0].until > now:
            return together
        for one in together:
            if one.until <= now:
                one.tell(all_taken())
        return [one for one in together if one.until > now]

    async def _commit(self, together: "list[_Waiting[Item, Result]]") -> None:
        try:
            async with self._lanes.take() as lane:
                results = await self._work(lane, [one.item for one in together], PATIENCE)
        except UNDONE as error:
            self._alone_until = asyncio.get_running_loop().time() + ALONE_SECONDS
            self._parted.inc()
            log.info("commit_parted", writes=len(together), code=type(error).__name__)
            for one in together:
                self._start(self._tell_alone(one))
        except BaseException as error:
            for one in together:
                one.tell(error)
            if not isinstance(error, Exception):
                raise
        else:
            self._sizes.observe(len(together))
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
        [result] = await in_a_lane(self._lanes, lambda lane: self._work(lane, [item], LOCK_SECONDS))
        if isinstance(result, Refused):
            raise result
        return result

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)  # the loop itself keeps no hold of it
        task.add_done_callback(self._tasks.discard)
