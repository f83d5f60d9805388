"""The router's reads and writes: work by keys, mappings by version, judgements by batch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import orjson

from vestibule.database.pool import Pool, json_text
from vestibule.database.statements import statements
from vestibule.domain.accounts import OrganizationSource, WantedAccount, wanted_hash
from vestibule.domain.identifiers import (
    AccountId,
    ConnectionId,
    DeskId,
    GroupId,
    Kind,
    OrganizationId,
    PersonId,
    TenantId,
)
from vestibule.domain.tenants import Mode, TenantState
from vestibule.messages.envelope import Key
from vestibule.messages.redelivery import Park, RetryIn

Document: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A dirty row of `sync` as it is now: `key.version` is the one whose state was read with it."""

    key: Key
    attempts: int
    prio: int
    waited: float  # seconds since it became dirty


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a resource belongs, and what its tenant, connection and desk say at this moment."""

    desk: DeskId
    capabilities: Document
    tenant_state: TenantState
    connection: ConnectionId
    mode: Mode
    mapping_version: int


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """The account that a person feeds, as decided last; `hash` is what a new judgement is based on.

    `at_desk` is false only where the desk has no record of it and none is being made.
    """

    id: AccountId
    wanted: WantedAccount  # without its organizations
    hash: str
    at_desk: bool


@dataclass(frozen=True, slots=True)
class PersonWork:
    """A person to be judged."""

    row: Row
    surroundings: Surroundings
    document: Document
    active: bool  # false for one that was removed, whatever the document says
    groups: tuple[GroupId, ...]
    account: StoredAccount | None

    @property
    def person(self) -> PersonId:
        return PersonId(self.row.key.id)


@dataclass(frozen=True, slots=True)
class GroupWork:
    """A group to be judged."""

    row: Row
    surroundings: Surroundings
    document: Document
    removed: bool

    @property
    def group(self) -> GroupId:
        return GroupId(self.row.key.id)


@dataclass(frozen=True, slots=True)
class Orphan:
    """A dirty row without a resource: nobody can judge it."""

    row: Row


Work: TypeAlias = PersonWork | GroupWork | Orphan


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the account stores: its wanted state and the keyed hash of its address."""

    account: WantedAccount
    email_hmac: bytes


@dataclass(frozen=True, slots=True)
class WantedOrganization:
    """An organization that an account is wanted in, by its id and by what it stands for."""

    id: OrganizationId
    source: OrganizationSource


