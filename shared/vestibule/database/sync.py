"""The backlog as the relay sees it: what may go out now, what came back, what is overdue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from vestibule.database.pool import CONNECT_SECONDS, Pool
from vestibule.database.statements import statements
from vestibule.domain.identifiers import Kind, TenantId
from vestibule.messages.envelope import Key
from vestibule.messages.topology import Stage

FILE = "sync"


@dataclass(frozen=True, slots=True)
class Windows:
    """How much of a stage may be in flight: in all, for one tenant, and beyond that for leavers."""

    total: int
    tenant: int
    urgent_reserve: int


@dataclass(frozen=True, slots=True)
class Picked:
    """A key that is in flight from now on; `trace` is the W3C traceparent of its newest mark."""

    key: Key
    urgent: bool
    trace: str | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """One stage's dirty rows. `oldest_seconds` leaves out what is parked or sleeps until it is woken."""

    stage: Stage
    dirty: int
    in_flight: int
    deferred: int
    parked: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class DeskWindow:
    """How much of the writer's work is in flight at a desk, and how much may be now."""

    desk: UUID
    in_flight: int
    admitted: int


@dataclass(frozen=True, slots=True)
class Expanded:
    """A chunk of a fan-out: keys marked or woken; with a failure (SQLSTATE) none, and it goes again later."""

    touched: int
    failure: str | None


async def pick(pool: Pool, stage: Stage, windows: Windows) -> list[Picked]:
    """Admit the next keys of a stage, fairly; empty too when another relay is picking at this moment."""
    rows = await pool.fetch(
        statements(FILE)["pick"], stage.value, windows.total, windows.tenant, windows.urgent_reserve
    )
    return [
        Picked(
            Key(Kind(row["kind"]), row["id"], TenantId(row["tenant_id"]), row["version"]),
            row["urgent"],
            row["trace"],
        )
        for row in rows
    ]


async def unpick(pool: Pool, keys: Sequence[Key]) -> int:
    """Take keys back that could not be published; returns how many were still in flight with that version."""
    returned: int = await pool.fetchval(
        statements(FILE)["unpick"],
        [key.kind.value for key in keys],
        [key.id for key in keys],
        [key.version for key in keys],
    )
    return returned


async def sweep(pool: Pool, lease: timedelta, urgent_lease: timedelta) -> tuple[int, int]:
    """Give up messages whose lease is over and wake rows whose time has come: (expired, woken)."""
    row = await pool.fetchrow(statements(FILE)["sweep"], lease, urgent_lease)
    assert row is not None
    return row["expired"], row["woken"]


async def expand_fanout(pool: Pool, chunk: int) -> Expanded | None:
    """Mark the next chunk of the fan-out whose turn it is; None when none is open and due."""
    row = await pool.fetchrow(statements(FILE)["expand_fanout"], chunk)
    assert row is not None
    return None if row["touched"] < 0 else Expanded(row["touched"], row["failure"])


async def read_backlog(pool: Pool) -> list[Backlog]:
    """Count the dirty rows of both stages."""
    async with pool.acquire(timeout=CONNECT_SECONDS) as connection:
        rows = await connection.fetch(statements(FILE)["backlog"])
    return [
        Backlog(
            Stage(row["stage"]),
            row["dirty"],
            row["in_flight"],
            row["deferred"],
            row["parked"],
            row["oldest_seconds"],
        )
        for row in rows
    ]


async def read_desk_windows(pool: Pool) -> list[DeskWindow]:
    """Every desk's window as the next pick would find it."""
    async with pool.acquire(timeout=CONNECT_SECONDS) as connection:
        rows = await connection.fetch(statements(FILE)["desk_windows"])
    return [DeskWindow(row["desk_id"], row["in_flight"], row["admitted"]) for row in rows]
