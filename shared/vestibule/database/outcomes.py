"""Accounts as the writer works on them: claim, intent, renewal, record; each one round trip a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import asyncpg

from vestibule.database.pool import Pool, json_text
from vestibule.database.statements import statements
from vestibule.domain.identifiers import AccountId, DeskId, TenantId
from vestibule.messages.envelope import Key

FILE: Final = "outcomes"
MOST_DEADLOCKS: Final = 5


class Verdict(StrEnum):
    """What a claim says about a key; only `claimed` ones may be worked on."""

    CLAIMED = "claimed"
    STALE = "stale"
    BUSY = "busy"
    WAITING = "waiting"
    PAUSED = "paused"
    SUSPENDED = "suspended"
    DISABLED = "disabled"


class IdentityState(StrEnum):
    """What is known of an account's record at the desk."""

    INTENT = "intent"  # saved before a create; a crash leaves it
    UNKNOWN = "unknown"  # a create was called and not answered
    IDLE = "idle"  # no create has had an effect
    PRESENT = "present"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Identity:
    """An account's live record at the desk, or the intent to make one; `display_name` is the desk's.

    None in `display_name` or `at_desk`: a call that changes it was begun, and nobody heard the answer.
    """

    id: UUID
    state: IdentityState
    desk_account_id: str | None
    email: str
    display_name: str | None
    at_desk: bool | None


@dataclass(frozen=True, slots=True)
class ClaimedAccount:
    """One account under our claim: what is wanted and what is there, as of one moment."""

    id: AccountId
    tenant: TenantId
    desk: DeskId
    version: int
    attempts: int
    urgent: bool
    email: str
    display_name: str
    access: bool
    wanted_hash: str
    identity: Identity | None
    applied_form: str | None
    held: bool
    waited: float  # seconds since it became dirty


@dataclass(frozen=True, slots=True)
class Claims:
    """The answer to a claim: the accounts, and how many keys of every other verdict there were."""

    accounts: tuple[ClaimedAccount, ...]
    others: tuple[tuple[UUID, Verdict], ...]


class Result(StrEnum):
    """How the work on a key ends."""

    DONE = "done"
    RETRY = "retry"
    PARK = "park"
    RELEASE = "release"  # stopped at a safe point: may be picked again at once


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """What to write about one account.

    `seconds` until a retry, None: until woken. `code` explains a wait or a parking, `detail` is the
    connector's own code for the timeline. `hold` keeps the claim for seconds, since a call without an answer
    may still act. With `identity` its state and desk id are written too. `was_held`: a case may be open.
    """

    tenant: TenantId
    account: AccountId
    desk: DeskId
    version: int
    result: Result
    seconds: float | None = None
    counted: bool = True
    code: str | None = None
    detail: str | None = None
    hash: str | None = None
    form: str | None = None
    held: str | None = None
    event: str | None = None
    trace: str | None = None
    identity: UUID | None = None
    identity_state: IdentityState | None = None
    desk_account_id: str | None = None
    display_name: str | None = None
    at_desk: bool | None = None
    tell_organizations: bool = False
    case_kind: str | None = None
    was_held: bool = False
    hold: float = 0.0


@dataclass(frozen=True, slots=True)
class Intent:
    """A create that is about to be called. `identity` is used where none is saved yet."""

    tenant: TenantId
    account: AccountId
    version: int
    identity: UUID
    email: str


@dataclass(frozen=True, slots=True)
class Steps:
    """Calls that are about to be made for a customer who is there, by what they change."""

    tenant: TenantId
    account: AccountId
    version: int
    identity: UUID
    renames: bool
    moves: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """Which records were written; those of lost claims were not. `owned`: the desk's id was another's."""

    written: frozenset[UUID]
    owned: frozenset[UUID]


async def claim_accounts(pool: Pool, worker: str, keys: Sequence[Key], lease: float) -> Claims:
    """Claim what may be worked on now and read it; whatever is paused goes to sleep in the same statement."""
    rows = await again_after_deadlock(
        pool,
        statements(FILE)["claim_accounts"],
        worker,
        [key.tenant for key in keys],
        [key.id for key in keys],
        timedelta(seconds=lease),
    )
    return Claims(
        tuple(_claimed(row) for row in rows if row["verdict"] == Verdict.CLAIMED),
        tuple((row["id"], Verdict(row["verdict"])) for row in rows if row["verdict"] != Verdict.CLAIMED),
    )


