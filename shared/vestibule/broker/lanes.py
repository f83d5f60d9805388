"""One queue on a channel of its own: what was delivered, what waits, what is not settled yet."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

import aiormq

from vestibule.broker.connection import CONNECT_SECONDS, FAULTS, Session, isolate
from vestibule.domain.identifiers import TenantId
from vestibule.messages.envelope import Key, Unreadable, decode
from vestibule.telemetry.logging import logger
from vestibule.telemetry.metrics import ConsumerMetrics
from vestibule.telemetry.tracing import HEADER

SUSPECT_AFTER: Final = (
    3  # deliveries without an ack: from then on a key is handled alone, so as not to harm others
)
SETTLE_SECONDS: Final = 5.0
CONSUME_SECONDS: Final = 5.0

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A key that arrived; `traceparent` is that of its own span while a handler has it, to be passed on."""

    key: Key
    queue: str
    tag: int
    returns: int = 0  # how often it was delivered before without being acked
    traceparent: str | None = None


def choose(waiting: Sequence[Delivery], most: int) -> list[Delivery]:
    """Who is handled next: the oldest, and with him who else waits for his tenant, then the next oldest.

    A batch is worked on tenant by tenant, so one of few tenants is much less work. A key that came back
    several times is taken alone, once it is the oldest.
    """
    if waiting and waiting[0].returns >= SUSPECT_AFTER:
        return [waiting[0]]
    by_tenant: dict[TenantId, list[Delivery]] = {}
    for delivery in waiting:
        if delivery.returns < SUSPECT_AFTER:
            by_tenant.setdefault(delivery.key.tenant, []).append(delivery)
    return list(islice(chain.from_iterable(by_tenant.values()), most))


class Lane:
    """The consumer of one queue within one session; every delivery is settled at most once."""

    def __init__(
        self, queue: str, session: Session, metrics: ConsumerMetrics, on_arrival: Callable[[], None]
    ) -> None:
        self.queue = queue
        self._session = session
        self._metrics = metrics
        self._on_arrival = on_arrival
        self._channel: aiormq.Channel | None = None
        self._consumer_tag: str | None = None
        self._waiting: deque[Delivery] = deque()
        self._unsettled: set[int] = set()

    @property
    def waiting(self) -> int:
        """How many deliveries wait for a handler."""
        return len(self._waiting)

    async def open(self, prefetch: int) -> None:
        """Begin to consume; raises BrokerError."""
        channel = await isolate(self._session.channel(confirms=False), CONNECT_SECONDS)
        self._channel = channel
        await isolate(channel.basic_qos(prefetch_count=prefetch), CONNECT_SECONDS)
        consuming = await isolate(channel.basic_consume(self.queue, self._arrive), CONSUME_SECONDS)
        self._consumer_tag = consuming.consumer_tag

    async def stop(self) -> None:
        """Ask for no more deliveries; what waits is left to the broker, which gives it to others."""
        if self._channel is not None and self._consumer_tag is not None and self._session.alive:
            await isolate(self._channel.basic_cancel(self._consumer_tag), SETTLE_SECONDS)
        self._waiting.clear()
        self._metrics.waiting.of(self.queue).set(0)

    def take(self, most: int) -> list[Delivery]:
        """Take what waits: see `choose`."""
        taken = choose(self._waiting, most)
        tags = {delivery.tag for delivery in taken}
        self._waiting = deque(delivery for delivery in self._waiting if delivery.tag not in tags)
        self._metrics.waiting.of(self.queue).set(len(self._waiting))
        return taken

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Settle as done, with one frame as far as nothing unsettled lies in between."""
        await self._ack({delivery.tag for delivery in deliveries})

    async def _ack(self, chosen: set[int]) -> None:
        tags = self._unsettled & chosen
        covered = 0
        for tag in sorted(self._unsettled):
            if tag not in tags:
                break
            covered = tag
        self._unsettled -= tags
        frames = [(covered, True)] if covered else []
        frames += [(tag, False) for tag in sorted(tags) if tag > covered]
        await self._settle(frames, requeue=False, outcome="acked", count=len(tags))

    async def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """Give back to the broker, which delivers again, up to the queue's delivery limit."""
        tags = sorted(self._unsettled.intersection(delivery.tag for delivery in deliveries))
        self._unsettled.difference_update(tags)
        await self._settle([(tag, False) for tag in tags], requeue=True, outcome="requeued", count=len(tags))

    async def _settle(
        self, frames: Sequence[tuple[int, bool]], *, requeue: bool, outcome: str, count: int
    ) -> None:
        """Write the frames; on a session that is over, nothing: the broker delivers those again by itself."""
        channel = self._channel
        if channel is None:
            return
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                for tag, multiple in frames:
                    if not self._session.alive or channel.is_closed:
                        log.info("settling_skipped", queue=self.queue, count=count)
                        return
                    if requeue:
                        await channel.basic_reject(tag, requeue=True, wait=False)
                    else:
                        await channel.basic_ack(tag, multiple=multiple, wait=False)
        except FAULTS as error:
            log.warning("settling_failed", queue=self.queue, count=count, type=type(error).__name__)
            self._session.end()
            return
        self._metrics.deliveries.of(self.queue, outcome).inc(count)

    async def _arrive(self, message: aiormq.abc.DeliveredMessage) -> None:
        tag = message.delivery_tag
        if tag is None:
            return
        self._unsettled.add(tag)
        headers = message.header.properties.headers or {}
        decoded = decode(message.body)
        if isinstance(decoded, Unreadable):
            log.error("message_unreadable", queue=self.queue, reason=decoded.reason)
            self._metrics.deliveries.of(self.queue, "unreadable").inc()
            await self._ack({tag})
            return
        returns, header = headers.get("x-delivery-count", 0), headers.get(HEADER)
        self._waiting.append(
            Delivery(
                decoded,
                self.queue,
                tag,
                returns if isinstance(returns, int) else 0,
                header if isinstance(header, str) else None,
            )
        )
        self._metrics.waiting.of(self.queue).set(len(self._waiting))
        self._on_arrival()
