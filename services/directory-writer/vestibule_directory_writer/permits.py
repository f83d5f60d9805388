"""The pace at a desk, kept by all replicas together: permits from SQL in chunks, throttles told to all."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from vestibule.database import permits
from vestibule.database.pool import Pool
from vestibule.domain.identifiers import DeskId
from vestibule.domain.pace import Rates
from vestibule.telemetry.logging import logger
from vestibule.telemetry.metrics import DeskMetrics
from vestibule_directory_writer.claims import Clock, monotonic
from vestibule_directory_writer.connectors.failures import Scope

CHUNK_SECONDS: Final = 0.5  # worth of permits taken at once; kept no longer
WAIT_SECONDS: Final = 10.0
RESERVE: Final = 0.2  # of a burst, for leavers
REFUSED_SECONDS: Final = 1.0  # a row that found no permit in time looks again after this

Ready = Callable[[], Awaitable[None]]

log = logger(__name__)


class NoPermit(Exception):
    """The call was not made: the desk wants a pause, or its pace left no room in time."""

    def __init__(self, code: str, seconds: float) -> None:
        super().__init__(code)
        self.code = code
        self.seconds = seconds


@dataclass(slots=True)
class _Chunk:
    """Permits taken and not used; those who need one come in turn."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    left: int = 0
    good_until: float = 0.0


class DeskPermits:
    """One desk's pace in this process."""

    def __init__(
        self, pool: Pool, desk: DeskId, rates: Rates, metrics: DeskMetrics, clock: Clock = monotonic
    ) -> None:
        self._pool = pool
        self._desk = desk
        self._rates = rates
        self._metrics = metrics
        self._clock = clock
        self._chunks: dict[tuple[str, str, bool], _Chunk] = {}
        self._blocked_until = 0.0
        self._blocked_code = "throttled"
        self._reporting = asyncio.Lock()
        self.troubled = False

    def paced(self, urgent: bool, ready: Ready) -> "WorkPacing":
        """The pacing of one piece of work; `ready` is awaited once the permit is there, and may stop it."""
        return WorkPacing(self, urgent, ready)

    def blocked(self) -> NoPermit | None:
        """Why nothing may be called at this desk now, if so."""
        seconds = self._blocked_until - self._clock()
        return NoPermit(self._blocked_code, seconds) if seconds > 0 else None

    def note(self, troubled: bool, blocked_seconds: float, code: str | None) -> None:
        """Learn how the desk's window stands, as all replicas see it."""
        self.troubled = troubled
        self._blocked_until = self._clock() + blocked_seconds if blocked_seconds > 0 else 0.0
        self._blocked_code = code or "throttled"

    async def take(self, endpoint: str, method: str, urgent: bool) -> None:
        """Return with one permit. Raises NoPermit."""
        began = self._clock()
        chunk = self._chunks.setdefault((endpoint, method, urgent), _Chunk())
        async with chunk.turn:
            while chunk.left < 1 or chunk.good_until < self._clock():
                refused = self.blocked()
                if refused is not None:
                    raise refused
                await self._refill(chunk, endpoint, method, urgent, began + WAIT_SECONDS)
            chunk.left -= 1
        self._metrics.waits.of(endpoint, method).observe(self._clock() - began)

    async def _refill(self, chunk: _Chunk, endpoint: str, method: str, urgent: bool, deadline: float) -> None:
        rate = self._rates.of(endpoint, method)
        want = max(1, min(math.ceil(rate.per_second * CHUNK_SECONDS), int(rate.burst)))
        asked = self._clock()
        grant = await permits.take_permits(
            self._pool, self._desk, endpoint, method, want, urgent, rate, RESERVE
        )
        if grant.granted > 0:
            chunk.left, chunk.good_until = grant.granted, asked + CHUNK_SECONDS
            return
        if grant.code is not None:
            raise NoPermit(grant.code, grant.wait)
        if self._clock() + grant.wait > deadline:
            raise NoPermit("permits", REFUSED_SECONDS)
        await asyncio.sleep(grant.wait)

    async def throttled(self, endpoint: str, method: str, seconds: float, scope: Scope) -> None:
        """Keep the pause that the desk asked for, in all replicas."""
        log.warning(
            "desk_throttled",
            desk=self._desk,
            endpoint=endpoint,
            method=method,
            seconds=seconds,
            scope=scope.value,
        )
        if scope is Scope.DESK:
            await self.pause("throttled", seconds)
            return
        for urgent in (False, True):
            self._chunks.pop((endpoint, method, urgent), None)
        await permits.block_endpoint(self._pool, self._desk, endpoint, method, seconds, "throttled")

    async def pause(self, code: str, seconds: float) -> None:
        """Let nobody call this desk for so long."""
        self._blocked_until = max(self._blocked_until, self._clock() + seconds)
        self._blocked_code = code
        self.troubled = True
        await permits.block_desk(self._pool, self._desk, seconds, code)

    async def answered(self, ok: bool) -> None:
        """Tell the desk's window. A good answer is told only after trouble; of many failures at once, one."""
        if (ok and not self.troubled) or self._reporting.locked():
            return
        async with self._reporting:
            if ok and self.blocked() is not None:
                return  # a pause that the desk asked for ends by itself
            changed = await permits.report_desk(
                self._pool, self._desk, ok, None, None if ok else "desk_unreachable"
            )
            self.troubled = not ok
        if changed:
            log.warning("desk_recovered" if ok else "desk_failing", desk=self._desk)


class WorkPacing:
    """The `Pacing` of one piece of work."""

    def __init__(self, permits: DeskPermits, urgent: bool, ready: Ready) -> None:
        self._permits = permits
        self._urgent = urgent
        self._ready = ready

    async def permit(self, endpoint: str, method: str) -> None:
        await self._permits.take(endpoint, method, self._urgent)
        await self._ready()

    async def throttled(self, endpoint: str, method: str, retry_after_seconds: float, scope: Scope) -> None:
        await self._permits.throttled(endpoint, method, retry_after_seconds, scope)

    async def answered(self, ok: bool) -> None:
        await self._permits.answered(ok)
