"""Groups as an operator sees them: how many are in each, and whom they name that nobody is yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vestibule.database.pool import Connection
from vestibule.database.statements import statements
from vestibule.domain.identifiers import TenantId

FILE = "group_standings"


@dataclass(frozen=True, slots=True)
class GroupStanding:
    """A group, the members that it has, and the `unknown` ones, of whom `first` has the first twenty.

    `oldest` is since when the first of them is waited for; None without any.
    """

    connection: str
    id: UUID
    name: str
    users: int
    groups: int
    unknown: int
    oldest: datetime | None
    first: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnknownMembers:
    """How many members a customer's groups name that nobody is, in how many groups, and since when."""

    tenant: TenantId
    members: int
    groups: int
    oldest: datetime


async def list_group_standings(
    connection: Connection, tenant: TenantId, only_unknown: bool, most: int
) -> list[GroupStanding]:
    """A customer's groups, those with unknown members first."""
    rows = await connection.fetch(statements(FILE)["list"], tenant, only_unknown, most)
    return [
        GroupStanding(
            row["connection"],
            row["id"],
            row["name"],
            row["users"],
            row["groups"],
            row["unknown"],
            row["oldest"],
            tuple(row["first"]),
        )
        for row in rows
    ]


async def count_unknown_members(connection: Connection, tenants: Sequence[TenantId]) -> list[UnknownMembers]:
    """The customers whose groups name members that nobody is."""
    rows = await connection.fetch(statements(FILE)["count_unknown"], tenants)
    return [
        UnknownMembers(TenantId(row["tenant_id"]), row["members"], row["groups"], row["oldest"])
        for row in rows
    ]
