"""What the broker's tests are made of: keys, a recording handler, publishers and consumers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Self
from uuid import UUID

import aio_pika
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from infra.local.rabbitmq import RabbitServer
from vestibule.broker.connection import Broker, Session
from vestibule.broker.consumer import Consumer, Handle, Pace
from vestibule.broker.lanes import Delivery
from vestibule.broker.publisher import Outgoing, Publisher, Receipt
from vestibule.domain.identifiers import Kind, TenantId
from vestibule.messages.envelope import Key
from vestibule.messages.topology import TOPOLOGY, Topology
from vestibule.settings.values import Secret
from vestibule.telemetry.metrics import ConsumerMetrics, RelayMetrics
from vestibule.telemetry.tracing import open_tracing

SECONDS = 60.0
TENANT = TenantId(UUID(int=1))


def keys(*numbers: int, urgent: bool = False, kind: Kind = Kind.PERSON) -> list[Outgoing]:
    """Keys to publish, told apart by their number."""
    return [Outgoing(Key(kind, UUID(int=number), TENANT, 1), urgent) for number in numbers]


async def eventually(true: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until something outside of this process is so; fails after a bound."""
    async with asyncio.timeout(SECONDS):
        while True:
            found = true()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)


async def empty_queues(url: str) -> None:
    """Declare all queues and remove what other tests left in them."""
    session = await Broker(Secret(url), "test").connect()
    await session.close()
    connection = await aio_pika.connect(url, timeout=10)
    channel = await connection.channel()
    for queue in TOPOLOGY.queues:
        await (await channel.get_queue(queue.name)).purge()
    await connection.close()


class Inbox:
    """A handler that records what it is given; `gate` holds it up and `faults` are raised first."""

    def __init__(self, faults: Sequence[Exception] = ()) -> None:
        self.batches: list[list[Delivery]] = []
        self.done: list[Delivery] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._faults = list(faults)
        self._changed = asyncio.Event()

    async def __call__(self, batch: list[Delivery]) -> None:
        """Handle a batch."""
        self.batches.append(batch)
        self._changed.set()
        await self.gate.wait()
        if self._faults:
            raise self._faults.pop(0)
        self.done += batch
        self._changed.set()

    @property
    def numbers(self) -> list[int]:
        """The keys that were handled, in order."""
        return [delivery.key.id.int for delivery in self.done]

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for something this handler will have seen; fails after a bound."""
        async with asyncio.timeout(SECONDS):
            while not true():
                self._changed.clear()
                await self._changed.wait()


class Running:
    """A publisher or consumer at work."""

    def __init__(self, task: asyncio.Task[None], stopping: asyncio.Event) -> None:
        self.task = task
        self._stopping = stopping

    async def stop(self) -> None:
        """Drain it, within a bound."""
        self._stopping.set()
        async with asyncio.timeout(SECONDS):
            await self.task


class Bench:
    """Everything around one broker; leaving it stops what is still running."""

    def __init__(self, server: RabbitServer) -> None:
        self.server = server
        self.registry = CollectorRegistry()
        self.exporter = InMemorySpanExporter()
        self.tracer = open_tracing("test", "one", exporter=self.exporter).tracer
        self._consumer_metrics = ConsumerMetrics(self.registry)
        self._relay_metrics = RelayMetrics(self.registry)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def broker(self, topology: Topology = TOPOLOGY) -> Broker:
        """The broker, as a service would be given it."""
        return Broker(Secret(self.server.url), "test", topology)

    async def publisher(self, *, topology: Topology = TOPOLOGY, seconds: float = 5.0) -> Publisher:
        """A publisher that has its session."""
        publisher = Publisher(
            self.broker(topology), tracer=self.tracer, metrics=self._relay_metrics, seconds=seconds
        )
        await self._start(publisher.run)
        await eventually(lambda: publisher.ready)
        return publisher

    async def consumer(
        self,
        handle: Handle,
        queues: Sequence[str] = ("router.urgent", "router.in"),
        pace: Pace | None = None,
        *,
        ready: bool = True,
    ) -> tuple[Consumer, Running]:
        """A consumer, by default one that consumes already."""
        consumer = Consumer(
            self.broker(),
            queues,
            handle,
            tracer=self.tracer,
            metrics=self._consumer_metrics,
            pace=pace,
        )
        running = await self._start(consumer.run)
        if ready:
            await eventually(lambda: consumer.ready)
        return consumer, running

    async def publish(self, outgoing: Sequence[Outgoing]) -> None:
        """Publish by a publisher of its own, all confirmed."""
        publisher = await self.publisher()
        assert await publisher.publish(outgoing) == [Receipt.CONFIRMED] * len(outgoing)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A bare session."""
        session = await self.broker().connect()
        try:
            yield session
        finally:
            await session.close()

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
        """A channel to look at the broker from outside."""
        connection = await aio_pika.connect(self.server.url, timeout=10)
        try:
            yield await connection.channel()
        finally:
            await connection.close()

    async def ready_in(self, queue: str) -> int:
        """How many messages wait in a queue."""
        async with self.channel() as channel:
            declared = await channel.declare_queue(queue, passive=True)
            return declared.declaration_result.message_count or 0

    async def _start(self, run: Callable[[asyncio.Event], Awaitable[None]]) -> Running:
        stopping = asyncio.Event()

        async def work() -> None:
            await run(stopping)

        running = Running(asyncio.create_task(work()), stopping)
        self._stack.push_async_callback(running.stop)
        return running
