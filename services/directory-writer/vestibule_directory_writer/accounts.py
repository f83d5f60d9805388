"""Accounts: from a batch of keys to what each needs at the desk, and what became of it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import asyncpg

from vestibule.database.outcomes import (
    AccountRecord,
    ClaimedAccount,
    Intent,
    Steps,
    claim_accounts,
    record_accounts,
    save_intents,
    save_steps,
)
from vestibule.domain.identifiers import AccountId
from vestibule.telemetry.logging import logger
from vestibule.telemetry.tracing import use_header
from vestibule_directory_writer.account import AccountInHand
from vestibule_directory_writer.claims import AccountClaims
from vestibule_directory_writer.desks import OpenDesk
from vestibule_directory_writer.planning import (
    AddToDesk,
    Change,
    Create,
    Plan,
    RemoveFromDesk,
    RenameCustomer,
    Wanted,
    plan,
)
from vestibule_directory_writer.work import STAGE, Means, Work, count

KIND: Final = "account"
RECORD_AT_ONCE: Final = 50  # a batch that is killed repeats what was not recorded
RECORD_SECONDS: Final = 0.1  # how long an answer may wait for others to be recorded with

log = logger(__name__)


async def reconcile_accounts(work: Sequence[Work], desk: OpenDesk, means: Means) -> None:
    """Bring the accounts of these keys to where they should be, and record it. Raises for a lost database."""
    worker = means.new_worker()
    lease = means.timing.claim_seconds
    claims = AccountClaims(means.pool, worker, lease, means.clock)
    since = means.clock()
    found = await claim_accounts(means.pool, worker, [one.key for one in work], lease)
    claims.held((account.id for account in found.accounts), since)
    for _, verdict in found.others:
        means.metrics.outcomes.of(STAGE, KIND, verdict.value).inc()
    if found.accounts:
        traces = {one.key.id: one.trace for one in work}
        await _Batch(desk, means, worker, claims, traces).run(found.accounts)


class _Batch:
    def __init__(
        self,
        desk: OpenDesk,
        means: Means,
        worker: str,
        claims: AccountClaims,
        traces: Mapping[UUID, str | None],
    ) -> None:
        self._desk = desk
        self._means = means
        self._worker = worker
        self._claims = claims
        self._traces = traces
        self._began = means.clock()
        self._waited: dict[UUID, float] = {}

    async def run(self, accounts: Sequence[ClaimedAccount]) -> None:
        """Plan, save intents, call, record: what is finished is recorded while others are still called."""
        self._waited = {account.id: account.waited for account in accounts}
        running = {asyncio.create_task(self._carry_out(hand)) for hand in await self._prepare(accounts)}
        failed: BaseException | None = None
        try:
            while running:
                done, running = await asyncio.wait(running, timeout=RECORD_SECONDS)
                failed = next((task.exception() for task in done if task.exception() is not None), failed)
                await self._record([task.result() for task in done if task.exception() is None])
        finally:
            for task in running:
                task.cancel()
        if failed is not None:
            raise failed

    async def _prepare(self, accounts: Sequence[ClaimedAccount]) -> list[AccountInHand]:
        """Plan each account; what will be called is saved before, and those that may not go stop."""
        able = self._desk.service.capabilities
        plans = {
            account.id: plan(
                Wanted(account.email, account.display_name, account.access), account.identity, able
            )
            for account in accounts
        }
        identities = await self._save_intents(accounts, plans)
        stepping = await self._save_steps(accounts, plans)
        hands = []
        for account in accounts:
            planned = plans[account.id]
            hand = AccountInHand(account, planned, self._desk, self._means, self._traces.get(account.id))
            if isinstance(planned, Create):
                hand.intent_saved(identities.get(account.id))
            elif isinstance(planned, Change) and planned.steps:
                hand.steps_saved(account.id in stepping)
            hands.append(hand)
        return hands

    async def _save_intents(
        self, accounts: Sequence[ClaimedAccount], plans: Mapping[AccountId, Plan]
    ) -> dict[AccountId, UUID]:
        intents = [
            Intent(account.tenant, account.id, account.version, self._means.new_identity(), planned.email)
            for account in accounts
            if isinstance(planned := plans[account.id], Create)
        ]
        if not intents:
            return {}
        since, lease = self._means.clock(), self._means.timing.claim_seconds
        saved = await save_intents(self._means.pool, self._worker, intents, lease)
        self._claims.held(saved, since)
        return saved

    async def _save_steps(
        self, accounts: Sequence[ClaimedAccount], plans: Mapping[AccountId, Plan]
    ) -> frozenset[AccountId]:
        steps = []
        for account in accounts:
            planned = plans[account.id]
            if isinstance(planned, Change) and planned.steps:
                assert account.identity is not None  # without one there is nobody to change
                renames = any(isinstance(step, RenameCustomer) for step in planned.steps)
                moves = any(isinstance(step, AddToDesk | RemoveFromDesk) for step in planned.steps)
                steps.append(
                    Steps(account.tenant, account.id, account.version, account.identity.id, renames, moves)
                )
        if not steps:
            return frozenset()
        since, lease = self._means.clock(), self._means.timing.claim_seconds
        saved = await save_steps(self._means.pool, self._worker, steps, lease)
        self._claims.held(saved, since)
        return saved

    async def _carry_out(self, hand: AccountInHand) -> AccountRecord:
        with use_header(hand.trace):
            if hand.stopped:
                return hand.released()
            async with self._desk.slot(hand.account.urgent):
                if self._means.stopping.is_set():
                    return hand.released()
                return await hand.carry_out(self._claims)

    async def _record(self, records: Sequence[AccountRecord]) -> None:
        for start in range(0, len(records), RECORD_AT_ONCE):
            part = records[start : start + RECORD_AT_ONCE]
            try:
                await self._write(part)
            except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
                # One record that the tables refuse must not keep the others from being written.
                log.exception("records_refused", count=len(part))
                await self._write_singly(part)

    async def _write_singly(self, records: Sequence[AccountRecord]) -> None:
        for record in records:
            try:
                await self._write([record])
            except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
                log.exception("record_refused", account=record.account, tenant=record.tenant)

    async def _write(self, records: Sequence[AccountRecord]) -> None:
        recorded = await record_accounts(self._means.pool, self._worker, records)
        for record in records:
            if record.account not in recorded.written:
                self._means.metrics.outcomes.of(STAGE, KIND, "claim_lost").inc()
                log.warning("claim_lost", account=record.account, tenant=record.tenant)
            else:
                self._count(record)

    def _count(self, record: AccountRecord) -> None:
        waited = self._waited.get(record.account, 0.0) + self._means.clock() - self._began
        count(self._means.metrics, KIND, record.result, record.held or record.code, waited)
