"""A batch of keys: read once, judge each, write once; what cannot be judged waits or is parked, alone."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, TypeAlias, assert_never
from uuid import UUID

import asyncpg

from vestibule.broker.lanes import Delivery
from vestibule.database.decisions import (
    Decided,
    GroupWork,
    Judgement,
    Orphan,
    PersonWork,
    Postponed,
    Result,
    Row,
    Work,
)
from vestibule.domain.identifiers import Kind
from vestibule.domain.outcomes import FailedCode, HeldReason
from vestibule.messages.envelope import Key
from vestibule.messages.redelivery import LEAST_JITTER, Faulted, Park, RetryIn, next_step
from vestibule.messages.topology import Stage, stage_of
from vestibule.telemetry.logging import logger
from vestibule.telemetry.metrics import WorkMetrics
from vestibule_tenant_router.judging import NoOrganizationName, judge_group, judge_person
from vestibule_tenant_router.mappings import Mappings, Unusable

ROUNDS: Final = 3  # a key whose account was changed by another router meanwhile is read and judged anew
ATTEMPTS: Final = 5
FIRST_PAUSE: Final = 0.02  # seconds; doubled each time

# Two batches met; the database chose one of them to begin again (PostgreSQL, appendix A).
CONTENDED: Final = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
# The content of one item is at fault, not the database and not this version of the service.
ITEM_FAULTS: Final = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.CardinalityViolationError,
    asyncpg.ProgramLimitExceededError,
    asyncpg.RaiseError,
    asyncpg.InternalServerError,
)

Place: TypeAlias = tuple[Kind, UUID]

log = logger(__name__)


class Store(Protocol):
    """The three things that deciding asks of the database; each is one round trip."""

    async def read_work(self, keys: Sequence[Key]) -> list[Work]: ...

    async def decide(self, judgements: Sequence[Judgement]) -> list[Decided]: ...

    async def postpone(self, late: Sequence[Postponed]) -> None: ...


def jitter() -> float:
    """A spread for waiting times."""
    return random.uniform(LEAST_JITTER, 1.0)  # noqa: S311  a spread in time, no secret


class Deciding:
    """The router's work. Repeating a batch, or doing it in two places at once, changes nothing further."""

    def __init__(
        self,
        store: Store,
        mappings: Mappings,
        email_key: bytes,
        metrics: WorkMetrics,
        jitter: Callable[[], float] = jitter,
    ) -> None:
        self._store = store
        self._mappings = mappings
        self._email_key = email_key
        self._metrics = metrics
        self._jitter = jitter

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        """Decide about every key; returns when all that will come of them is committed.

        Raises what the database raises when it cannot be worked with: then the messages come back.
        """
        traces = {_place(delivery.key): delivery.traceparent for delivery in deliveries}
        keys = [delivery.key for delivery in deliveries if stage_of(delivery.key.kind) is Stage.ROUTER]
        for _ in range(ROUNDS):
            if not keys:
                return
            keys = await self._decide_once(keys, traces)
        if keys:
            log.warning("keys_left_to_lease", count=len(keys))

    async def _decide_once(self, keys: Sequence[Key], traces: dict[Place, str | None]) -> list[Key]:
        began = time.monotonic()
        work = await self._store.read_work(keys)
        rows = {_place(item.row.key): item.row for item in work}
        judged: list[Judgement] = []
        late: list[Postponed] = []
        for item in work:
            judgement = await self._judge(item, traces.get(_place(item.row.key)))
            if isinstance(judgement, Postponed):
                late.append(judgement)
            else:
                judged.append(judgement)
        decided, refused = await self._write(judged)
        late.extend(self._postponed(rows[_place(key)], FailedCode.BUG) for key in refused)
        if late:
            await self._store.postpone(late)
        self._count(decided, late, rows, time.monotonic() - began)
        again = {(item.kind, item.id) for item in decided if item.result is Result.AGAIN}
        return [row.key for place, row in rows.items() if place in again]

    async def _judge(self, work: Work, trace: str | None) -> Judgement | Postponed:
        row = work.row
        if isinstance(work, Orphan):
            log.error("resource_missing", kind=row.key.kind, id=row.key.id, tenant=row.key.tenant)
            return self._postponed(row, FailedCode.BUG)
        place = work.surroundings
        mapping = await self._mappings.find(row.key.tenant, place.connection, place.mapping_version)
        if isinstance(mapping, Unusable):
            # Waiting mends no document: a new version of the mapping marks everybody anew.
            return Postponed(row.key, Park(FailedCode.MAPPING.value, row.attempts + 1))
        try:
            match work:
                case PersonWork():
                    return judge_person(work, mapping, self._email_key, trace)
                case GroupWork():
                    return judge_group(work, mapping, trace)
                case _:
                    assert_never(work)
        except NoOrganizationName:
            return Postponed(row.key, Park(HeldReason.NO_ORGANIZATION_NAME.value, row.attempts + 1))
        except Exception:
            # Whatever is strange about one resource must not keep the others of its batch waiting.
            log.exception("judging_failed", kind=row.key.kind, id=row.key.id, tenant=row.key.tenant)
            return self._postponed(row, FailedCode.BUG)

    async def _write(self, judged: Sequence[Judgement]) -> tuple[list[Decided], list[Key]]:
        """Write all that can be written: a batch with a refused item is halved until it stands alone."""
        if not judged:
            return [], []
        try:
            return await self._write_together(judged), []
        except ITEM_FAULTS as fault:
            if len(judged) == 1:
                key = judged[0].key
                log.exception("decision_refused", kind=key.kind, id=key.id, code=fault.sqlstate)
                return [], [key]
        middle = len(judged) // 2
        first, first_refused = await self._write(judged[:middle])
        second, second_refused = await self._write(judged[middle:])
        return first + second, first_refused + second_refused

    async def _write_together(self, judged: Sequence[Judgement]) -> list[Decided]:
        for attempt in range(ATTEMPTS):
            try:
                return await self._store.decide(judged)
            except CONTENDED as met:
                log.info("decision_repeated", code=met.sqlstate, attempt=attempt + 1, size=len(judged))
                await asyncio.sleep(FIRST_PAUSE * 2.0**attempt * self._jitter())
        return await self._store.decide(judged)

    def _postponed(self, row: Row, code: FailedCode) -> Postponed:
        step = next_step(row.attempts, Faulted(code.value), self._jitter())
        assert isinstance(step, RetryIn | Park)  # a fault is never done
        return Postponed(row.key, step)

    def _count(
        self, decided: Iterable[Decided], late: Iterable[Postponed], rows: dict[Place, Row], seconds: float
    ) -> None:
        outcomes: Counter[tuple[str, str]] = Counter()
        for item in decided:
            outcomes[item.kind.value, _word(item)] += 1
            if item.result in (Result.CHANGED, Result.UNCHANGED):
                waited = rows[item.kind, item.id].waited + seconds
                self._metrics.latency.of(Stage.ROUTER.value).observe(max(waited, 0.0))
        for (kind, outcome), count in outcomes.items():
            self._metrics.outcomes.of(Stage.ROUTER.value, kind, outcome).inc(count)
        for postponed in late:
            parked = isinstance(postponed.step, Park)
            counter = self._metrics.parked if parked else self._metrics.retries
            counter.of(Stage.ROUTER.value, postponed.step.code).inc()


def _place(key: Key) -> Place:
    return key.kind, key.id


def _word(decided: Decided) -> str:
    """The outcome as a metric's label: `want`, `hold:collision`, `stale`, ..."""
    if decided.verdict is None:
        return decided.result.value
    return decided.verdict if decided.reason is None else f"{decided.verdict}:{decided.reason}"
