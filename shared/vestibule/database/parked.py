"""Work that was tried often enough and waits for an operator's replay."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vestibule.database.pool import Connection
from vestibule.database.statements import statements
from vestibule.domain.identifiers import Kind, TenantId

FILE = "parked"


@dataclass(frozen=True, slots=True)
class Parked:
    """A key that nobody works on, with the code of its last failure."""

    kind: Kind
    id: UUID
    code: str | None
    attempts: int
    parked_at: datetime
    trace: str | None


async def list_parked(
    connection: Connection, tenant: TenantId, kind: Kind | None, only: UUID | None
) -> list[Parked]:
    """A customer's parked keys: all, of one kind, or one."""
    rows = await connection.fetch(statements(FILE)["list"], tenant, kind, only)
    return [
        Parked(Kind(row["kind"]), row["id"], row["code"], row["attempts"], row["parked_at"], row["trace"])
        for row in rows
    ]


async def replay_parked(
    connection: Connection, tenant: TenantId, kind: Kind | None, only: UUID | None
) -> int:
    """Let them go again from the first attempt; returns how many there were."""
    replayed: int = await connection.fetchval(statements(FILE)["replay"], tenant, kind, only)
    return replayed
