"""SCIM users as ingest keeps them: one statement per call, in which the caller is authenticated too.

Every function raises Refused for a verdict that means that nothing came of the request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

import asyncpg

from vestibule.database.pool import Connection, json_text
from vestibule.database.statements import statements
from vestibule.database.verdicts import Refused, Verdict, accept
from vestibule.domain.tokens import Credential

FILE: Final = "persons"


@dataclass(frozen=True, slots=True)
class PersonWrite:
    """A user's whole document as JSON, what of it is kept for searching, and the keys; `_ci` are folded."""

    document: str
    search: Mapping[str, Any] | None
    external_id: str | None
    user_name_ci: str
    display_name_ci: str | None
    work_email_ci: str | None
    active: bool


class Person(NamedTuple):
    """A stored user; `document` and `groups` are JSON, each `$ref` below the base URL; None: in no group.

    A named tuple: a page makes a hundred, each for a third of what a frozen dataclass takes.
    """

    id: UUID
    document: str
    groups: str | None
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
class ChangedPerson:
    """A user's new document, to be stored if its version is still the expected one."""

    caller: Credential
    id: UUID
    expected_version: int
    write: PersonWrite
    operation: str
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

    document: str
    version: int
    modified_at: datetime


PersonChange: TypeAlias = NewPerson | ChangedPerson
Written: TypeAlias = Created | Replaced | Overtaken


class PersonKey(StrEnum):
    """What a user is looked up by; of each value but a group's few users, or only one, have the same."""

    ID = "id"
    USER_NAME = "user_name"
    EXTERNAL_ID = "external_id"
    WORK_EMAIL = "email"
    DISPLAY_NAME = "display_name"
    GROUP = "group"


_PARTS: Final = itemgetter("id", "document", "groups", "version", "created_at", "modified_at")  # of a Person

UNIQUE_KEYS: Final = frozenset({PersonKey.ID, PersonKey.USER_NAME, PersonKey.EXTERNAL_ID})


@dataclass(frozen=True, slots=True)
class PersonQuery:
    """A key's value, folded where its case does not matter, an id as we write it; `active` if it is asked."""

    key: PersonKey
    value: str
    active: bool | None = None


@dataclass(frozen=True, slots=True)
class PersonSought:
    """The one user who has a key of UNIQUE_KEYS, and who asks."""

    caller: Credential
    query: PersonQuery


async def write_persons(
    connection: Connection, many: Sequence[PersonChange], patience: float
) -> list[Written | Refused]:
    """Store new users and new documents of known ones, in one commit, and say what became of each, in order.

    A removed person who returns is brought back. With an error none is stored:
    asyncpg.LockNotAvailableError where another transaction holds what one of them needs for longer than
    `patience` seconds.
    """
    columns = zip(*map(_as_write, many), strict=True)
    rows = await connection.fetch(statements(FILE)["write"], int(patience * 1000), *columns)
    return [_written(change, row) for change, row in zip(many, rows, strict=True)]


async def read_persons(
    connection: Connection, many: Sequence[PersonSought], _patience: float
) -> list[Person | Refused]:
    """Read users by keys that only one can have, in order; Refused with `missing` where nobody has it."""
    columns = zip(*map(_as_read, many), strict=True)
    rows = await connection.fetch(statements(FILE)["read"], *columns)
    return [_read(row) for row in rows]


async def remove_person(
    connection: Connection, caller: Credential, target: UUID, expected_version: int | None, trace: str | None
) -> bool:
    """Remove a user; False when its version is not the expected one (None: any)."""
    verdict = await connection.fetchval(
        statements(FILE)["remove"], caller.path, caller.token_hash, target, expected_version, trace
    )
    return accept(verdict) is not Verdict.STALE


async def find_persons(
    connection: Connection, caller: Credential, query: PersonQuery, skipped: int, page_size: int
) -> tuple[int, list[Person]]:
    """Return how many users have a key that several can have, and a page of them by their ids."""
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
    return Person._make(_PARTS(row))


def _as_write(change: PersonChange) -> tuple[object, ...]:
    write = change.write
    expected, operation = None, None
    if isinstance(change, ChangedPerson):
        expected, operation = change.expected_version, change.operation
    return (
        change.caller.path,
        change.caller.token_hash,
        change.id,
        expected,
        write.external_id,
        write.user_name_ci,
        write.display_name_ci,
        write.work_email_ci,
        write.active,
        write.document,
        None if write.search is None else json_text(write.search),
        operation,
        change.trace,
    )


def _written(change: PersonChange, row: asyncpg.Record) -> Written | Refused:
    verdict = _accepted(row)
    if isinstance(verdict, Refused):
        return verdict
    if verdict is Verdict.STALE:
        return Overtaken(row["document"], row["version"], row["modified_at"])
    if isinstance(change, NewPerson):
        return Created(row["id"], row["version"], row["created_at"], row["modified_at"])
    return Replaced(row["version"], row["modified_at"])


def _as_read(sought: PersonSought) -> tuple[object, ...]:
    caller, query = sought.caller, sought.query
    return caller.path, caller.token_hash, query.key, query.value, query.active


def _read(row: asyncpg.Record) -> Person | Refused:
    verdict = _accepted(row)
    return verdict if isinstance(verdict, Refused) else person_of(row)


def _accepted(row: asyncpg.Record) -> Verdict | Refused:
    try:
        return accept(row["verdict"])
    except Refused as refused:
        return refused
