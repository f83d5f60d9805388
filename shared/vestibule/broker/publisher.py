"""Keys go out many at a time, each confirmed by the broker or told by its receipt that it was not."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import aiormq
from aiormq import spec
from opentelemetry.trace import Tracer

from vestibule.broker.connection import FAULTS, Broker, Session, first_of, isolate, keep_session
from vestibule.messages.envelope import Key, encode
from vestibule.messages.topology import queue_of
from vestibule.telemetry.logging import logger
from vestibule.telemetry.metrics import RelayMetrics
from vestibule.telemetry.tracing import HEADER, fail, header_of, start_producer_span

PUBLISH_SECONDS: Final = 5.0
MOST_UNCONFIRMED: Final = 500  # at a time; the rest of a longer call follows

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A key on its way, and the trace of what made its row dirty."""

    key: Key
    urgent: bool
    traceparent: str | None = None

    @property
    def queue(self) -> str:
        """The queue it belongs to."""
        return queue_of(self.key.kind, self.urgent)


class Receipt(StrEnum):
    """What the broker said; only CONFIRMED means that a consumer will see the key."""

    CONFIRMED = "confirmed"
    UNROUTABLE = "unroutable"  # the queue is not there: the session is ended and the topology declared again
    REJECTED = "rejected"  # the queue is full
    UNKNOWN = "unknown"  # no answer in time, or the connection broke while waiting: it may have arrived
    DOWN = "down"  # no session: nothing was sent


class Publisher:
    """Publishes over one session at a time; `run` keeps it, `publish` never waits for one."""

    def __init__(
        self, broker: Broker, *, tracer: Tracer, metrics: RelayMetrics, seconds: float = PUBLISH_SECONDS
    ) -> None:
        self._broker = broker
        self._tracer = tracer
        self._metrics = metrics
        self._seconds = seconds
        self._open: tuple[Session, aiormq.Channel] | None = None
        self._in_hand = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def ready(self) -> bool:
        """Whether a publish would be sent at once."""
        return self._open is not None and self._open[0].alive

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep a session until `stopping`; then wait for what is in hand, and close."""

        async def use(session: Session) -> None:
            channel = await isolate(session.channel(confirms=True), self._seconds)
            self._open = (session, channel)
            try:
                await first_of(session.ended(), stopping.wait())
                if session.alive:
                    await first_of(self._idle.wait(), session.ended(), asyncio.sleep(self._seconds))
            finally:
                self._open = None

        await keep_session(self._broker, stopping, use)

    async def publish(self, outgoing: Sequence[Outgoing]) -> list[Receipt]:
        """Publish all and return their receipts in order, within the time limit per 500; never raises."""
        receipts: list[Receipt] = []
        self._in_hand += 1
        self._idle.clear()
        try:
            for start in range(0, len(outgoing), MOST_UNCONFIRMED):
                receipts += await self._publish_some(outgoing[start : start + MOST_UNCONFIRMED])
        finally:
            self._in_hand -= 1
            if self._in_hand == 0:
                self._idle.set()
        return receipts

    async def _publish_some(self, outgoing: Sequence[Outgoing]) -> list[Receipt]:
        if self._open is None or not self._open[0].alive:
            receipts = [Receipt.DOWN] * len(outgoing)
        else:
            session, channel = self._open
            tasks = [asyncio.create_task(self._publish_one(channel, item)) for item in outgoing]
            try:
                await asyncio.wait(tasks, timeout=self._seconds)
            finally:
                for task in tasks:
                    task.cancel()
            receipts = [_receipt(task) for task in tasks]
            if Receipt.UNROUTABLE in receipts:
                log.error("topology_missing", unconfirmed=receipts.count(Receipt.UNROUTABLE))
                session.end()
        for item, receipt in zip(outgoing, receipts, strict=True):
            self._metrics.published.of(item.queue, receipt).inc()
        return receipts

    async def _publish_one(self, channel: aiormq.Channel, item: Outgoing) -> Receipt:
        queue = item.queue
        ids = {"vestibule.kind": item.key.kind.value, "vestibule.id": str(item.key.id)}
        span = start_producer_span(self._tracer, queue, item.traceparent, ids)
        receipt = Receipt.UNKNOWN
        try:
            header = header_of(span)
            await channel.basic_publish(
                encode(item.key),
                exchange=self._broker.topology.exchange,
                routing_key=queue,
                mandatory=True,
                properties=spec.Basic.Properties(
                    content_type="application/json",
                    delivery_mode=2,
                    headers={} if header is None else {HEADER: header},
                ),
                wait=False,  # the confirmation is waited for, not the socket
            )
            receipt = Receipt.CONFIRMED
        except aiormq.exceptions.PublishError:
            receipt = Receipt.UNROUTABLE
        except aiormq.exceptions.DeliveryError:
            receipt = Receipt.REJECTED
        except FAULTS:
            receipt = Receipt.UNKNOWN
        finally:
            if receipt is not Receipt.CONFIRMED:
                fail(span, receipt)
            span.end()
        return receipt


def _receipt(task: asyncio.Task[Receipt]) -> Receipt:
    if not task.done() or task.cancelled():
        return Receipt.UNKNOWN
    return task.result()
