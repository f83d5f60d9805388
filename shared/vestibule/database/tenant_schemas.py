"""The extension schemas of a customer by version, and what was stored before a version, for fitting it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from vestibule.database.pool import Connection, Pool, json_text
from vestibule.database.statements import statements
from vestibule.domain.identifiers import ConnectionId, TenantId

FILE: Final = "tenant_schemas"


@dataclass(frozen=True, slots=True)
class SchemasVersion:
    """All schemas of a customer as they are stored; version 0 is before the first.

    `fitted_to` tells how far what was stored before was brought into their shape, `fitted_at` when it was.
    """

    version: int
    document: Sequence[Mapping[str, Any]]
    created_at: datetime | None
    fitted_to: Mapping[str, Any]
    fitted_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredResource:
    """A user or group; of those that no schema in question concerns there is no document."""

    id: UUID
    version: int
    document: dict[str, Any] | None
    search: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Refitted:
    """What a stored resource is to be, unless it was written meanwhile."""

    id: UUID
    version: int
    document: Mapping[str, Any]
    search: Mapping[str, Any] | None


async def read_schemas_version(connection: Connection, tenant: TenantId) -> SchemasVersion:
    """The schemas of this moment."""
    row = await connection.fetchrow(statements(FILE)["current"], tenant)
    assert row is not None
    fitted_to = {} if row["fitted_to"] is None else orjson.loads(row["fitted_to"])
    return SchemasVersion(
        row["version"], orjson.loads(row["document"]), row["created_at"], fitted_to, row["fitted_at"]
    )


async def unfitted_documents(
    connection: Connection, tenant: TenantId, version: int
) -> list[Sequence[Mapping[str, Any]]]:
    """What was defined up to a version, since the last one that everything was fitted to, itself included."""
    rows = await connection.fetch(statements(FILE)["unfitted"], tenant, version)
    return [orjson.loads(row["document"]) for row in rows]


async def insert_schemas_version(
    connection: Connection, tenant: TenantId, after: int, document: Sequence[Mapping[str, Any]]
) -> bool:
    """The version behind `after`, in force from now on; False where somebody else has made one."""
    done: str = await connection.execute(statements(FILE)["advance"], tenant, after)
    if done != "UPDATE 1":
        return False
    await connection.execute(statements(FILE)["insert"], tenant, after + 1, json_text(list(document)))
    return True


async def note_fitting(
    connection: Connection, tenant: TenantId, version: int, fitted_to: Mapping[str, Any], *, done: bool
) -> bool:
    """Store how far fitting has come; False where the version is not in force any more."""
    noted: str = await connection.execute(
        statements(FILE)["note"], tenant, version, json_text(dict(fitted_to)), done
    )
    return noted == "UPDATE 1"


async def count_resources(connection: Connection, tenant: TenantId) -> int:
    """How many users and groups there are, removed ones included."""
    count: int = await connection.fetchval(statements(FILE)["population"], tenant)
    return count


async def read_page(
    connection: Connection,
    tenant: TenantId,
    of: ConnectionId,
    kind: str,
    after: UUID,
    most: int,
    urns: Sequence[str],
) -> list[StoredResource]:
    """The next users or groups (`kind`) of a connection by id; `urns` in lower case say who is concerned."""
    name = "groups" if kind == "Group" else "users"
    rows = await connection.fetch(statements(FILE)[name], tenant, of, after, most, urns)
    return [
        StoredResource(
            row["id"],
            row["version"],
            None if row["document"] is None else orjson.loads(row["document"]),
            None if row["search"] is None else orjson.loads(row["search"]),
        )
        for row in rows
    ]


async def refit_resources(
    connection: Connection, tenant: TenantId, of: ConnectionId, kind: str, many: Sequence[Refitted]
) -> int:
    """Store what was fitted; returns of how many, the rest was written meanwhile."""
    changed: int = await connection.fetchval(
        statements(FILE)["refit"],
        tenant,
        of,
        kind,
        [one.id for one in many],
        [one.version for one in many],
        [json_text(one.document) for one in many],
        [None if one.search is None else json_text(one.search) for one in many],
    )
    return changed


async def open_transactions(pool: Pool | Connection) -> frozenset[str]:
    """The transactions that ingest has open: those that began earlier may go by older schemas."""
    return frozenset(await pool.fetchval(statements(FILE)["transactions"]))
