"""SCIM groups as ingest keeps them; members have a table of their own and are read only when they are wanted.

Every function raises Refused for a verdict that means that nothing came of the request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg

from vestibule.database.pool import Connection, json_text
from vestibule.database.statements import statements
from vestibule.database.verdicts import MembersUnknown, Refused, Verdict, accept
from vestibule.domain.tokens import Credential

FILE = "groups"


@dataclass(frozen=True, slots=True)
class GroupWrite:
    """A group's whole document as JSON, without its members, what of it is kept for searching, the keys."""

    document: str
    search: Mapping[str, Any] | None
    external_id: str | None
    display_name_ci: str


@dataclass(frozen=True, slots=True)
class Named:
    """Members as a request names them: by ids, canonical UUIDs as text, or by other values.

    Tens of thousands may come, and nobody here looks into them. `said_groups` are those of the values that
    the request says to be groups.
    """

    ids: Sequence[str] = ()
    names: Sequence[str] = ()
    said_groups: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class MembersWrite:
    """Members to add and to remove; with `everything`, all who are not added go."""

    everything: bool = False
    added: Named = Named()
    removed: Named = Named()


@dataclass(frozen=True, slots=True)
class Group:
    """A stored group; `document` is JSON, and so are `members`, each `$ref` below the base URL; None where
    they were not asked for.

    `unknown` are the values of members that the request named and nobody is: they are parked.
    """

    id: UUID
    document: str
    members: str | None
    version: int
    created_at: datetime
    modified_at: datetime
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupStamp:
    """The group as it is after a write, or after one that changed nothing.

    `unknown` are the values of named members that nobody is: they are parked. `members`: as a Group's.
    """

    version: int
    created_at: datetime
    modified_at: datetime
    unknown: tuple[str, ...] = ()
    members: str | None = None


class GroupKey(StrEnum):
    """What a group is looked up by."""

    ID = "id"
    DISPLAY_NAME = "display_name"
    EXTERNAL_ID = "external_id"
    MEMBER = "member"


@dataclass(frozen=True, slots=True)
class GroupQuery:
    """A key's value, none for MEMBER, folded where its case does not matter; a member that it must have."""

    key: GroupKey
    value: str | None = None
    member: UUID | None = None


async def create_group(
    connection: Connection,
    caller: Credential,
    new_id: UUID,
    write: GroupWrite,
    members: Named,
    trace: str | None,
    *,
    with_members: bool,
) -> GroupStamp:
    """Store a new group with its members."""
    row = await connection.fetchrow(
        statements(FILE)["create"],
        caller.path,
        caller.token_hash,
        new_id,
        write.external_id,
        write.display_name_ci,
        write.document,
        None if write.search is None else json_text(write.search),
        members.ids,
        members.names,
        members.said_groups,
        with_members,
        trace,
    )
    _accept(row)
    return _stamp(row)


async def change_group(
    connection: Connection,
    caller: Credential,
    target: UUID,
    expected_version: int | None,
    write: GroupWrite | None,
    members: MembersWrite,
    trace: str | None,
    *,
    with_members: bool,
) -> GroupStamp | None:
    """Change attributes, members or both; None when the version is not the expected one (None: any).

    Without `write` the attributes stay. The cost follows the number of members named, not the group's size.
    """
    row = await connection.fetchrow(
        statements(FILE)["change"],
        caller.path,
        caller.token_hash,
        target,
        expected_version,
        write.external_id if write else None,
        write.display_name_ci if write else None,
        write.document if write else None,
        json_text(write.search) if write and write.search is not None else None,
        members.everything,
        members.added.ids,
        members.added.names,
        members.added.said_groups,
        members.removed.ids,
        members.removed.names,
        with_members,
        trace,
    )
    return None if _accept(row) is Verdict.STALE else _stamp(row)


async def remove_group(
    connection: Connection, caller: Credential, target: UUID, expected_version: int | None, trace: str | None
) -> bool:
    """Remove a group; False when its version is not the expected one (None: any)."""
    verdict = await connection.fetchval(
        statements(FILE)["remove"], caller.path, caller.token_hash, target, expected_version, trace
    )
    return accept(verdict) is not Verdict.STALE


async def read_group(
    connection: Connection, caller: Credential, target: UUID, *, with_members: bool
) -> Group:
    """Read one group."""
    row = await connection.fetchrow(
        statements(FILE)["read"], caller.path, caller.token_hash, target, with_members
    )
    assert row is not None
    accept(row["verdict"])
    return _group(target, row)


async def find_groups(
    connection: Connection,
    caller: Credential,
    query: GroupQuery,
    skipped: int,
    page_size: int,
    *,
    with_members: bool,
) -> tuple[int, list[Group]]:
    """Return how many groups have the key and a page of them, in the order of their ids."""
    rows = await connection.fetch(
        statements(FILE)["find"],
        caller.path,
        caller.token_hash,
        query.key,
        query.value,
        query.member,
        with_members,
        skipped,
        page_size,
    )
    accept(rows[0]["verdict"])
    return rows[0]["total"], [group_of(row) for row in rows[1:]]


def group_of(row: asyncpg.Record) -> Group:
    """A group from a row of a list."""
    return _group(row["id"], row)


def _accept(row: asyncpg.Record | None) -> Verdict:
    assert row is not None
    try:
        return accept(row["verdict"])
    except Refused as refused:
        if refused.verdict in (Verdict.UNKNOWN_MEMBERS, Verdict.TOO_MANY_UNKNOWN):
            raise MembersUnknown(refused.verdict, len(row["unknown"])) from None
        raise


def _stamp(row: asyncpg.Record | None) -> GroupStamp:
    assert row is not None
    return GroupStamp(
        row["version"], row["created_at"], row["modified_at"], tuple(row["unknown"] or ()), row["members"]
    )


def _group(identifier: UUID, row: asyncpg.Record) -> Group:
    return Group(
        identifier,
        row["document"],
        row["members"],
        row["version"],
        row["created_at"],
        row["modified_at"],
    )
