"""Decisions that wait for a human."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from vestibule.database.pool import Connection
from vestibule.database.statements import statements
from vestibule.domain.identifiers import TenantId

FILE = "cases"


@dataclass(frozen=True, slots=True)
class Case:
    """`subject` is a person's or account's login name or an organization's name; None where it has none."""

    id: UUID
    kind: str
    connection: str | None
    subject_kind: str | None
    subject_id: UUID
    subject: str | None
    items: Mapping[str, Any]
    opened_at: datetime
    closed_at: datetime | None
    decision: str | None


async def list_cases(connection: Connection, tenant: TenantId, closed_too: bool, most: int) -> list[Case]:
    """A customer's cases, open ones first and the oldest of them on top."""
    rows = await connection.fetch(statements(FILE)["list"], tenant, closed_too, most)
    return [_case(row) for row in rows]


async def read_case(connection: Connection, tenant: TenantId, case: UUID) -> Case | None:
    """One case."""
    row = await connection.fetchrow(statements(FILE)["get"], tenant, case)
    return None if row is None else _case(row)


def _case(row: asyncpg.Record) -> Case:
    return Case(
        row["id"],
        row["kind"],
        row["connection"],
        row["subject_kind"],
        row["subject_id"],
        row["subject"],
        orjson.loads(row["items"]),
        row["opened_at"],
        row["closed_at"],
        row["decision"],
    )
