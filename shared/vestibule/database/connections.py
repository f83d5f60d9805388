"""Connections: one identity provider of a customer each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import orjson

from vestibule.database.conflicts import telling_what_is_taken
from vestibule.database.pool import Connection, json_text
from vestibule.database.statements import statements
from vestibule.domain.identifiers import ConnectionId, DeskId, TenantId
from vestibule.domain.tenants import Mode

FILE = "connections"


@dataclass(frozen=True, slots=True)
class IdpConnection:
    """`path` is its unguessable part of the base URL; `resume_mode` is what a pause ends with."""

    id: ConnectionId
    path: str
    name: str
    idp: str
    mode: Mode
    resume_mode: Mode | None
    precedence: int
    key_trust: str
    mapping_version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Onboarded:
    """A connection and how many people its identity provider has sent."""

    connection: IdpConnection
    persons: int


@dataclass(frozen=True, slots=True)
class NewConnection:
    """What an operator decides about a connection."""

    id: ConnectionId
    path: str
    name: str
    idp: str
    mode: Mode
    precedence: int
    key_trust: str


async def list_connections(connection: Connection, tenant: TenantId) -> list[Onboarded]:
    """A customer's connections, the deciding one first."""
    rows = await connection.fetch(statements(FILE)["list"], tenant)
    return [Onboarded(_connection(row), row["persons"]) for row in rows]


async def find_connection(connection: Connection, tenant: TenantId, name: str) -> IdpConnection | None:
    """The connection of this name."""
    row = await connection.fetchrow(statements(FILE)["find"], tenant, name)
    return None if row is None else _connection(row)


async def lock_connection(connection: Connection, tenant: TenantId, name: str) -> IdpConnection | None:
    """The connection of this name, held against other operators until the transaction ends."""
    row = await connection.fetchrow(statements(FILE)["lock"], tenant, name)
    return None if row is None else _connection(row)


async def insert_connection(
    connection: Connection, tenant: TenantId, new: NewConnection, mapping: Mapping[str, object]
) -> None:
    """A new connection with version 1 of its mapping; Taken where the name is another's."""
    with telling_what_is_taken():
        await connection.execute(
            statements(FILE)["insert"],
            tenant,
            new.id,
            new.path,
            new.name,
            new.idp,
            new.mode.value,
            new.precedence,
            new.key_trust,
        )
    await connection.execute(statements(FILE)["insert_mapping"], tenant, new.id, 1, json_text(dict(mapping)))


async def read_mapping(connection: Connection, tenant: TenantId, of: ConnectionId) -> object:
    """The document of the mapping in force."""
    return orjson.loads(await connection.fetchval(statements(FILE)["mapping"], tenant, of))


async def replace_mapping(
    connection: Connection, tenant: TenantId, of: ConnectionId, mapping: Mapping[str, object]
) -> int:
    """A new version of a mapping, in force from now on; the connection was locked."""
    version: int = await connection.fetchval(statements(FILE)["advance_mapping"], tenant, of)
    await connection.execute(
        statements(FILE)["insert_mapping"], tenant, of, version, json_text(dict(mapping))
    )
    return version


async def pause_connection(connection: Connection, tenant: TenantId, paused: ConnectionId) -> bool:
    """Hold what comes from now on; False when it was paused already."""
    done: str = await connection.execute(statements(FILE)["pause"], tenant, paused)
    return done == "UPDATE 1"


async def resume_connection(connection: Connection, tenant: TenantId, resumed: ConnectionId) -> Mode | None:
    """The mode it is in again; None when it was not paused."""
    mode: str | None = await connection.fetchval(statements(FILE)["resume"], tenant, resumed)
    return None if mode is None else Mode(mode)


async def mark_connection(
    connection: Connection, tenant: TenantId, desk: DeskId, marked: ConnectionId, trace: str | None
) -> int:
    """Have all of a connection judged and written anew, in chunks; returns the fan-out's number."""
    made: int = await connection.fetchval(statements(FILE)["mark_wide"], tenant, desk, marked, trace)
    return made


def _connection(row: asyncpg.Record) -> IdpConnection:
    return IdpConnection(
        ConnectionId(row["id"]),
        row["path"],
        row["name"],
        row["idp"],
        Mode(row["mode"]),
        None if row["resume_mode"] is None else Mode(row["resume_mode"]),
        row["precedence"],
        row["key_trust"],
        row["mapping_version"],
        row["created_at"],
    )
