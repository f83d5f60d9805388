"""Brokers that are stopped, killed and started again, on a server of their own."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.local.rabbitmq import RabbitServer
from tests.integration.broker.bench import Bench, Inbox, empty_queues, eventually, keys
from vestibule.broker.consumer import Pace
from vestibule.broker.publisher import Receipt
from vestibule.domain.identifiers import Kind


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this module's broker keeps everything."""
    return tmp_path_factory.mktemp("rabbit")


@pytest.fixture(scope="module")
async def server(folder: Path) -> AsyncIterator[RabbitServer]:
    """A broker that no other module uses."""
    server = RabbitServer(folder)
    try:
        server.start()
        await empty_queues(server.url)
        server.stop()  # so that it knows its queues also after being killed within seconds
        yield server
    finally:
        server.remove()


@pytest.fixture
async def bench(server: RabbitServer) -> AsyncIterator[Bench]:
    """A running broker with empty queues."""
    server.start()
    await empty_queues(server.url)
    async with Bench(server) as bench:
        yield bench


async def test_publishing_while_the_broker_is_down_fails_at_once_and_works_again_after(bench: Bench) -> None:
    publisher = await bench.publisher()
    bench.server.kill_hard()
    await eventually(lambda: not publisher.ready)
    began = time.monotonic()
    assert await publisher.publish(keys(*range(100))) == [Receipt.DOWN] * 100
    assert time.monotonic() - began < 1
    await asyncio.to_thread(bench.server.start)
    await eventually(lambda: publisher.ready)
    assert await publisher.publish(keys(1)) == [Receipt.CONFIRMED]


async def test_a_broker_killed_in_the_midst_confirms_only_what_it_kept(bench: Bench) -> None:
    publisher = await bench.publisher()
    publishing = asyncio.create_task(publisher.publish(keys(*range(3000))))
    await eventually(lambda: _confirmed(bench) >= 500)
    bench.server.kill_hard()
    receipts = await publishing
    confirmed = receipts.count(Receipt.CONFIRMED)
    assert 0 < confirmed < 3000
    assert set(receipts) <= {Receipt.CONFIRMED, Receipt.UNKNOWN, Receipt.DOWN}
    await asyncio.to_thread(bench.server.start)
    await eventually(lambda: publisher.ready)

    async def kept() -> bool:
        return await bench.ready_in("router.in") >= confirmed

    await eventually(kept)


async def test_a_broker_killed_while_its_consumers_are_idle_is_found_again(bench: Bench) -> None:
    inbox = Inbox()
    consumer, _ = await bench.consumer(inbox)
    await bench.publish(keys(1))
    await inbox.until(lambda: inbox.numbers == [1])
    bench.server.kill_hard()
    await eventually(lambda: not consumer.ready)
    await asyncio.to_thread(bench.server.start)
    await eventually(lambda: consumer.ready)
    await bench.publish(keys(2))
    await inbox.until(lambda: 2 in inbox.numbers)


async def test_a_broker_killed_while_a_batch_is_in_hand_delivers_it_again(bench: Bench) -> None:
    await bench.publish(keys(*range(30)))
    inbox = Inbox()
    inbox.gate.clear()
    consumer, running = await bench.consumer(inbox, pace=Pace(batch=30))
    await inbox.until(lambda: sum(map(len, inbox.batches)) == 30)
    bench.server.kill_hard()
    await eventually(lambda: not consumer.ready)
    await asyncio.to_thread(bench.server.start)
    await eventually(lambda: consumer.ready)
    inbox.gate.set()
    await inbox.until(lambda: len(inbox.done) == 60)
    await running.stop()
    assert sorted(inbox.numbers) == sorted([*range(30), *range(30)])
    assert await bench.ready_in("router.in") == 0


async def test_a_consumer_started_before_its_broker_waits_for_it(bench: Bench) -> None:
    await asyncio.to_thread(bench.server.stop)
    inbox = Inbox()
    consumer, _ = await bench.consumer(inbox, ready=False)
    assert not consumer.ready
    await asyncio.to_thread(bench.server.start)
    await eventually(lambda: consumer.ready)
    await bench.publish(keys(1))
    await inbox.until(lambda: inbox.numbers == [1])


async def test_a_consumer_without_a_broker_stops_when_it_is_told(bench: Bench) -> None:
    await asyncio.to_thread(bench.server.stop)
    _, running = await bench.consumer(Inbox(), ready=False)
    await running.stop()
    assert running.task.done()


def lose_queues(folder: Path) -> None:
    """Remove what the broker keeps of quorum queues, but not its list of queues."""
    (lost,) = folder.glob("data/*/quorum")
    shutil.rmtree(lost)


async def test_a_queue_that_its_broker_has_lost_is_replaced(bench: Bench, folder: Path) -> None:
    inbox = Inbox()
    consumer, _ = await bench.consumer(inbox, ("writer.in",))
    bench.server.kill_hard()
    await eventually(lambda: not consumer.ready)
    lose_queues(folder)
    await asyncio.to_thread(bench.server.start)
    await eventually(lambda: consumer.ready)
    await bench.publish(keys(1, kind=Kind.ACCOUNT))
    await inbox.until(lambda: inbox.numbers == [1])


def _confirmed(bench: Bench) -> float:
    labels = {"queue": "router.in", "receipt": "confirmed"}
    return bench.registry.get_sample_value("vestibule_relay_published_total", labels) or 0
