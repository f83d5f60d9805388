"""SCIM users as ingest keeps them: one statement per call, in which the caller is authenticated too.

Every function raises Refused for a verdict that means that nothing came of the request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from vestibule.database.pool import Connection, as_jsonb
from vestibule.database.statements import statements
from vestibule.database.verdicts import Refused, Verdict, accept
from vestibule.domain.tokens import Credential

FILE = "persons"


@dataclass(frozen=True, slots=True)
class PersonWrite:
    """A user's whole document, what of it is kept for searching, and the keys; `_ci` values are folded."""

    document: Mapping[str, Any]
    search: Mapping[str, Any] | None
    external_id: str | None
    user_name_ci: str
    display_name_ci: str | None
    work_email_ci: str | None
    active: bool


@dataclass(frozen=True, slots=True)
class Person:
    """A stored user; `groups` are [{"value": id, "display": name}, …], its direct ones."""

    id: UUID
    document: dict[str, Any]
    groups: tuple[Mapping[str, str], ...]
    version: int
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A user to be stored: who asks, the id it has unless it is one who returns, and the request's trace."""

    caller: Credential
    id: UUID
    write: PersonWrite
    trace: str | None


@dataclass(frozen=True, slots=True)
class Created:
    """A user that is there now; its id is an older one where a removed person returned."""

    id: UUID
    version: int
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Replaced:
    """The write was carried out."""

    version: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Another write came between: this is what it left."""

    document: dict[str, Any]
    version: int
    modified_at: datetime


class PersonKey(StrEnum):
    """What a user is looked up by; of each value few users, or only one, have the same."""

    ID = "id"
    USER_NAME = "user_name"
    EXTERNAL_ID = "external_id"
    WORK_EMAIL = "email"
    DISPLAY_NAME = "display_name"


@dataclass(frozen=True, slots=True)
class PersonQuery:
    """A key's value, folded where its case does not matter, an id as we write it; `active` if it is asked."""

    key: PersonKey
    value: str
    active: bool | None = None


async def create_persons(
    connection: Connection, many: Sequence[NewPerson], patience: float
) -> list[Created | Refused]:
    """Store new users, or bring back removed ones, in one commit, and say it in order.

    With an error none is stored: asyncpg.LockNotAvailableError where another transaction holds what one of
    them needs for longer than `patience` seconds.
    """
    columns = zip(*(_creation(new) for new in many), strict=True)
    rows = await connection.fetch(statements(FILE)["create"], int(patience * 1000), *columns)
    return [_created(row) for row in rows]


async def replace_person(
    connection: Connection,
    caller: Credential,
    target: UUID,
    expected_version: int,
    write: PersonWrite,
    operation: str,
    trace: str | None,
) -> Replaced | Overtaken:
    """Store a user's new document if its version is still the expected one."""
    row = await connection.fetchrow(
        statements(FILE)["replace"],
        caller.path,
        caller.token_hash,
        target,
        expected_version,
        write.external_id,
        write.user_name_ci,
        write.display_name_ci,
        write.work_email_ci,
        write.active,
        as_jsonb(write.document),
        None if write.search is None else as_jsonb(write.search),
        operation,
        trace,
    )
    assert row is not None
    if accept(row["verdict"]) is Verdict.STALE:
        return Overtaken(orjson.loads(row["resource"]), row["version"], row["modified_at"])
    return Replaced(row["version"], row["modified_at"])


async def remove_person(
    connection: Connection, caller: Credential, target: UUID, expected_version: int | None, trace: str | None
) -> bool:
    """Remove a user; False when its version is not the expected one (None: any)."""
    verdict = await connection.fetchval(
        statements(FILE)["remove"], caller.path, caller.token_hash, target, expected_version, trace
    )
    return accept(verdict) is not Verdict.STALE


async def read_person(connection: Connection, caller: Credential, target: UUID) -> Person:
    """Read one user."""
    row = await connection.fetchrow(statements(FILE)["read"], caller.path, caller.token_hash, target)
    assert row is not None
    accept(row["verdict"])
    return _person(target, row)


async def find_persons(
    connection: Connection, caller: Credential, query: PersonQuery, skipped: int, page_size: int
) -> tuple[int, list[Person]]:
    """Return how many users have the key and a page of them, in the order of their ids."""
    rows = await connection.fetch(
        statements(FILE)["find"],
        caller.path,
        caller.token_hash,
        query.key,
        query.value,
        query.active,
        skipped,
        page_size,
    )
    accept(rows[0]["verdict"])
    return rows[0]["total"], [person_of(row) for row in rows[1:]]


def person_of(row: asyncpg.Record) -> Person:
    """A user from a row of a list."""
    return _person(row["id"], row)


def _creation(new: NewPerson) -> tuple[object, ...]:
    write = new.write
    return (
        new.caller.path,
        new.caller.token_hash,
        new.id,
        write.external_id,
        write.user_name_ci,
        write.display_name_ci,
        write.work_email_ci,
        write.active,
        as_jsonb(write.document),
        None if write.search is None else as_jsonb(write.search),
        new.trace,
    )


def _created(row: asyncpg.Record) -> Created | Refused:
    try:
        accept(row["verdict"])
    except Refused as refused:
        return refused
    return Created(row["id"], row["version"], row["created_at"], row["modified_at"])


def _person(identifier: UUID, row: asyncpg.Record) -> Person:
    groups = row["groups"]
    return Person(
        identifier,
        orjson.loads(row["resource"]),
        tuple(orjson.loads(groups)) if groups is not None else (),
        row["version"],
        row["created_at"],
        row["modified_at"],
    )
