"""Permits of a desk: token buckets in SQL that all replicas take from, and the desk's own window."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vestibule.database.pool import Pool
from vestibule.database.statements import statements
from vestibule.domain.identifiers import DeskId
from vestibule.domain.pace import Rate

FILE: Final = "permits"


@dataclass(frozen=True, slots=True)
class Grant:
    """Permits taken; with none, `wait` seconds until one may be there and the `code` of a block."""

    granted: int
    wait: float
    code: str | None


async def take_permits(
    pool: Pool, desk: DeskId, endpoint: str, method: str, want: int, urgent: bool, rate: Rate, reserve: float
) -> Grant:
    """Take up to `want` permits; the share `reserve` (0..1) of the burst is kept for urgent work."""
    row = await pool.fetchrow(
        statements(FILE)["take_permits"],
        desk,
        endpoint,
        method,
        want,
        urgent,
        rate.per_second,
        rate.burst,
        reserve,
    )
    assert row is not None
    return Grant(row["granted"], row["wait"], row["code"])


async def block_endpoint(
    pool: Pool, desk: DeskId, endpoint: str, method: str, seconds: float, code: str
) -> None:
    """Let nobody call this endpoint for so long: the desk asked for it."""
    await pool.execute(statements(FILE)["block_permits"], desk, endpoint, method, seconds, code)


async def block_desk(pool: Pool, desk: DeskId, seconds: float, code: str) -> None:
    """Let nobody call this desk for so long; its work is not admitted meanwhile."""
    await pool.execute(statements(FILE)["block_permits"], desk, None, None, seconds, code)


async def report_desk(
    pool: Pool, desk: DeskId, answered: bool, pause: float | None, code: str | None
) -> bool:
    """Tell the desk's window that it answered, or that it did not; true when that changed something."""
    changed: bool | None = await pool.fetchval(
        statements(FILE)["report_desk"],
        desk,
        answered,
        None if pause is None else timedelta(seconds=pause),
        code,
    )
    return bool(changed)
