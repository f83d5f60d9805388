"""Desks as operators set them up; their credentials arrive sealed and cannot be read back from here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from vestibule.database.conflicts import telling_what_is_taken
from vestibule.database.pool import Connection, Pool, json_text
from vestibule.database.statements import statements
from vestibule.domain.identifiers import DeskId
from vestibule.domain.tenants import DeskState

FILE = "desk_records"


@dataclass(frozen=True, slots=True)
class Flow:
    """How the desk answers: keys admitted at most, faults in a row, until when it is blocked and why."""

    admitted: int
    faults: int
    probing: bool
    blocked_until: datetime | None
    code: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class DeskRecord:
    """A service desk; `flow` is None where its row is missing, and then nothing goes there."""

    id: DeskId
    name: str
    kind: str
    settings: Mapping[str, Any]
    capabilities: Mapping[str, Any]
    state: DeskState
    sealing_key_id: str
    credentials_expire_at: datetime | None
    created_at: datetime
    flow: Flow | None


@dataclass(frozen=True, slots=True)
class SealedCredentials:
    """What only the writer can open, the id of the key it is sealed to, and when the desk ends it."""

    sealed: bytes
    key_id: str
    expire_at: datetime | None


async def list_desks(pool: Pool | Connection) -> list[DeskRecord]:
    """Every desk by name."""
    rows = await pool.fetch(statements(FILE)["list"])
    return [
        DeskRecord(
            DeskId(row["id"]),
            row["name"],
            row["kind"],
            orjson.loads(row["settings"]),
            orjson.loads(row["capabilities"]),
            DeskState(row["state"]),
            row["sealing_key_id"],
            row["credentials_expire_at"],
            row["created_at"],
            None
            if row["admitted"] is None
            else Flow(
                row["admitted"],
                row["faults"],
                row["probing"],
                row["blocked_until"],
                row["code"],
                row["since"],
            ),
        )
        for row in rows
    ]


async def find_desk(pool: Pool | Connection, name: str) -> DeskRecord | None:
    """The desk of this name."""
    return next((desk for desk in await list_desks(pool) if desk.name == name), None)


async def insert_desk(
    connection: Connection,
    desk: DeskId,
    name: str,
    kind: str,
    settings: Mapping[str, object],
    capabilities: Mapping[str, object],
    credentials: SealedCredentials,
) -> None:
    """A desk that takes work at once; Taken where the name is another's."""
    with telling_what_is_taken():
        await connection.execute(
            statements(FILE)["insert"],
            desk,
            name,
            kind,
            json_text(dict(settings)),
            json_text(dict(capabilities)),
            credentials.sealed,
            credentials.key_id,
            credentials.expire_at,
        )
    await connection.execute(statements(FILE)["insert_flow"], desk)


async def renew_credentials(connection: Connection, desk: DeskId, credentials: SealedCredentials) -> None:
    """Replace what the writer proves itself with at the desk."""
    await connection.execute(
        statements(FILE)["renew"], desk, credentials.sealed, credentials.key_id, credentials.expire_at
    )


async def set_desk_state(connection: Connection, desk: DeskId, state: DeskState) -> bool:
    """Take a desk out of service or back into it; False when it was in that state already."""
    done: str = await connection.execute(statements(FILE)["set_state"], desk, state.value)
    return done == "UPDATE 1"