async def save_intents(
    pool: Pool, worker: str, intents: Sequence[Intent], lease: float
) -> dict[AccountId, UUID]:
    """Save that these creates will be called; the identity of each that may. Others must stop here."""
    items = json_text(
        [
            {
                "tenant": str(intent.tenant),
                "account": str(intent.account),
                "version": intent.version,
                "identity": str(intent.identity),
                "email": intent.email,
            }
            for intent in intents
        ]
    )
    rows = await again_after_deadlock(
        pool, statements(FILE)["save_intents"], worker, items, timedelta(seconds=lease)
    )
    return {AccountId(row["id"]): row["identity_id"] for row in rows}


async def save_steps(pool: Pool, worker: str, steps: Sequence[Steps], lease: float) -> frozenset[AccountId]:
    """Save that these calls will be made; those that come back may be. Others must stop here."""
    items = json_text(
        [
            {
                "tenant": str(one.tenant),
                "account": str(one.account),
                "version": one.version,
                "identity": str(one.identity),
                "renames": one.renames,
                "moves": one.moves,
            }
            for one in steps
        ]
    )
    rows = await again_after_deadlock(
        pool, statements(FILE)["save_steps"], worker, items, timedelta(seconds=lease)
    )
    return frozenset(AccountId(row["id"]) for row in rows)


async def renew_accounts(
    pool: Pool, worker: str, keys: Sequence[tuple[TenantId, AccountId, int]], lease: float
) -> frozenset[AccountId]:
    """Renew claims; those that come back are ours, for the version given, and nothing is paused."""
    rows = await again_after_deadlock(
        pool,
        statements(FILE)["renew_accounts"],
        worker,
        [tenant for tenant, _, _ in keys],
        [account for _, account, _ in keys],
        [version for _, _, version in keys],
        timedelta(seconds=lease),
    )
    return frozenset(AccountId(row["id"]) for row in rows)


async def record_accounts(pool: Pool, worker: str, records: Sequence[AccountRecord]) -> Recorded:
    """Write outcomes in one transaction and end their claims."""
    items = json_text([_item(record) for record in records])
    rows = await again_after_deadlock(pool, statements(FILE)["record_accounts"], worker, items)
    return Recorded(
        frozenset(row["id"] for row in rows), frozenset(row["id"] for row in rows if row["owned_by_another"])
    )


async def postpone(pool: Pool, keys: Sequence[Key], seconds: float, code: str) -> None:
    """Let keys that were not claimed wait, without counting an attempt."""
    count = len(keys)
    await again_after_deadlock(
        pool,
        statements(FILE)["postpone"],
        [key.kind.value for key in keys],
        [key.tenant for key in keys],
        [key.id for key in keys],
        [key.version for key in keys],
        [seconds] * count,
        [code] * count,
        [False] * count,
        [False] * count,
    )


async def again_after_deadlock(pool: Pool, statement: str, *arguments: Any) -> list[asyncpg.Record]:
    """Run a statement that is one transaction; the router locks rows in its own order, so one may lose."""
    for _ in range(MOST_DEADLOCKS - 1):
        try:
            return await pool.fetch(statement, *arguments)
        except asyncpg.DeadlockDetectedError:
            continue
    return await pool.fetch(statement, *arguments)


def _claimed(row: asyncpg.Record) -> ClaimedAccount:
    identity = None
    if row["identity_id"] is not None:
        identity = Identity(
            row["identity_id"],
            IdentityState(row["identity_state"]),
            row["desk_account_id"],
            row["identity_email"],
            row["identity_display_name"],
            row["identity_at_desk"],
        )
    return ClaimedAccount(
        id=AccountId(row["id"]),
        tenant=TenantId(row["tenant_id"]),
        desk=DeskId(row["desk_id"]),
        version=row["version"],
        attempts=row["attempts"],
        urgent=row["urgent"],
        email=row["email"],
        display_name=row["display_name"],
        access=row["access"],
        wanted_hash=row["wanted_hash"],
        identity=identity,
        applied_form=row["applied_form"],
        held=row["held"] is not None,
        waited=row["waited"],
    )


def _item(record: AccountRecord) -> dict[str, Any]:
    return {
        "tenant": str(record.tenant),
        "account": str(record.account),
        "desk": str(record.desk),
        "version": record.version,
        "result": record.result.value,
        "seconds": record.seconds,
        "counted": record.counted,
        "code": record.code,
        "detail": record.detail,
        "hash": record.hash,
        "form": record.form,
        "held": record.held,
        "event": record.event,
        "trace": record.trace,
        "identity": None if record.identity is None else str(record.identity),
        "identity_state": record.identity_state,
        "desk_account_id": record.desk_account_id,
        "display_name": record.display_name,
        "at_desk": record.at_desk,
        "tell_organizations": record.tell_organizations,
        "case_kind": record.case_kind,
        "was_held": record.was_held,
        "hold": record.hold,
    }
