"""Sessions with the broker: opened from scratch, ended by the first close, opened again for ever."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

import aio_pika
import aiormq
from aio_pika.abc import AbstractChannel, AbstractConnection
from yarl import URL

from vestibule.messages.topology import TOPOLOGY, Topology
from vestibule.process.loops import backoff, pause
from vestibule.settings.values import Secret
from vestibule.telemetry.logging import logger

T = TypeVar("T")
UseSession: TypeAlias = Callable[["Session"], Awaitable[None]]

HEARTBEAT_SECONDS: Final = 10
CONNECT_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 5.0
LONGEST_BACKOFF: Final = 5.0
STEADY_SECONDS: Final = 10.0  # a session that lasted this long begins again at the first backoff
FAULTS: Final = (
    aiormq.exceptions.AMQPError,
    aiormq.exceptions.ChannelInvalidStateError,
    EOFError,  # a broker that is just starting or ending
    OSError,
    StopAsyncIteration,  # the client's way to say that the server hung up between two frames
    TimeoutError,
)

log = logger(__name__)


class BrokerError(Exception):
    """The broker did not do what it was asked, for a reason given as a code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Session:
    """One connection and its channels; over as soon as any of them is closed by whomever.

    A plain connection never notices a lost broker by `closed()` or `is_closed`: only the callbacks do.
    """

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._channels: list[AbstractChannel] = []
        self._ended = asyncio.Event()
        connection.close_callbacks.add(self._on_close)

    @property
    def alive(self) -> bool:
        """Whether nothing of the session has been closed."""
        return not self._ended.is_set()

    async def ended(self) -> None:
        """Wait for the end."""
        await self._ended.wait()

    def end(self) -> None:
        """Give the session up; whoever keeps it opens another."""
        self._ended.set()

    async def channel(self, *, confirms: bool) -> aiormq.Channel:
        """Open a channel whose end is the session's; with `confirms`, unroutable messages raise."""
        if not self.alive:
            raise BrokerError("closed")
        channel = self._connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
        channel.close_callbacks.add(self._on_close)
        await channel.initialize(CONNECT_SECONDS)
        self._channels.append(channel)
        underlay = await channel.get_underlay_channel()
        assert isinstance(underlay, aiormq.Channel)  # the one class there is; its abstract one lacks `wait`
        underlay.on_consumer_cancel_callbacks.add(self._on_consumer_cancelled)
        return underlay

    async def declare(self, topology: Topology) -> None:
        """Make sure that exchanges, queues and bindings exist; a difference in arguments is an error."""
        channel = self._connection.channel()
        await channel.initialize(CONNECT_SECONDS)
        for exchange in topology.exchanges:
            await channel.declare_exchange(exchange.name, exchange.type, durable=True)
        for queue in topology.queues:
            await channel.declare_queue(queue.name, durable=True, arguments=dict(queue.arguments))
        for binding in topology.bindings:
            bound = await channel.get_queue(binding.queue, ensure=False)
            await bound.bind(binding.exchange, binding.routing_key)
        await channel.close()

    async def replace(self, queue: str, topology: Topology) -> None:
        """Delete a queue and declare it anew; what it held comes back from the database with its leases."""
        channel = self._connection.channel()
        await channel.initialize(CONNECT_SECONDS)
        await channel.queue_delete(queue)
        await channel.close()
        await self.declare(topology)

    async def close(self) -> None:
        """Close in good order: acks that were written arrive before the end of their channel."""
        self._ended.set()
        try:
            await isolate(self._close_all(), CLOSE_SECONDS)
        except BrokerError as error:
            log.info("broker_session_lost", code=error.code)

    async def _close_all(self) -> None:
        for channel in self._channels:
            if not channel.is_closed:
                await channel.close()
        await self._connection.close()

    def _on_close(self, _sender: object, _error: BaseException | None) -> None:
        self._ended.set()

    def _on_consumer_cancelled(self, _frame: object) -> None:
        self._ended.set()  # the broker took the queue away: declare it again


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and what must exist there."""

    url: Secret[str]
    name: str  # of this process, for the broker's list of connections
    topology: Topology = TOPOLOGY

    async def connect(self) -> Session:
        """Open a session and declare the topology, within a bound; raises BrokerError."""
        return await isolate(self._connect(), CONNECT_SECONDS)

    async def _connect(self) -> Session:
        url = URL(self.url.reveal())
        if "heartbeat" not in url.query:
            url = url.update_query(heartbeat=str(HEARTBEAT_SECONDS))
        connection = await aio_pika.connect(
            url, timeout=CONNECT_SECONDS, client_properties={"connection_name": self.name}
        )
        session = Session(connection)
        try:
            await session.declare(self.topology)
        except BaseException:
            await session.close()
            raise
        return session


async def keep_session(broker: Broker, stopping: asyncio.Event, use: UseSession) -> None:
    """Open a session, use it until it ends, and open the next, with bounded pauses, until `stopping`."""
    unreachable, short = 0, 0  # attempts and sessions in a row
    while not stopping.is_set():
        try:
            session = await broker.connect()
        except BrokerError as error:
            unreachable += 1
            log.warning("broker_unreachable", code=error.code, attempt=unreachable)
            await pause(stopping, backoff(unreachable, longest=LONGEST_BACKOFF))
            continue
        log.info("broker_session_opened")
        began = time.monotonic()
        try:
            await use(session)
        except BrokerError as error:
            log.warning("broker_session_failed", code=error.code)
        finally:
            await session.close()
        lasted = time.monotonic() - began
        if not stopping.is_set():
            log.warning("broker_session_ended", seconds=round(lasted, 1))
        unreachable, short = 0, 1 if lasted > STEADY_SECONDS else short + 1
        await pause(stopping, backoff(short, longest=LONGEST_BACKOFF))


async def isolate(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """Run a conversation with the broker in a task of its own, within a bound; its faults are BrokerErrors.

    When a channel closes, the library cancels whoever waits on it; here that cannot pass for a cancellation
    of ours.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(_look_at)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise BrokerError("timeout")
    finally:
        task.cancel()
    if task.cancelled():
        raise BrokerError("closed")
    try:
        return task.result()
    except FAULTS as error:
        raise BrokerError(_code_of(error)) from error


def _look_at(task: asyncio.Task[T]) -> None:
    """Whatever a task that was given up still raises is no news."""
    if not task.cancelled():
        task.exception()


async def first_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Return when the first of these has happened, and wait for the others no longer."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _code_of(error: BaseException) -> str:
    """Name a fault by its type: its text may hold the URL."""
    return type(error).__name__
