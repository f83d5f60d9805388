import asyncio

import aio_pika
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.integration.broker.bench import Bench, Inbox, eventually, keys
from vestibule.broker.consumer import Pace
from vestibule.broker.lanes import SUSPECT_AFTER, Delivery, Lane
from vestibule.broker.publisher import Outgoing
from vestibule.messages.topology import DEAD, DELIVERY_LIMIT
from vestibule.telemetry.metrics import ConsumerMetrics
from vestibule.telemetry.tracing import span, traceparent


async def test_every_key_arrives_once_in_batches_and_none_stays_behind(bench: Bench) -> None:
    inbox = Inbox()
    _, running = await bench.consumer(inbox)
    await bench.publish(keys(*range(500)))
    await inbox.until(lambda: len(inbox.done) >= 500)
    await running.stop()
    assert sorted(inbox.numbers) == list(range(500))
    assert len(inbox.batches) < 250
    assert await bench.ready_in("router.in") == 0


async def test_urgent_keys_pass_those_that_wait(bench: Bench) -> None:
    await bench.publish(keys(*range(100)))
    inbox = Inbox()
    inbox.gate.clear()
    await bench.consumer(inbox, pace=Pace(batch=10, batches=1))
    await inbox.until(lambda: len(inbox.batches) == 1)
    await bench.publish(keys(1000, urgent=True))
    await inbox.until(lambda: len(inbox.batches) == 2)
    assert [delivery.key.id.int for delivery in inbox.batches[1]] == [1000]
    inbox.gate.set()
    await inbox.until(lambda: len(inbox.done) == 101)


async def test_while_a_batch_is_in_hand_a_small_one_waits_for_more(bench: Bench) -> None:
    inbox = Inbox()
    inbox.gate.clear()
    await bench.consumer(inbox, pace=Pace(batch=10, batches=3, patience=20.0))
    await bench.publish(keys(1))
    await inbox.until(lambda: len(inbox.batches) == 1)  # alone it does not wait
    for number in range(2, 12):
        await bench.publish(keys(number))
    await inbox.until(lambda: len(inbox.batches) == 2)
    assert len(inbox.batches[1]) == 10
    inbox.gate.set()
    await inbox.until(lambda: len(inbox.done) == 11)


async def test_a_small_batch_goes_once_nothing_else_is_in_hand(bench: Bench) -> None:
    inbox = Inbox()
    inbox.gate.clear()
    await bench.consumer(inbox, pace=Pace(batch=10, batches=3, patience=600.0))
    await bench.publish(keys(1))
    await inbox.until(lambda: len(inbox.batches) == 1)
    await bench.publish(keys(2))
    inbox.gate.set()
    await inbox.until(lambda: len(inbox.done) == 2)


async def test_patience_ends(bench: Bench) -> None:
    inbox = Inbox()
    inbox.gate.clear()
    await bench.consumer(inbox, pace=Pace(batch=10, batches=3, patience=0.05))
    await bench.publish(keys(1))
    await inbox.until(lambda: len(inbox.batches) == 1)
    await bench.publish(keys(2))
    await inbox.until(lambda: len(inbox.batches) == 2)
    inbox.gate.set()
    await inbox.until(lambda: len(inbox.done) == 2)


async def test_an_unreadable_message_is_acked_counted_and_not_handled(bench: Bench) -> None:
    inbox = Inbox()
    _, running = await bench.consumer(inbox)
    async with bench.channel() as channel:
        exchange = await channel.get_exchange("vestibule")
        for body in (b"kim.lee@customer.example", b'{"v":9}'):
            await exchange.publish(aio_pika.Message(body), "router.in", timeout=5)
    await bench.publish(keys(1))
    await inbox.until(lambda: inbox.numbers == [1])
    await running.stop()
    assert await bench.ready_in("router.in") == 0
    numbers = generate_latest(bench.registry).decode()
    assert 'vestibule_deliveries_total{outcome="unreadable",queue="router.in"} 2.0' in numbers


