"""The relay: from the backlog in PostgreSQL to the broker, a small window at a time, fairly.

Several replicas may run: the database lets one pick at a time. A crash between the pick and the publish costs
one lease; nothing is lost, since the backlog never leaves the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from vestibule.broker.publisher import Outgoing, Receipt
from vestibule.database.pool import Pool
from vestibule.database.sync import (
    Picked,
    Windows,
    expand_fanout,
    pick,
    read_backlog,
    read_desk_windows,
    sweep,
    unpick,
)
from vestibule.messages.topology import Stage
from vestibule.process.loops import Counts
from vestibule.telemetry.logging import logger
from vestibule.telemetry.metrics import BacklogMetrics, RelayMetrics

BUSY_PAUSE: Final = (
    0.03  # seconds; what gathers meanwhile goes together, and a full batch costs half of two small ones
)
IDLE_PAUSE: Final = 0.04  # polling costs one index probe; NOTIFY cost a third of ingest's commits
REFUSED_PAUSE: Final = 0.5  # a full queue says no a hundred times a second, each time for two commits
SWEEP_PAUSE: Final = 0.5
FANOUT_CHUNK: Final = 500
FANOUT_PAUSE: Final = 0.02

# The broker said no, or was never asked: these may go again, after a pause. UNKNOWN may have arrived: the
# lease decides.
NOT_SENT: Final = frozenset({Receipt.DOWN, Receipt.REJECTED, Receipt.UNROUTABLE})

log = logger(__name__)


class Publishing(Protocol):
    """What the relay needs of a publisher."""

    @property
    def ready(self) -> bool:
        """Whether a publish would be sent at once."""
        ...

    async def publish(self, outgoing: Sequence[Outgoing]) -> list[Receipt]:
        """Publish all; one receipt each, in order."""
        ...


@dataclass(slots=True)
class Picking:
    """One stage's loop: pick what fits into the window, publish it, take back what was not sent."""

    stage: Stage
    pool: Pool
    publisher: Publishing
    windows: Windows
    metrics: RelayMetrics
    _picked: int = 0
    _returned: int = 0

    @property
    def name(self) -> str:
        """The loop's name."""
        return f"relay-{self.stage}"

    @property
    def pause(self) -> float:
        """Shorter while there is work; a broker that takes nothing is left alone for a while."""
        if self._returned:
            return REFUSED_PAUSE
        return BUSY_PAUSE if self._picked else IDLE_PAUSE

    async def run_once(self) -> Counts:
        """One pick; without a broker nothing is picked, so that nothing waits for a lease."""
        self._picked = self._returned = 0
        if not self.publisher.ready:
            return {"waiting_for_broker": 1}
        picked = await pick(self.pool, self.stage, self.windows)
        self._picked = len(picked)
        if not picked:
            return {}
        self.metrics.picked.of(self.stage).inc(len(picked))
        receipts = await self.publisher.publish([_outgoing(one) for one in picked])
        returned = [one.key for one, receipt in zip(picked, receipts, strict=True) if receipt in NOT_SENT]
        self._returned = len(returned)
        if returned:
            await unpick(self.pool, returned)
        return {"picked": len(picked), "returned": len(returned)}


@dataclass(frozen=True, slots=True)
class Sweeping:
    """Gives up messages whose lease is over and wakes rows whose time has come."""

    pool: Pool
    lease: timedelta
    urgent_lease: timedelta
    metrics: RelayMetrics

    @property
    def name(self) -> str:
        """The loop's name."""
        return "sweeper"

    @property
    def pause(self) -> float:
        """Seconds between two sweeps."""
        return SWEEP_PAUSE

    async def run_once(self) -> Counts:
        """One sweep of at most 1,000 rows of each sort."""
        expired, woken = await sweep(self.pool, self.lease, self.urgent_lease)
        if expired:
            self.metrics.swept.inc(expired)
        return {"expired": expired, "woken": woken}


@dataclass(slots=True)
class Expanding:
    """Turns wide changes into marks, a chunk at a time, tenants in turn."""

    pool: Pool
    chunk: int = FANOUT_CHUNK
    _open: bool = False

    @property
    def name(self) -> str:
        """The loop's name."""
        return "fanout"

    @property
    def pause(self) -> float:
        """Shorter while a fan-out is open."""
        return FANOUT_PAUSE if self._open else SWEEP_PAUSE

    async def run_once(self) -> Counts:
        """One chunk."""
        expanded = await expand_fanout(self.pool, self.chunk)
        self._open = expanded is not None
        if expanded is None:
            return {"marked": 0}
        if expanded.failure is not None:
            log.error("fanout_chunk_failed", code=expanded.failure)
        return {"marked": expanded.touched}


async def show_backlog(pool: Pool, metrics: BacklogMetrics, windows: dict[Stage, Windows]) -> None:
    """Renew the backlog's numbers; called when they are asked for."""
    backlog, desks = await read_backlog(pool), await read_desk_windows(pool)
    metrics.dirty.replace([((one.stage,), one.dirty) for one in backlog])
    metrics.oldest.replace([((one.stage,), one.oldest_seconds) for one in backlog])
    metrics.in_flight.replace(
        [(("stage", one.stage), one.in_flight) for one in backlog]
        + [(("desk", str(one.desk)), one.in_flight) for one in desks]
    )
    metrics.parked.replace([((one.stage,), one.parked) for one in backlog])
    metrics.window.replace(
        [(("stage", stage), sizes.total) for stage, sizes in windows.items()]
        + [(("desk", str(one.desk)), one.admitted) for one in desks]
    )


def _outgoing(picked: Picked) -> Outgoing:
    return Outgoing(picked.key, picked.urgent, picked.trace)
