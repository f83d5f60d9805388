"""Keys come in by batches, urgent ones first; a batch is acked once its handler has returned."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final, Self, TypeAlias

from opentelemetry.trace import Span, Tracer

from vestibule.broker.connection import (
    CONNECT_SECONDS,
    Broker,
    BrokerError,
    Session,
    first_of,
    isolate,
    keep_session,
)
from vestibule.broker.lanes import Delivery, Lane
from vestibule.process.loops import backoff, pause
from vestibule.telemetry.logging import log_context, logger
from vestibule.telemetry.metrics import ConsumerMetrics
from vestibule.telemetry.tracing import fail, header_of, start_consumer_span

Handle: TypeAlias = Callable[[list[Delivery]], Awaitable[None]]

LONGEST_PAUSE: Final = 10.0  # after failures, before keys are given back
REFUSED: Final = frozenset({"ConnectionInternalError", "timeout"})
MOST_REFUSALS: Final = 2

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How much a consumer takes at a time."""

    prefetch: int = 200  # per queue
    batch: int = 100
    linger: float = 0.003  # seconds that a small batch waits for more; an urgent one never waits
    patience: float = 0.0  # seconds that it waits besides while another batch is being handled
    batches: int = 2  # at the same time, besides one that takes urgent keys only
    slow_seconds: float = 1.0  # a batch that takes longer leaves its place to another ...
    slow_batches: int = 0  # ... as long as no more than so many have done so
    handler_seconds: float = 120.0  # then the batch has failed


class Place:
    """One of the batches that are handled at a time; given up by a slow one before its end."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places
        self._taken = False

    async def __aenter__(self) -> Self:
        await self._places.acquire()
        self._taken = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Let another batch have it."""
        if self._taken:
            self._taken = False
            self._places.release()