async def test_a_failed_batch_comes_back_whole(bench: Bench) -> None:
    inbox = Inbox([RuntimeError("first"), RuntimeError("second")])
    _, running = await bench.consumer(inbox)
    await bench.publish(keys(*range(20)))
    await inbox.until(lambda: len(set(inbox.numbers)) == 20)
    await running.stop()
    assert sorted(inbox.numbers) == list(range(20))
    assert max(delivery.returns for delivery in inbox.done) >= 1
    assert await bench.ready_in("router.in") == 0


async def test_a_handler_that_hangs_has_failed_and_its_keys_come_back(bench: Bench) -> None:
    inbox = Inbox()
    inbox.gate.clear()
    _, running = await bench.consumer(inbox, pace=Pace(handler_seconds=0.05))
    await bench.publish(keys(1))
    await inbox.until(lambda: len(inbox.batches) == 2)
    inbox.gate.set()
    await inbox.until(lambda: inbox.numbers == [1])
    await running.stop()
    assert await bench.ready_in("router.in") == 0


async def test_a_key_that_keeps_failing_is_handled_alone_and_the_others_get_through(bench: Bench) -> None:
    poison = 7
    done: list[int] = []
    alone = asyncio.Event()

    async def handle(batch: list[Delivery]) -> None:
        numbers = [delivery.key.id.int for delivery in batch]
        if poison in numbers:
            if numbers == [poison] and batch[0].returns > SUSPECT_AFTER:
                alone.set()
            raise RuntimeError("poison")
        done.extend(numbers)

    await bench.publish(keys(*range(20)))
    await bench.consumer(handle)
    async with asyncio.timeout(30):
        await alone.wait()
    await eventually(lambda: sorted(done) == [number for number in range(20) if number != poison])


async def test_a_key_that_is_always_given_back_ends_among_the_dead(bench: Bench) -> None:
    await bench.publish(keys(1))
    arrived = asyncio.Event()
    async with bench.session() as session:
        lane = Lane("router.in", session, ConsumerMetrics(CollectorRegistry()), arrived.set)
        await lane.open(10)
        for returns in range(DELIVERY_LIMIT + 1):
            async with asyncio.timeout(10):
                await arrived.wait()
            arrived.clear()
            (delivery,) = lane.take(10)
            assert delivery.returns == returns
            await lane.requeue([delivery])

        async def is_dead() -> bool:
            return await bench.ready_in(DEAD) == 1

        await eventually(is_dead)


async def test_draining_finishes_and_acks_what_is_in_hand_and_leaves_the_rest(bench: Bench) -> None:
    await bench.publish(keys(*range(100)))
    inbox = Inbox()
    inbox.gate.clear()
    consumer, running = await bench.consumer(inbox, pace=Pace(batch=10, batches=2))
    await inbox.until(lambda: len(inbox.batches) == 2)
    stopped = asyncio.create_task(running.stop())
    await eventually(lambda: not consumer.ready)
    assert not running.task.done()
    inbox.gate.set()
    await stopped
    assert len(inbox.done) == 20
    assert await bench.ready_in("router.in") == 80
    second = Inbox()
    await bench.consumer(second)
    await second.until(lambda: len(second.done) == 80)
    assert sorted(inbox.numbers + second.numbers) == list(range(100))


async def test_a_later_batch_may_be_done_before_an_earlier_one(bench: Bench) -> None:
    await bench.publish(keys(*range(40)))
    first_may_end = asyncio.Event()
    done: list[int] = []

    async def handle(batch: list[Delivery]) -> None:
        if batch[0].key.id.int == 0:
            await first_may_end.wait()
        done.extend(delivery.key.id.int for delivery in batch)

    _, running = await bench.consumer(handle, pace=Pace(batch=10, batches=2))
    await eventually(lambda: len(done) == 30)
    first_may_end.set()
    await eventually(lambda: len(done) == 40)
    await running.stop()
    assert await bench.ready_in("router.in") == 0


