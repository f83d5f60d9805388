"""The composition root: pool, desks, broker, consumer, probes; start reading here."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.trace import SpanKind, Tracer

from vestibule.broker.connection import Broker
from vestibule.broker.consumer import Consumer, Handle, Pace
from vestibule.broker.lanes import Delivery
from vestibule.database.pool import Pool, open_pool
from vestibule.messages.topology import Stage, queues_of
from vestibule.probes import Check, serve_probes
from vestibule.process.loops import Supervisor
from vestibule.settings.services import WriterSettings
from vestibule.settings.values import Listen
from vestibule.telemetry.metrics import ConsumerMetrics, DeskMetrics, LoopMetrics, WorkMetrics, open_registry
from vestibule.telemetry.tracing import HEADER, fail, open_tracing, traceparent
from vestibule_directory_writer.connectors.kinds import Surroundings, build
from vestibule_directory_writer.connectors.pacing import Unpaced
from vestibule_directory_writer.connectors.service_desk import ServiceDesk
from vestibule_directory_writer.desks import Build, Desks
from vestibule_directory_writer.reconciling import Reconciler
from vestibule_directory_writer.timing import Timing
from vestibule_directory_writer.work import Means, Work

SERVICE: Final = "directory-writer"
NO_ANSWER: Final = "none"
# A batch is as long under way as its slowest call, so several at once; under load they wait to be filled: one
# transaction for many accounts of few tenants is a third of the work. A desk that hangs has its batches
# besides, and `prefetch` is twice what a desk is admitted: a lease later as much again comes.
PACE: Final = Pace(
    prefetch=300, batch=96, linger=0.005, patience=0.1, batches=2, slow_seconds=1.0, slow_batches=8
)


async def write(
    settings: WriterSettings,
    stopping: asyncio.Event,
    *,
    exporter: SpanExporter | None = None,
    on_bound: Callable[[Listen], None] | None = None,
) -> None:
    """Run the writer until `stopping`; then finish the calls in hand, release the rest, ack and close."""
    registry = open_registry()
    tracing = open_tracing(SERVICE, settings.instance, endpoint=settings.otlp_endpoint, exporter=exporter)
    pool = await open_pool(settings.database_url.reveal(), settings.pool_size, f"vestibule-{SERVICE}")
    timing = timing_of(settings)
    desk_metrics = DeskMetrics(registry)
    building = connectors(tracing.tracer, desk_metrics, timing)
    desks = Desks(pool, settings.unsealing_keys, building, desk_metrics, timing)
    reconciler = Reconciler(Means(pool, WorkMetrics(registry), timing, stopping), desks)
    consumer = Consumer(
        Broker(settings.amqp_url, f"{SERVICE} {settings.instance}"),
        queues_of(Stage.WRITER),
        handling(reconciler),
        tracer=tracing.tracer,
        metrics=ConsumerMetrics(registry),
        pace=PACE,
    )
    supervisor = Supervisor(LoopMetrics(registry))
    supervisor.add_task("consumer", consumer.run)
    checks: dict[str, Check] = {
        **supervisor.checks(),
        "broker": lambda: consumer.ready,
        "database": lambda: _answers(pool),
    }
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                serve_probes(settings.listen, stopping, checks=checks, registry=registry, on_bound=on_bound)
            )
            await supervisor.run(stopping)
    finally:
        await desks.close()
        await pool.close()
        await asyncio.to_thread(tracing.close)


def timing_of(settings: WriterSettings) -> Timing:
    """The two clocks of a writer; whether they fit is `Timing.problem`."""
    return Timing(settings.call_seconds, settings.claim_seconds)


def handling(reconciler: Reconciler) -> Handle:
    """What the consumer calls: a batch is acked once everything in it was recorded, released or postponed."""

    async def handle(deliveries: list[Delivery]) -> None:
        await reconciler.reconcile([Work(delivery.key, delivery.traceparent) for delivery in deliveries])

    return handle


def connectors(tracer: Tracer, metrics: DeskMetrics, timing: Timing) -> Build:
    """How desks are opened: each call is counted, and a span in the trace of the work that it is made for."""

    def observed(endpoint: str, method: str, status: int, seconds: float) -> None:
        metrics.called(endpoint, method, str(status) if status else NO_ANSWER, seconds)
        ended = time.time_ns()
        attributes = {"http.request.method": method, "url.template": endpoint}
        span = tracer.start_span(
            f"{method} {endpoint}",
            kind=SpanKind.CLIENT,
            attributes=attributes,
            start_time=ended - int(seconds * 1e9),
        )
        if status:
            span.set_attribute("http.response.status_code", status)
        if not 0 < status < 400:
            fail(span, str(status) if status else NO_ANSWER)
        span.end(ended)

    def connect(kind: str, settings: Mapping[str, object], credentials: Mapping[str, object]) -> ServiceDesk:
        around = Surroundings(Unpaced(), trace_header, observed, timing.call_seconds)
        return build(kind, settings, credentials, around)

    return connect


def trace_header() -> Mapping[str, str]:
    """What a call to a desk carries on: the trace of the work that it is made for."""
    header = traceparent()
    return {} if header is None else {HEADER: header}


async def _answers(pool: Pool) -> bool:
    return await pool.fetchval("select true") is True
