"""What the database knows about the whole gateway: ids, codes and numbers of every customer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from vestibule.database.migrations import MigrationError, migrations_folder, pending, read_migrations
from vestibule.database.pool import Connection
from vestibule.database.statements import statements
from vestibule.domain.identifiers import TenantId

FILE = "health"


@dataclass(frozen=True, slots=True)
class StageBacklog:
    """The dirty rows of one stage; `oldest_seconds` leaves out what is parked or sleeps."""

    stage: str
    dirty: int
    in_flight: int
    deferred: int
    parked: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class ParkedRows:
    """Parked rows of one customer and kind with the same code."""

    tenant: TenantId
    kind: str
    code: str
    items: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class OpenFanout:
    """A wide change that is being expanded."""

    tenant: TenantId
    connection: UUID
    scope: str
    phase: str
    marked: int
    created_at: datetime
    advanced_at: datetime


@dataclass(frozen=True, slots=True)
class EndingToken:
    """The last token of a connection, about to expire without a successor."""

    tenant: TenantId
    connection: UUID
    hint: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class HeldPersons:
    """People of a customer who stand held or failed for one reason, and since when the first of them does."""

    tenant: TenantId
    standing: str
    detail: str | None
    persons: int
    oldest: datetime


async def migration_problem(connection: Connection) -> str | None:
    """Why the database does not fit this version; None when it does."""
    known = read_migrations(migrations_folder())
    try:
        rows = await connection.fetch(statements(FILE)["migrations"])
        missing = pending(known, {row["number"]: row["checksum"] for row in rows})
    except asyncpg.InsufficientPrivilegeError:
        return "this role may not look at it: use vestibule_console in VESTIBULE_DATABASE_URL"
    except asyncpg.UndefinedTableError:
        return "it was never migrated: run python -m vestibule.database.migrate --url ADMIN_URL"
    except MigrationError as error:
        return str(error)
    if not missing:
        return None
    names = ", ".join(migration.name for migration in missing)
    return f"{names} not applied: run python -m vestibule.database.migrate --url ADMIN_URL"


async def read_backlog(connection: Connection) -> list[StageBacklog]:
    """The work of both stages."""
    rows = await connection.fetch(statements(FILE)["backlog"])
    return [
        StageBacklog(
            row["stage"],
            row["dirty"],
            row["in_flight"],
            row["deferred"],
            row["parked"],
            row["oldest_seconds"],
        )
        for row in rows
    ]


async def count_parked(connection: Connection) -> list[ParkedRows]:
    """Parked rows by customer, kind and code."""
    rows = await connection.fetch(statements(FILE)["parked"])
    return [
        ParkedRows(TenantId(row["tenant_id"]), row["kind"], row["code"], row["items"], row["oldest"])
        for row in rows
    ]


async def list_open_fanouts(connection: Connection) -> list[OpenFanout]:
    """Wide changes that are not yet expanded to their end, oldest first."""
    rows = await connection.fetch(statements(FILE)["fanouts"])
    return [
        OpenFanout(
            TenantId(row["tenant_id"]),
            row["connection_id"],
            row["scope"],
            row["phase"],
            row["marked"],
            row["created_at"],
            row["advanced_at"],
        )
        for row in rows
    ]


async def list_ending_tokens(connection: Connection, within: timedelta) -> list[EndingToken]:
    """Connections whose identity provider will soon get 401, the first one first."""
    rows = await connection.fetch(statements(FILE)["expiring_tokens"], within)
    return [
        EndingToken(TenantId(row["tenant_id"]), row["connection_id"], row["hint"], row["expires_at"])
        for row in rows
    ]


async def list_held(
    connection: Connection, tenants: Sequence[TenantId], longer_than: timedelta
) -> list[HeldPersons]:
    """Who stands held or failed for so long, the oldest first. Reads about 100,000 persons a second."""
    rows = await connection.fetch(statements(FILE)["held"], tenants, longer_than)
    return [
        HeldPersons(TenantId(row["tenant_id"]), row["standing"], row["detail"], row["persons"], row["oldest"])
        for row in rows
    ]
