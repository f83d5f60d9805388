import os
import signal
import time

from prometheus_client import generate_latest

from tests.integration.broker.bench import Bench, eventually, keys
from vestibule.broker.publisher import Receipt
from vestibule.domain.identifiers import Kind
from vestibule.messages.topology import Binding, Exchange, Queue, Topology


async def test_every_key_is_confirmed_and_lies_in_its_queue(bench: Bench) -> None:
    publisher = await bench.publisher()
    outgoing = keys(*range(1200)) + keys(1, urgent=True) + keys(2, kind=Kind.ORGANIZATION)
    assert await publisher.publish(outgoing) == [Receipt.CONFIRMED] * 1202
    assert await bench.ready_in("router.in") == 1200
    assert await bench.ready_in("router.urgent") == 1
    assert await bench.ready_in("writer.in") == 1
    numbers = generate_latest(bench.registry).decode()
    assert 'vestibule_relay_published_total{queue="router.in",receipt="confirmed"} 1200.0' in numbers


async def test_an_unroutable_key_is_never_confirmed_and_the_queue_is_declared_again(bench: Bench) -> None:
    publisher = await bench.publisher()
    async with bench.channel() as channel:
        await channel.queue_delete("router.in")
    receipts = await publisher.publish(keys(1) + keys(2, urgent=True))
    assert receipts == [Receipt.UNROUTABLE, Receipt.CONFIRMED]
    await eventually(lambda: publisher.ready)
    assert await publisher.publish(keys(1)) == [Receipt.CONFIRMED]
    assert await bench.ready_in("router.in") == 1


async def test_a_full_queue_rejects(bench: Bench) -> None:
    arguments: dict[str, str | int] = {
        "x-queue-type": "quorum",
        "x-max-length": 5,
        "x-overflow": "reject-publish",
    }
    small = Topology(
        "small",
        (Exchange("small", "direct"),),
        (Queue("small", arguments),),
        (Binding("small", "small", "router.in"),),
    )
    publisher = await bench.publisher(topology=small)
    receipts = [(await publisher.publish(keys(number)))[0] for number in range(40)]
    assert receipts[0] is Receipt.CONFIRMED
    assert receipts[-1] is Receipt.REJECTED
    assert await bench.ready_in("small") == receipts.count(Receipt.CONFIRMED)
    async with bench.channel() as channel:
        await channel.queue_delete("small")


async def test_a_broker_that_does_not_answer_costs_no_more_than_the_time_limit(bench: Bench) -> None:
    publisher = await bench.publisher(seconds=0.5)
    assert bench.server.pid is not None
    os.kill(bench.server.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        receipts = await publisher.publish(keys(*range(50)))
        took = time.monotonic() - began
    finally:
        os.kill(bench.server.pid, signal.SIGCONT)
    assert receipts == [Receipt.UNKNOWN] * 50
    assert took < 3
    await eventually(lambda: publisher.ready)
    assert await publisher.publish(keys(1)) == [Receipt.CONFIRMED]