@pytest.mark.parametrize("urgent", [False, True])
async def test_batches_that_last_long_keep_nobody_else_waiting(bench: Bench, urgent: bool) -> None:
    inbox = Inbox()
    inbox.gate.clear()
    pace = Pace(batch=1, batches=1, slow_seconds=0.05, slow_batches=3)
    _, running = await bench.consumer(inbox, pace=pace)
    await bench.publish(keys(*range(20), urgent=urgent))
    # Where they are urgent, those that take only such have as many places again.
    await inbox.until(lambda: len(inbox.batches) == (8 if urgent else 4))
    inbox.gate.set()
    await inbox.until(lambda: len(inbox.done) == 20)
    await running.stop()
    assert await bench.ready_in("router.urgent" if urgent else "router.in") == 0


async def test_a_session_ends_while_slow_batches_are_in_hand(bench: Bench) -> None:
    inbox = Inbox()
    inbox.gate.clear()
    pace = Pace(batch=1, batches=1, slow_seconds=0.05, slow_batches=2)
    consumer, _ = await bench.consumer(inbox, pace=pace)
    await bench.publish(keys(*range(9)))
    await inbox.until(lambda: len(inbox.batches) == 3)
    async with bench.channel() as channel:
        await channel.queue_delete("router.in")
    await eventually(lambda: _sessions(bench) == 2 and consumer.ready)
    await bench.publish(keys(10))
    inbox.gate.set()
    await inbox.until(lambda: 10 in inbox.numbers)


async def test_acking_twice_and_acking_too_late_harm_nobody(bench: Bench) -> None:
    await bench.publish(keys(1, 2, 3))
    arrived = asyncio.Event()
    async with bench.session() as session:
        lane = Lane("router.in", session, ConsumerMetrics(CollectorRegistry()), arrived.set)
        await lane.open(10)
        await eventually(lambda: lane.waiting == 3)
        taken = lane.take(3)
        await lane.ack(taken[1:2])
        await lane.ack(taken[1:2])
        await lane.requeue(taken[1:2])
        await lane.ack(taken[:1])
        await lane.ack(taken[:2])
        async with bench.channel() as channel:  # a round trip to the same broker
            await channel.declare_queue("router.in", passive=True)
        assert session.alive
        await session.close()
        await lane.ack(taken)
        await lane.requeue(taken)

    async def one_left() -> bool:
        return await bench.ready_in("router.in") == 1

    await eventually(one_left)


async def test_a_queue_that_vanishes_is_declared_and_consumed_again(bench: Bench) -> None:
    inbox = Inbox()
    consumer, _ = await bench.consumer(inbox)
    async with bench.channel() as channel:
        await channel.queue_delete("router.in")
    await eventually(lambda: _sessions(bench) == 2 and consumer.ready)
    await bench.publish(keys(1))
    await inbox.until(lambda: inbox.numbers == [1])


async def test_one_trace_leads_from_the_mark_to_the_handler(bench: Bench) -> None:
    headers: list[str | None] = []

    async def handle(batch: list[Delivery]) -> None:
        headers.extend(delivery.traceparent for delivery in batch)

    _, running = await bench.consumer(handle)
    with span(bench.tracer, "request") as request:
        marked = traceparent()
    (outgoing,) = keys(1)
    await bench.publish([Outgoing(outgoing.key, outgoing.urgent, marked)])
    await eventually(lambda: len(headers) == 1)
    await running.stop()
    spans = {finished.name: finished for finished in bench.exporter.get_finished_spans()}
    process, publish = spans["router.in process"], spans["router.in publish"]
    trace_id = request.get_span_context().trace_id
    assert {process.context.trace_id, publish.context.trace_id} == {trace_id}
    assert process.parent is not None
    assert process.parent.span_id == publish.context.span_id
    assert [str(header).split("-")[1:3] for header in headers] == [
        [f"{trace_id:032x}", f"{process.context.span_id:016x}"]
    ]


def _sessions(bench: Bench) -> float:
    return bench.registry.get_sample_value("vestibule_broker_sessions_total") or 0
