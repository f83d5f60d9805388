"""What happened to a person and its account, in order: codes and ids, no content."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vestibule.database.pool import Connection
from vestibule.database.statements import statements
from vestibule.domain.identifiers import AccountId, ConnectionId, PersonId, TenantId

FILE = "timelines"


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """A person of that name in one connection; one who was removed at the IdP is found as well."""

    connection: ConnectionId
    connection_name: str
    person: PersonId
    active: bool
    removed_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `trace` is the W3C traceparent of the request that led to it."""

    at: datetime
    subject: UUID
    stage: str
    code: str
    reason: str | None
    trace: str | None

    @property
    def trace_id(self) -> str | None:
        """The part of the traceparent that names the whole trace."""
        parts = (self.trace or "").split("-")
        return parts[1] if len(parts) == 4 else None


@dataclass(frozen=True, slots=True)
class Joined:
    """An organization that the account should be in, is in, or both."""

    source: str
    name: str | None
    wanted: bool
    applied: bool
    origin: str
    code: str | None


async def find_persons(connection: Connection, tenant: TenantId, folded_user_name: str) -> list[FoundPerson]:
    """Those who bear this userName in a connection of the customer, the present ones first."""
    rows = await connection.fetch(statements(FILE)["find_persons"], tenant, folded_user_name)
    return [
        FoundPerson(
            ConnectionId(row["connection_id"]),
            row["connection"],
            PersonId(row["id"]),
            row["active"],
            row["removed_at"],
            row["created_at"],
        )
        for row in rows
    ]


async def read_events(
    connection: Connection, tenant: TenantId, subjects: Sequence[UUID], most: int
) -> list[Event]:
    """The newest events of these subjects, oldest first."""
    rows = await connection.fetch(statements(FILE)["events"], tenant, list(subjects), most)
    return [
        Event(row["at"], row["subject_id"], row["stage"], row["code"], row["reason"], row["trace"])
        for row in rows
    ]


async def read_organizations(connection: Connection, tenant: TenantId, account: AccountId) -> list[Joined]:
    """The organizations of an account, the home organization first."""
    rows = await connection.fetch(statements(FILE)["organizations"], tenant, account)
    return [
        Joined(
            row["source"],
            row["desk_name"] or row["wanted_name"],
            row["wanted"],
            row["applied"],
            row["origin"],
            row["code"],
        )
        for row in rows
    ]


async def read_desk_account_id(connection: Connection, tenant: TenantId, account: AccountId) -> str | None:
    """The desk's own id of the account; None while there is none."""
    row = await connection.fetchrow(statements(FILE)["at_desk"], tenant, account)
    return None if row is None else row["desk_account_id"]


async def append_operator_events(
    connection: Connection, tenant: TenantId, subjects: Sequence[UUID], code: str, trace: str | None
) -> None:
    """An operator did this to each of them."""
    await connection.execute(statements(FILE)["append"], tenant, list(subjects), code, trace)
