"""Organizations and memberships as the writer works on them: claim, progress between steps, record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import asyncpg

from vestibule.database.outcomes import Result, Verdict, again_after_deadlock
from vestibule.database.pool import Pool
from vestibule.database.statements import statements
from vestibule.domain.identifiers import AccountId, DeskId, OrganizationId, TenantId
from vestibule.messages.envelope import Key

FILE: Final = "organizations"


@dataclass(frozen=True, slots=True)
class ClaimedOrganization:
    """One organization under our claim. `applied_name` is the wanted name that `desk_name` was made from.

    `names_taken`: a wanted name all of whose names at the desk were taken lately, and nobody asked to retry.
    """

    id: OrganizationId
    tenant: TenantId
    desk: DeskId
    version: int
    attempts: int
    urgent: bool
    home: bool
    prefix: str
    wanted_name: str | None
    source_removed: bool
    intent_name: str | None
    desk_organization_id: str | None
    desk_name: str | None
    applied_name: str | None
    marked: bool
    linked: bool
    code: str | None
    claimed_at: datetime
    refused: int  # memberships that the desk refused
    waited: float  # seconds since it became dirty
    names_taken: str | None = None


@dataclass(frozen=True, slots=True)
class Claims:
    """The answer to a claim."""

    organizations: tuple[ClaimedOrganization, ...]
    others: tuple[tuple[UUID, Verdict], ...]


class Renewed(StrEnum):
    """Whether the work on an organization may go on."""

    SAVED = "saved"
    LOST = "lost"  # another worker's by now
    STOPPED = "stopped"  # something was paused: stop at this safe point
    TAKEN = "taken"  # the name or the desk's organization is another organization's; nothing was saved


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a step has brought about; None leaves what is there."""

    intent_name: str | None = None
    desk_organization_id: str | None = None
    desk_name: str | None = None
    applied_name: str | None = None
    marked: bool | None = None
    linked: bool | None = None


@dataclass(frozen=True, slots=True)
class MembershipWork:
    """One membership to carry out."""

    account: AccountId
    desk_account_id: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose claim it is and how long it is renewed for."""

    pool: Pool
    worker: str
    tenant: TenantId
    organization: OrganizationId
    lease: float


async def claim_organizations(pool: Pool, worker: str, keys: Sequence[Key], lease: float) -> Claims:
    """Claim what may be worked on now and read it; whatever is paused goes to sleep in the same statement."""
    rows = await again_after_deadlock(
        pool,
        statements(FILE)["claim_organizations"],
        worker,
        [key.tenant for key in keys],
        [key.id for key in keys],
        timedelta(seconds=lease),
    )
    return Claims(
        tuple(_claimed(row) for row in rows if row["verdict"] == Verdict.CLAIMED),
        tuple((row["id"], Verdict(row["verdict"])) for row in rows if row["verdict"] != Verdict.CLAIMED),
    )


async def renew(claim: Claim) -> Renewed:
    """Renew between two steps."""
    statement = statements(FILE)["renew_organization"]
    return Renewed(await claim.pool.fetchval(statement, *_of(claim)))


async def save(claim: Claim, progress: Progress) -> Renewed:
    """Save progress and renew."""
    return Renewed(
        await claim.pool.fetchval(
            statements(FILE)["save_organization"],
            *_of(claim),
            progress.intent_name,
            progress.desk_organization_id,
            progress.desk_name,
            progress.applied_name,
            progress.marked,
            progress.linked,
        )
    )


async def adopt_memberships(claim: Claim, members: Sequence[str]) -> Renewed:
    """Note whose memberships the desk had before us: never ours to remove."""
    statement = statements(FILE)["adopt_memberships"]
    return Renewed(await claim.pool.fetchval(statement, *_of(claim), list(members)))


async def read_memberships(
    claim: Claim, coded_before: datetime, most: int
) -> tuple[MembershipWork, ...] | Renewed:
    """The next rows to carry out, leavers first, rows refused before last; or why to stop. Renews."""
    rows = await again_after_deadlock(
        claim.pool, statements(FILE)["read_memberships"], *_of(claim), coded_before, most
    )
    if rows and rows[0]["verdict"] != Renewed.SAVED:
        return Renewed(rows[0]["verdict"])
    return tuple(
        MembershipWork(AccountId(row["account_id"]), row["desk_account_id"], row["wanted"]) for row in rows
    )


async def record_memberships(
    claim: Claim, applied: Mapping[AccountId, bool], refused: Mapping[AccountId, tuple[bool, str]]
) -> int | None:
    """Write what the desk has now; `refused` keeps what was applied, with a code.

    Returns how many refused rows there are now; None: the claim was lost, nothing was written.
    """
    accounts = [*applied, *refused]
    states = [*applied.values(), *(state for state, _ in refused.values())]
    codes = [*([None] * len(applied)), *(code for _, code in refused.values())]
    statement = statements(FILE)["record_memberships"]
    rows = await again_after_deadlock(
        claim.pool, statement, claim.worker, claim.tenant, claim.organization, accounts, states, codes
    )
    return rows[0]["remaining"] if rows[0]["mine"] else None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationRecord:
    """How the work on an organization ended; fields as in `AccountRecord`.

    `calm`: no leaver waits in it any more, what is left is ordinary work. `names_taken`: the wanted name all
    of whose names at the desk were tried now and are taken.
    """

    version: int
    result: Result
    seconds: float | None = None
    counted: bool = True
    code: str | None = None
    detail: str | None = None
    event: str | None = None
    trace: str | None = None
    hold: float = 0.0
    calm: bool = False
    names_taken: str | None = None


async def record_organization(claim: Claim, record: OrganizationRecord) -> bool:
    """End the claim; false when it was lost and nothing was written."""
    rows = await again_after_deadlock(
        claim.pool,
        statements(FILE)["record_organization"],
        claim.worker,
        claim.tenant,
        claim.organization,
        record.version,
        record.result.value,
        record.seconds,
        record.counted,
        record.code,
        record.detail,
        record.event,
        record.trace,
        record.hold,
        record.calm,
        record.names_taken,
    )
    return bool(rows[0][0])


def _of(claim: Claim) -> tuple[str, UUID, UUID, timedelta]:
    return claim.worker, claim.tenant, claim.organization, timedelta(seconds=claim.lease)


def _claimed(row: asyncpg.Record) -> ClaimedOrganization:
    return ClaimedOrganization(
        id=OrganizationId(row["id"]),
        tenant=TenantId(row["tenant_id"]),
        desk=DeskId(row["desk_id"]),
        version=row["version"],
        attempts=row["attempts"],
        urgent=row["urgent"],
        home=row["source"] == "home",
        prefix=row["organization_prefix"],
        wanted_name=row["wanted_name"],
        source_removed=row["source_removed"],
        intent_name=row["intent_name"],
        desk_organization_id=row["desk_organization_id"],
        desk_name=row["desk_name"],
        applied_name=row["applied_name"],
        marked=row["marked_at_desk"],
        linked=row["linked"],
        code=row["code"],
        claimed_at=row["claimed_at"],
        refused=row["refused"],
        waited=row["waited"],
        names_taken=row["names_taken"],
    )