@dataclass(frozen=True, slots=True)
class PersonJudgement:
    """What was decided about one person.

    `account` is the id to use if there is something to want; `basis` the hash that its stored state had,
    `at_desk` whether it was taken for one that the desk may know.
    `want` is stored when the `claim` (a keyed hash; None: nothing to claim) is granted, else `otherwise`;
    None leaves the account alone.
    """

    key: Key
    desk: DeskId
    connection: ConnectionId
    prio: int
    trace: str | None
    verdict: str
    reason: str | None
    mapping_version: int
    account: AccountId
    basis: str | None
    at_desk: bool
    claim: bytes | None = None
    want: Wanted | None = None
    otherwise: Wanted | None = None
    organizations: tuple[WantedOrganization, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupJudgement:
    """What was decided about one group; a `frozen` one is settled and its organization stays as it is."""

    key: Key
    desk: DeskId
    connection: ConnectionId
    prio: int
    trace: str | None
    verdict: str
    reason: str | None
    organization: OrganizationId
    wanted_name: str | None
    removed: bool
    frozen: bool


Judgement: TypeAlias = PersonJudgement | GroupJudgement


class Result(StrEnum):
    """What became of a judgement."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    STALE = "stale"  # a newer state was judged already
    AGAIN = "again"  # the account was changed since it was read: read and judge anew


@dataclass(frozen=True, slots=True)
class Decided:
    """The end of one judgement; a claim may have turned its verdict. None where nothing was written."""

    kind: Kind
    id: UUID
    result: Result
    verdict: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Postponed:
    """A key that could not be judged or decided, and what follows."""

    key: Key
    step: RetryIn | Park


async def read_work(pool: Pool, keys: Sequence[Key]) -> list[Work]:
    """Everything that judging these keys needs; keys with nothing left to do do not come back."""
    rows = await pool.fetch(
        statements("decisions")["read_work"],
        [key.tenant for key in keys],
        [key.kind.value for key in keys],
        [key.id for key in keys],
    )
    return [_work(row) for row in rows]


async def read_mapping(pool: Pool, tenant: TenantId, connection: ConnectionId, version: int) -> object | None:
    """The document of one version; None when there is none."""
    text = await pool.fetchval(statements("decisions")["read_mapping"], tenant, connection, version)
    return None if text is None else orjson.loads(text)


async def decide(pool: Pool, judgements: Sequence[Judgement]) -> list[Decided]:
    """Write judgements of different keys, all or none, and settle their rows in the same transaction."""
    rows = await pool.fetch(
        statements("decisions")["decide"],
        json_text([_item(judgement) for judgement in judgements]),
        json_text(_organizations(judgements)),
    )
    return [
        Decided(Kind(row["kind"]), row["id"], Result(row["result"]), row["verdict"], row["reason"])
        for row in rows
    ]


async def postpone(pool: Pool, late: Sequence[Postponed]) -> None:
    """Let keys wait, or park them; one that changed meanwhile goes again at once."""
    steps = [item.step for item in late]
    await pool.execute(
        statements("decisions")["postpone"],
        [item.key.kind.value for item in late],
        [item.key.tenant for item in late],
        [item.key.id for item in late],
        [item.key.version for item in late],
        [step.seconds if isinstance(step, RetryIn) else None for step in steps],
        [step.code for step in steps],
        [True for _ in steps],
        [isinstance(step, Park) for step in steps],
    )


def _work(row: asyncpg.Record) -> Work:
    key = Key(Kind(row["kind"]), row["id"], TenantId(row["tenant_id"]), row["seen_version"])
    dirty = Row(key, row["attempts"], row["prio"], row["waited"])
    if row["connection_id"] is None:
        return Orphan(dirty)
    surroundings = Surroundings(
        desk=DeskId(row["desk_id"]),
        capabilities=orjson.loads(row["capabilities"]),
        tenant_state=TenantState(row["tenant_state"]),
        connection=ConnectionId(row["connection_id"]),
        mode=Mode(row["mode"]),
        mapping_version=row["mapping_version"],
    )
    document = orjson.loads(row["document"])
    if key.kind is Kind.GROUP:
        return GroupWork(dirty, surroundings, document, row["removed"])
    return PersonWork(
        row=dirty,
        surroundings=surroundings,
        document=document,
        active=row["active"] and not row["removed"],
        groups=tuple(GroupId(group) for group in row["groups"]),
        account=_account(row),
    )


def _account(row: asyncpg.Record) -> StoredAccount | None:
    if row["account_id"] is None:
        return None
    wanted = WantedAccount(
        email=row["account_email"],
        login=row["account_login"] or "",
        display_name=row["account_display_name"],
        access=row["account_access"],
    )
    return StoredAccount(AccountId(row["account_id"]), wanted, row["account_hash"], row["account_at_desk"])


def _item(judgement: Judgement) -> dict[str, Any]:
    item: dict[str, Any] = {
        "kind": judgement.key.kind,
        "id": str(judgement.key.id),
        "tenant": str(judgement.key.tenant),
        "seen": judgement.key.version,
        "desk": str(judgement.desk),
        "connection": str(judgement.connection),
        "prio": judgement.prio,
        "trace": judgement.trace,
        "verdict": judgement.verdict,
        "reason": judgement.reason,
    }
    match judgement:
        case GroupJudgement():
            item |= {
                "organization": str(judgement.organization),
                "wanted_name": judgement.wanted_name,
                "removed": judgement.removed,
                "frozen": judgement.frozen,
            }
        case PersonJudgement():
            item |= {
                "mapping_version": judgement.mapping_version,
                "account": str(judgement.account),
                "basis": judgement.basis,
                "at_desk": judgement.at_desk,
                "claim": None if judgement.claim is None else _bytea(judgement.claim),
                "want": _wanted(judgement.want),
                "otherwise": _wanted(judgement.otherwise),
                "organizations": [str(organization.id) for organization in judgement.organizations],
            }
    return item


def _wanted(wanted: Wanted | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    return {
        "email": wanted.account.email,
        "email_hmac": _bytea(wanted.email_hmac),
        "login": wanted.account.login,
        "display_name": wanted.account.display_name,
        "access": wanted.account.access,
        "hash": wanted_hash(wanted.account),
    }


def _organizations(judgements: Iterable[Judgement]) -> list[dict[str, Any]]:
    """Each organization once, for rows that are not there yet; a group's own judgement gives it its name."""
    found = {
        organization.id: (judgement, organization)
        for judgement in judgements
        if isinstance(judgement, PersonJudgement)
        for organization in judgement.organizations
    }
    return [
        {
            "tenant": str(judgement.key.tenant),
            "id": str(organization.id),
            "source": "home" if organization.source.group is None else "group",
            "connection": None if organization.source.group is None else str(judgement.connection),
            "group_id": None if organization.source.group is None else str(organization.source.group),
        }
        for judgement, organization in found.values()
    ]


def _bytea(value: bytes) -> str:
    return f"\\x{value.hex()}"
