"""Lists of SCIM resources of one type or of both: filtered, sorted, counted and paged in one statement.

What is looked up by a key is found by `find_persons` and `find_groups`, whose plans are kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from vestibule.database.groups import Group, group_of
from vestibule.database.persons import Person, person_of
from vestibule.database.pool import Connection
from vestibule.database.statements import statements
from vestibule.database.verdicts import accept
from vestibule.domain.tokens import Credential

FILE: Final = "searches"


@dataclass(frozen=True, slots=True)
class Search:
    """What is listed: conditions and sort keys as vestibule.scim writes them, None: a type not asked for."""

    persons: str | None
    groups: str | None
    arguments: Sequence[str] = ()
    person_key: str | None = None
    group_key: str | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """Which part of it: behind, or before, the one with this key and id if any, `skipped` further."""

    page_size: int
    skipped: int = 0
    backwards: bool = False
    last_key: str | None = None
    last_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """How many there are in all, the page in the list's order, and whether more follow in its direction.

    `sort_keys` are what each of the page is sorted by.
    """

    total: int
    page: Sequence[Person | Group]
    sort_keys: Sequence[str | None]
    more: bool


async def search(
    connection: Connection, caller: Credential, wanted: Search, span: Span, *, with_members: bool
) -> Found:
    """List; raises Refused. A page may end early where the groups in it have very many members."""
    rows = await connection.fetch(
        statements(FILE)["search"],
        caller.path,
        caller.token_hash,
        wanted.persons,
        wanted.groups,
        wanted.arguments,
        wanted.person_key,
        wanted.group_key,
        wanted.descending,
        span.backwards,
        span.last_key,
        span.last_id,
        span.skipped,
        span.page_size,
        with_members,
    )
    accept(rows[0]["verdict"])
    shown = [row for row in rows[1 : span.page_size + 1] if row["document"] is not None]
    more = len(shown) < len(rows) - 1
    if span.backwards:
        shown.reverse()
    page = [person_of(row) if row["kind"] == "User" else group_of(row) for row in shown]
    return Found(rows[0]["total"], page, [row["sort_key"] for row in shown], more)
