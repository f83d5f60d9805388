"""Bearer tokens of connections: only hashes are kept, so a lost one is replaced and never shown again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vestibule.database.pool import Connection
from vestibule.database.statements import statements
from vestibule.domain.identifiers import ConnectionId, TenantId

FILE = "tokens"


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token as it may be shown: `hint` is its end, `id` a part of its hash."""

    id: str
    hint: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    active: bool


async def list_tokens(connection: Connection, tenant: TenantId, of: ConnectionId) -> list[TokenRecord]:
    """All tokens that a connection ever had, oldest first."""
    rows = await connection.fetch(statements(FILE)["list"], tenant, of)
    return [
        TokenRecord(
            row["id"],
            row["hint"],
            row["created_at"],
            row["expires_at"],
            row["revoked_at"],
            row["last_used_at"],
            row["active"],
        )
        for row in rows
    ]


async def insert_token(
    connection: Connection,
    tenant: TenantId,
    of: ConnectionId,
    digest: bytes,
    hint: str,
    expires_at: datetime | None,
) -> None:
    """A token that works as soon as the transaction ends; `digest` is its SHA-256."""
    await connection.execute(statements(FILE)["insert"], digest, tenant, of, hint, expires_at)


async def limit_tokens(connection: Connection, tenant: TenantId, of: ConnectionId, left: timedelta) -> int:
    """Let the working tokens work for so long and not longer; returns how many there are."""
    done: str = await connection.execute(statements(FILE)["limit"], tenant, of, left)
    return int(done.removeprefix("UPDATE "))


async def revoke_token(connection: Connection, tenant: TenantId, of: ConnectionId, token: str) -> bool:
    """End a token by its id, at once and for ever; False when it was revoked already."""
    done: str = await connection.execute(statements(FILE)["revoke"], tenant, of, token)
    return done == "UPDATE 1"
