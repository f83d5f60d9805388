"""One round of each of the relay's loops on a real backlog; the test decides the broker's receipts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from prometheus_client import CollectorRegistry

from tests.stack import Database
from tests.tenants import Customer, make_customer, make_desk
from vestibule.broker.publisher import Outgoing, Receipt
from vestibule.broker.relay import BUSY_PAUSE, REFUSED_PAUSE, Picking, show_backlog
from vestibule.database.pool import Connection, Pool, open_pool
from vestibule.database.sync import Windows
from vestibule.messages.topology import Stage
from vestibule.telemetry.metrics import BacklogMetrics, RelayMetrics

WIDE = Windows(total=100, tenant=70, urgent_reserve=20)


@dataclass
class Answering:
    """A publisher that gives each key the receipt it was told to give."""

    receipt: Receipt = Receipt.CONFIRMED
    ready: bool = True
    sent: list[Outgoing] = field(default_factory=list)

    async def publish(self, outgoing: Sequence[Outgoing]) -> list[Receipt]:
        self.sent.extend(outgoing)
        return [self.receipt] * len(outgoing)


async def mark_persons(admin: Connection, customer: Customer, count: int, trace: str | None = None) -> None:
    async with admin.transaction():
        await admin.execute("select chain.enter_tenant($1)", customer.tenant)
        await admin.execute(
            "select chain.mark('person', $1, $2, $3, 1::smallint, $4)",
            customer.tenant,
            customer.desk,
            [uuid4() for _ in range(count)],
            trace,
        )


def picking(pool: Pool, publisher: Answering) -> Picking:
    return Picking(Stage.ROUTER, pool, publisher, WIDE, RelayMetrics(CollectorRegistry()))


async def test_what_is_picked_is_published_with_the_trace_of_its_mark(database: Database) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    pool = await open_pool(database.url("vestibule_relay"), 2, "test")
    async with database.administrator() as admin, pool:
        await mark_persons(admin, await make_customer(admin, await make_desk(admin)), 3, trace)
        publisher = Answering()
        assert await picking(pool, publisher).run_once() == {"picked": 3, "returned": 0}
        assert [one.traceparent for one in publisher.sent] == [trace] * 3
        assert await picking(pool, publisher).run_once() == {}


async def test_what_the_broker_refused_is_picked_again_at_once(database: Database) -> None:
    pool = await open_pool(database.url("vestibule_relay"), 2, "test")
    async with database.administrator() as admin, pool:
        await mark_persons(admin, await make_customer(admin, await make_desk(admin)), 3)
        assert await picking(pool, Answering(Receipt.REJECTED)).run_once() == {"picked": 3, "returned": 3}
        assert await picking(pool, Answering()).run_once() == {"picked": 3, "returned": 0}


async def test_a_broker_that_takes_nothing_is_left_alone_for_a_while(database: Database) -> None:
    """A full queue was asked a hundred times a second, each time for two commits."""
    pool = await open_pool(database.url("vestibule_relay"), 2, "test")
    async with database.administrator() as admin, pool:
        await mark_persons(admin, await make_customer(admin, await make_desk(admin)), 3)
        publisher = Answering(Receipt.REJECTED)
        loop = picking(pool, publisher)
        await loop.run_once()
        assert loop.pause == REFUSED_PAUSE
        publisher.receipt = Receipt.CONFIRMED
        assert await loop.run_once() == {"picked": 3, "returned": 0}
        assert loop.pause == BUSY_PAUSE


async def test_what_may_have_arrived_is_left_to_its_lease(database: Database) -> None:
    pool = await open_pool(database.url("vestibule_relay"), 2, "test")
    async with database.administrator() as admin, pool:
        await mark_persons(admin, await make_customer(admin, await make_desk(admin)), 3)
        assert await picking(pool, Answering(Receipt.UNKNOWN)).run_once() == {"picked": 3, "returned": 0}
        assert await picking(pool, Answering()).run_once() == {}


async def test_without_a_broker_nothing_is_picked(database: Database) -> None:
    pool = await open_pool(database.url("vestibule_relay"), 2, "test")
    async with database.administrator() as admin, pool:
        await mark_persons(admin, await make_customer(admin, await make_desk(admin)), 3)
        assert await picking(pool, Answering(ready=False)).run_once() == {"waiting_for_broker": 1}
        assert await admin.fetchval("select count(*) from chain.sync where inflight_version is not null") == 0


async def shown(pool: Pool) -> CollectorRegistry:
    """The backlog's numbers as they are now."""
    registry = CollectorRegistry()
    await show_backlog(pool, BacklogMetrics(registry), {Stage.ROUTER: WIDE})
    return registry


