"""Batches that meet trouble: contention is repeated, a bad item found, the database's own trouble raised."""

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from tests.unit.tenant_router.works import FakeStore, person
from vestibule.broker.lanes import Delivery
from vestibule.domain.identifiers import ConnectionId, Kind, TenantId
from vestibule.mapping.rules import default_mapping
from vestibule.messages.envelope import Key
from vestibule.messages.redelivery import LADDER, RetryIn
from vestibule.telemetry.metrics import WorkMetrics
from vestibule_tenant_router.deciding import ATTEMPTS, ROUNDS, Deciding
from vestibule_tenant_router.mappings import Mappings

WORK = [person(number) for number in range(100, 116)]
BATCH = [Delivery(work.row.key, "router.in", tag) for tag, work in enumerate(WORK, 1)]


async def document(_tenant: TenantId, _connection: ConnectionId, _version: int) -> object:
    """The mapping of everybody here."""
    return default_mapping().as_document()


def deciding(store: FakeStore, registry: CollectorRegistry | None = None) -> Deciding:
    """A router's work over a store."""
    metrics = WorkMetrics(registry or CollectorRegistry())
    return Deciding(store, Mappings(document), bytes(32), metrics, lambda: 0.5)


@pytest.mark.parametrize("met", [asyncpg.DeadlockDetectedError, asyncpg.SerializationError])
async def test_contention_is_repeated_and_nothing_is_postponed(met: type[Exception]) -> None:
    store = FakeStore(WORK, faults=[met("met"), met("met")])
    await deciding(store).handle(BATCH)
    assert store.batches == [16, 16, 16]
    assert store.late == []


async def test_contention_without_end_is_raised_after_a_bound() -> None:
    store = FakeStore(WORK, faults=[asyncpg.DeadlockDetectedError("met") for _ in range(99)])
    with pytest.raises(asyncpg.DeadlockDetectedError):
        await deciding(store).handle(BATCH)
    assert len(store.batches) == ATTEMPTS + 1


@pytest.mark.parametrize("number", [100, 107, 115])
async def test_a_bad_item_is_found_by_halving_and_waits_alone(number: int) -> None:
    store = FakeStore(WORK, frozenset({number}), asyncpg.CheckViolationError("bad"))
    registry = CollectorRegistry()
    await deciding(store, registry).handle(BATCH)
    assert [(late.key.id.int, late.step) for late in store.late] == [
        (number, RetryIn(LADDER[0] * 0.5, 1, "bug"))
    ]
    assert len(store.batches) == 9  # twice per halving of 16
    labels = {"stage": "router", "kind": "person", "outcome": "want"}
    assert registry.get_sample_value("vestibule_outcomes_total", labels) == 15
    assert registry.get_sample_value("vestibule_retries_total", {"stage": "router", "code": "bug"}) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        asyncpg.ConnectionDoesNotExistError("gone"),
        asyncpg.AdminShutdownError("ends"),
        asyncpg.UndefinedFunctionError("not migrated"),
        asyncpg.InsufficientPrivilegeError("not granted"),
        OSError("refused"),
        TimeoutError(),
    ],
)
async def test_trouble_of_the_database_is_raised_and_blamed_on_nobody(trouble: Exception) -> None:
    store = FakeStore(WORK, faults=[trouble])
    with pytest.raises(type(trouble)):
        await deciding(store).handle(BATCH)
    assert store.late == []
    assert store.batches == [16]


async def test_what_must_be_judged_anew_is_read_again_a_bounded_number_of_times() -> None:
    store = FakeStore(WORK, again=1)
    await deciding(store).handle(BATCH)
    assert store.batches == [16, 1]

    endless = FakeStore(WORK, again=99)
    await deciding(endless).handle(BATCH)
    assert len(endless.batches) == ROUNDS


async def test_a_key_that_is_the_writers_is_left_alone() -> None:
    store = FakeStore(WORK)
    key = Key(Kind.ACCOUNT, WORK[0].row.key.id, WORK[0].row.key.tenant, 1)
    await deciding(store).handle([Delivery(key, "router.in", 1)])
    assert store.batches == []


async def test_a_document_that_breaks_the_rules_engine_waits_alone() -> None:
    broken = person(200, document={"userName": "x", "emails": 7})
    store = FakeStore([broken, WORK[0]])
    await deciding(store).handle([Delivery(broken.row.key, "router.in", 1), BATCH[0]])
    assert store.batches == [1]
    assert [late.key for late in store.late] == [broken.row.key]