class Consumer:
    """Hands deliveries to a handler; an exception of the handler means: nothing of this batch is done."""

    def __init__(
        self,
        broker: Broker,
        queues: Sequence[str],
        handle: Handle,
        *,
        tracer: Tracer,
        metrics: ConsumerMetrics,
        pace: Pace | None = None,
    ) -> None:
        """Take the queues in order of urgency; with several, the first has a batch of its own."""
        self._broker = broker
        self._queues = tuple(queues)
        self._urgent = self._queues[0] if len(self._queues) > 1 else None
        self._handle = handle
        self._tracer = tracer
        self._metrics = metrics
        self._pace = Pace() if pace is None else pace
        self._places = asyncio.Semaphore(self._pace.batches)
        self._urgent_place = asyncio.Semaphore(1)
        self._gathering = asyncio.Lock()
        self._handling = 0
        self._slots: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()
        self._consuming: Session | None = None
        self._failures = 0
        self._refusals = 0

    @property
    def ready(self) -> bool:
        """Whether every queue is being consumed now."""
        return self._consuming is not None and self._consuming.alive

    async def run(self, stopping: asyncio.Event) -> None:
        """Consume until `stopping`, over as many sessions as it takes; then finish, ack and close."""

        async def use(session: Session) -> None:
            await self._serve(session, stopping)

        try:
            await keep_session(self._broker, stopping, use)
            await self._finish()
        finally:
            for slot in self._slots:
                slot.cancel()

    async def _serve(self, session: Session, stopping: asyncio.Event) -> None:
        lanes = [Lane(queue, session, self._metrics, self._arrived.set) for queue in self._queues]
        await self._open(session, lanes)
        self._start_slots(session, lanes, stopping)
        self._consuming = session
        self._metrics.connected.set(1)
        self._metrics.sessions.inc()
        try:
            await first_of(session.ended(), stopping.wait())
        finally:
            self._consuming = None
            self._metrics.connected.set(0)
            self._arrived.set()
        if session.alive:
            await self._drain(lanes)

    async def _open(self, session: Session, lanes: list[Lane]) -> None:
        """Begin to consume, or replace queues that their broker knows of but has lost.

        Seen with RabbitMQ 3.10 killed seconds after a queue was first declared: declaring it again succeeds,
        consuming it gets no answer or an internal error, for ever.
        """
        if self._refusals >= MOST_REFUSALS:
            self._refusals = 0
            log.error("queues_replaced", queues=self._queues)
            for queue in self._queues:
                await isolate(session.replace(queue, self._broker.topology), CONNECT_SECONDS)
        try:
            for lane in lanes:
                await lane.open(self._pace.prefetch)
        except BrokerError as error:
            self._refusals += error.code in REFUSED
            raise
        self._refusals = 0

    def _start_slots(self, session: Session, lanes: list[Lane], stopping: asyncio.Event) -> None:
        sharing = [(lanes, self._places)] * (self._pace.batches + self._pace.slow_batches)
        if len(lanes) > 1:
            sharing += [(lanes[:1], self._urgent_place)] * (1 + self._pace.slow_batches)
        for chosen, places in sharing:
            slot = asyncio.create_task(self._work(session, chosen, places, stopping))
            self._slots.add(slot)
            slot.add_done_callback(self._slots.discard)

    async def _drain(self, lanes: list[Lane]) -> None:
        for lane in lanes:
            try:
                await lane.stop()
            except BrokerError as error:
                log.warning("consumer_not_cancelled", queue=lane.queue, code=error.code)
        await self._finish()

    async def _finish(self) -> None:
        if self._slots:
            await asyncio.wait(self._slots)

    async def _work(
        self, session: Session, lanes: list[Lane], places: asyncio.Semaphore, stopping: asyncio.Event
    ) -> None:
        """Take and handle batches; outlives its session until the batch in hand is done."""
        while session.alive and not stopping.is_set():
            async with Place(places) as place:
                found = await self._next(session, lanes, stopping)
                if found is not None:
                    lane, batch = found
                    with log_context(queue=lane.queue), self._leaving_when_slow(place):
                        await self._process(lane, batch, stopping)

    @contextmanager
    def _leaving_when_slow(self, place: Place) -> Iterator[None]:
        """What one batch waits for, a desk that hangs, must not keep everybody else waiting."""
        leaving = asyncio.get_running_loop().call_later(self._pace.slow_seconds, place.leave)
        try:
            yield
        finally:
            leaving.cancel()

    async def _next(
        self, session: Session, lanes: list[Lane], stopping: asyncio.Event
    ) -> tuple[Lane, list[Delivery]] | None:
        while session.alive and not stopping.is_set():
            for lane in lanes:
                if lane.waiting:
                    if lane.queue != self._urgent and lane.waiting < self._pace.batch:
                        await self._gather(session, lane, lanes[0], stopping)
                    batch = lane.take(self._pace.batch)
                    if batch:
                        return lane, batch
                    break
            else:
                self._arrived.clear()
                await self._arrived.wait()
        return None

    async def _gather(self, session: Session, lane: Lane, first: Lane, stopping: asyncio.Event) -> None:
        """Let a small batch grow: for a moment, and patiently as long as there is other work in hand.

        Under load batches are full then, and alone a key is not kept waiting. One slot gathers at a time.
        """

        def small() -> bool:
            urgent = first is not lane and first.waiting > 0
            alone = self._handling == 0
            return 0 < lane.waiting < self._pace.batch and session.alive and not (alone or urgent)

        async with self._gathering:
            await asyncio.sleep(self._pace.linger)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pace.patience):
                    while small() and not stopping.is_set():
                        self._arrived.clear()
                        await self._arrived.wait()

    async def _process(self, lane: Lane, batch: list[Delivery], stopping: asyncio.Event) -> None:
        spans = [self._start_span(delivery) for delivery in batch]
        began = time.monotonic()
        self._handling += lane.queue != self._urgent
        try:
            async with asyncio.timeout(self._pace.handler_seconds):
                await self._handle(
                    [
                        replace(delivery, traceparent=header_of(span))
                        for delivery, span in zip(batch, spans, strict=True)
                    ]
                )
        except Exception as error:
            log.exception("batch_failed", size=len(batch))
            for span in spans:
                fail(span, type(error).__name__)
            await self._give_back(lane, batch, stopping)
        else:
            self._failures = 0
            await lane.ack(batch)
        finally:
            self._handling -= lane.queue != self._urgent
            self._arrived.set()
            for span in spans:
                span.end()
            self._metrics.batch_size.observe(len(batch))
            self._metrics.batch_seconds.observe(time.monotonic() - began)

    async def _give_back(self, lane: Lane, batch: list[Delivery], stopping: asyncio.Event) -> None:
        """Pause before the broker may deliver again: each return counts towards its delivery limit."""
        self._failures += 1
        await pause(stopping, backoff(self._failures, longest=LONGEST_PAUSE))
        await lane.requeue(batch)

    def _start_span(self, delivery: Delivery) -> Span:
        ids = {"vestibule.kind": delivery.key.kind.value, "vestibule.id": str(delivery.key.id)}
        return start_consumer_span(self._tracer, delivery.queue, delivery.traceparent, ids)