async def test_the_backlog_and_its_age_are_shown_per_stage(database: Database) -> None:
    pool = await open_pool(database.url("vestibule_relay"), 2, "test")
    async with database.administrator() as admin, pool:
        await mark_persons(admin, await make_customer(admin, await make_desk(admin)), 3)
        await admin.execute("update chain.sync set marked_at = marked_at - interval '1 hour'")
        numbers = (await shown(pool)).get_sample_value
        assert numbers("vestibule_dirty_rows", {"stage": "router"}) == 3
        assert numbers("vestibule_dirty_rows", {"stage": "writer"}) == 0
        assert 3600 <= (numbers("vestibule_dirty_age_seconds", {"stage": "router"}) or 0) < 3700
        assert numbers("vestibule_dirty_age_seconds", {"stage": "writer"}) == 0


async def test_who_waits_for_a_retry_grows_old_and_who_sleeps_or_is_parked_does_not(
    database: Database,
) -> None:
    pool = await open_pool(database.url("vestibule_relay"), 2, "test")
    async with database.administrator() as admin, pool:
        await mark_persons(admin, await make_customer(admin, await make_desk(admin)), 1)
        await admin.execute("update chain.sync set marked_at = marked_at - interval '1 hour'")
        for change, old in (
            ("update chain.sync set not_before = now() + interval '6 hours'", True),
            ("update chain.sync set not_before = 'infinity'", False),
            ("update chain.sync set not_before = null, parked_at = now()", False),
        ):
            await admin.execute(change)
            age = (await shown(pool)).get_sample_value("vestibule_dirty_age_seconds", {"stage": "router"})
            assert age is not None
            assert (age >= 3600) is old, change
        parked = (await shown(pool)).get_sample_value("vestibule_parked_rows", {"stage": "router"})
        assert parked == 1


async def test_the_use_of_each_window_is_shown_and_a_desk_in_trouble_has_a_small_one(
    database: Database,
) -> None:
    pool = await open_pool(database.url("vestibule_relay"), 2, "test")
    async with database.administrator() as admin, pool:
        desk = await make_desk(admin)
        await mark_persons(admin, await make_customer(admin, desk), 3)
        await picking(pool, Answering()).run_once()
        await admin.execute(
            "insert into chain.sync (kind, id, tenant_id, desk_id, prio, inflight_version, inflight_at) "
            "select 'account', gen_random_uuid(), tenant_id, desk_id, 1, 1, now() from chain.sync limit 2"
        )
        numbers = (await shown(pool)).get_sample_value
        assert numbers("vestibule_window_used", {"scope": "stage", "name": "router"}) == 3
        assert numbers("vestibule_window_size", {"scope": "stage", "name": "router"}) == WIDE.total
        assert numbers("vestibule_window_used", {"scope": "desk", "name": str(desk)}) == 2
        assert numbers("vestibule_window_size", {"scope": "desk", "name": str(desk)}) == 128
        for change, size in (
            ("update chain.desk_flow set probing = true", 1),
            ("update chain.desk_flow set blocked_until = now() + interval '1 minute'", 0),
        ):
            await admin.execute(change)
            window = (await shown(pool)).get_sample_value(
                "vestibule_window_size", {"scope": "desk", "name": str(desk)}
            )
            assert window == size
