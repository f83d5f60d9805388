"""Desks as the writer reads them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from vestibule.database.pool import Pool
from vestibule.database.statements import statements
from vestibule.domain.identifiers import DeskId, TenantId
from vestibule.messages.envelope import Key

FILE: Final = "desks"


@dataclass(frozen=True, slots=True)
class DeskRow:
    """A desk's record with its sealed credentials, and how its window stands now."""

    id: DeskId
    kind: str
    settings: Mapping[str, Any]
    state: str
    sealed_credentials: bytes
    sealing_key_id: str
    troubled: bool
    blocked_seconds: float
    code: str | None

    def same_desk_as(self, other: "DeskRow") -> bool:
        """Whether a connector made of the other still fits."""
        return (self.kind, self.settings, self.sealed_credentials, self.sealing_key_id) == (
            other.kind,
            other.settings,
            other.sealed_credentials,
            other.sealing_key_id,
        )


async def read_desk(pool: Pool, desk: DeskId) -> DeskRow | None:
    """Read one desk; None where there is none."""
    row = await pool.fetchrow(statements(FILE)["read_desk"], desk)
    if row is None:
        return None
    return DeskRow(
        id=DeskId(row["id"]),
        kind=row["kind"],
        settings=orjson.loads(row["settings"]),
        state=row["state"],
        sealed_credentials=row["sealed_credentials"],
        sealing_key_id=row["sealing_key_id"],
        troubled=bool(row["troubled"]),
        blocked_seconds=max(row["blocked_seconds"], 0.0),
        code=row["code"],
    )


async def desks_of(pool: Pool, keys: Sequence[Key]) -> dict[TenantId, DeskId]:
    """Which desk the work of these keys' tenants is for; ids only, so no tenant is entered."""
    rows = await pool.fetch(
        statements(FILE)["desks_of"], [key.kind.value for key in keys], [key.id for key in keys]
    )
    return {TenantId(row["tenant_id"]): DeskId(row["desk_id"]) for row in rows}
