"""The whole process: keys from RabbitMQ, decisions in PostgreSQL, one trace, probes, and a clean end."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from infra.local.servers import Addresses
from tests.integration.tenant_router.arranging import EMAIL_KEY, TRACE, Arranger
from tests.stack import Database
from tests.waiting import until
from vestibule.broker.connection import Broker
from vestibule.broker.publisher import Outgoing, Publisher, Receipt
from vestibule.messages.envelope import Key
from vestibule.settings.loading import load
from vestibule.settings.services import RouterSettings
from vestibule.settings.values import Listen, Secret
from vestibule.telemetry.metrics import RelayMetrics
from vestibule.telemetry.tracing import open_tracing
from vestibule_tenant_router.worker import route

SECONDS = 30.0
OUTCOMES = 'vestibule_outcomes_total{kind="person",outcome="want",stage="router"} 2.0'


@dataclass(frozen=True, slots=True)
class Router:
    """A running router and where its probes are."""

    url: str
    exporter: InMemorySpanExporter


def environment(database: Database, servers: Addresses, listen: str) -> dict[str, str]:
    """The settings of a router's process."""
    return {
        "VESTIBULE_DATABASE_URL": database.url("vestibule_router"),
        "VESTIBULE_AMQP_URL": servers.amqp,
        "VESTIBULE_EMAIL_KEY": EMAIL_KEY.hex(),
        "VESTIBULE_LISTEN": listen,
        "VESTIBULE_POOL_SIZE": "4",
    }


async def answer(url: str) -> tuple[int, str]:
    """Status and body; 0 while nobody listens."""
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status, await response.text()
    except aiohttp.ClientConnectionError:
        return 0, ""


async def is_ready(url: str) -> bool:
    """Whether a router consumes."""
    return (await answer(f"{url}/readyz"))[0] == 200


@pytest.fixture
async def publish(servers: Addresses) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """Publishes keys as the relay does."""
    tracing = open_tracing("relay", "test", exporter=InMemorySpanExporter())
    publisher = Publisher(
        Broker(Secret(servers.amqp), "test"),
        tracer=tracing.tracer,
        metrics=RelayMetrics(CollectorRegistry()),
    )
    stopping = asyncio.Event()
    task = asyncio.create_task(publisher.run(stopping))

    async def ready() -> bool:
        return publisher.ready

    async def send(*keys: Key, urgent: bool = False) -> None:
        receipts = await publisher.publish([Outgoing(key, urgent, TRACE) for key in keys])
        assert receipts == [Receipt.CONFIRMED] * len(keys)

    await until(ready, SECONDS, "a publisher that is ready")
    yield send
    stopping.set()
    await asyncio.wait_for(task, SECONDS)


@asynccontextmanager
async def running_router(database: Database, servers: Addresses) -> AsyncIterator[Router]:
    """A router in this process; it has drained when this ends."""
    settings = load(RouterSettings, environment(database, servers, "127.0.0.1:0"))
    stopping, exporter = asyncio.Event(), InMemorySpanExporter()
    bound: asyncio.Future[Listen] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(route(settings, stopping, exporter=exporter, on_bound=bound.set_result))
    try:
        address = await asyncio.wait_for(bound, SECONDS)
        url = f"http://{address.host}:{address.port}"
        await until(lambda: is_ready(url), SECONDS, "a router that is ready")
        yield Router(url, exporter)
    finally:
        stopping.set()
        await asyncio.wait_for(task, SECONDS)


async def test_a_key_from_the_queue_becomes_a_decision_within_one_trace(
    world: Arranger,
    database: Database,
    servers: Addresses,
    publish: Callable[..., Awaitable[None]],
) -> None:
    customer = await world.customer()
    ada, bob = await world.person(customer, "ada"), await world.person(customer, "bob")
    async with running_router(database, servers) as router:
        await publish(ada)
        await publish(bob, urgent=True)

        async def counted() -> bool:
            status, metrics = await answer(f"{router.url}/metrics")
            return status == 200 and OUTCOMES in metrics

        await until(counted, SECONDS, "two persons counted")
        assert (await answer(f"{router.url}/healthz"))[0] == 200

    account = await world.account(ada)
    assert account is not None
    handed_on = (await world.sync("account", account["id"]))["trace"]
    spans = {
        span.attributes["vestibule.id"]: span
        for span in router.exporter.get_finished_spans()
        if span.attributes and "vestibule.id" in span.attributes
    }
    context = spans[str(ada.id)].context
    assert context is not None
    assert handed_on == f"00-{context.trace_id:032x}-{context.span_id:016x}-01"
    assert f"{context.trace_id:032x}" == TRACE.split("-")[1]


async def test_a_process_that_is_terminated_drains_and_ends_well(
    world: Arranger,
    database: Database,
    servers: Addresses,
    publish: Callable[..., Awaitable[None]],
) -> None:
    customer = await world.customer()
    people = [await world.person(customer, f"p{number}") for number in range(50)]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "vestibule_tenant_router",
        env={"PATH": os.environ["PATH"], **environment(database, servers, f"127.0.0.1:{port}")},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        await until(lambda: is_ready(f"http://127.0.0.1:{port}"), SECONDS, "a process that is ready")
        await publish(*people)

        async def all_decided() -> bool:
            row = await world.row("select count(*) as n from router.decision")
            return row == {"n": len(people)}

        await until(all_decided, SECONDS, "everybody decided")
        process.send_signal(signal.SIGTERM)
        output, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    assert b"process_ended" in output
    assert b"@" not in output


async def test_wrong_settings_are_all_told_at_once(database: Database) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "vestibule_tenant_router",
        env={"PATH": os.environ["PATH"], "VESTIBULE_DATABASE_URL": database.url("vestibule_router")},
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode == 2
    for name in (b"VESTIBULE_AMQP_URL", b"VESTIBULE_EMAIL_KEY", b"VESTIBULE_LISTEN"):
        assert name in told
