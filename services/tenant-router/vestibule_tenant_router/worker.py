"""The composition root: pool, broker, consumer, probes; start reading here."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from opentelemetry.sdk.trace.export import SpanExporter

from vestibule.broker.connection import Broker
from vestibule.broker.consumer import Consumer, Pace
from vestibule.database import decisions
from vestibule.database.pool import Pool, open_pool
from vestibule.domain.identifiers import ConnectionId, TenantId
from vestibule.messages.envelope import Key
from vestibule.messages.topology import Stage, queues_of
from vestibule.probes import Check, serve_probes
from vestibule.process.loops import Supervisor
from vestibule.settings.services import RouterSettings
from vestibule.settings.values import Listen
from vestibule.telemetry.metrics import ConsumerMetrics, LoopMetrics, WorkMetrics, open_registry
from vestibule.telemetry.tracing import open_tracing
from vestibule_tenant_router.deciding import Deciding
from vestibule_tenant_router.mappings import Mappings

SERVICE: Final = "tenant-router"
# One batch at a time, besides the leavers' own: two would wait for each other's organizations, and take the
# cores that ingest answers with.
PACE: Final = Pace(prefetch=200, batch=200, batches=1)


@dataclass(frozen=True, slots=True)
class Database:
    """What deciding asks of the database, over a pool."""

    pool: Pool

    async def read_work(self, keys: Sequence[Key]) -> list[decisions.Work]:
        return await decisions.read_work(self.pool, keys)

    async def decide(self, judgements: Sequence[decisions.Judgement]) -> list[decisions.Decided]:
        return await decisions.decide(self.pool, judgements)

    async def postpone(self, late: Sequence[decisions.Postponed]) -> None:
        await decisions.postpone(self.pool, late)

    async def read_mapping(self, tenant: TenantId, connection: ConnectionId, version: int) -> object | None:
        return await decisions.read_mapping(self.pool, tenant, connection, version)

    async def answers(self) -> bool:
        return await self.pool.fetchval("select true") is True


async def route(
    settings: RouterSettings,
    stopping: asyncio.Event,
    *,
    exporter: SpanExporter | None = None,
    on_bound: Callable[[Listen], None] | None = None,
) -> None:
    """Run the router until `stopping`; then finish the batches in hand, ack them and close."""
    registry = open_registry()
    tracing = open_tracing(SERVICE, settings.instance, endpoint=settings.otlp_endpoint, exporter=exporter)
    pool = await open_pool(settings.database_url.reveal(), settings.pool_size, f"vestibule-{SERVICE}")
    database = Database(pool)
    deciding = Deciding(
        database, Mappings(database.read_mapping), settings.email_key.reveal(), WorkMetrics(registry)
    )
    consumer = Consumer(
        Broker(settings.amqp_url, f"{SERVICE} {settings.instance}"),
        queues_of(Stage.ROUTER),
        deciding.handle,
        tracer=tracing.tracer,
        metrics=ConsumerMetrics(registry),
        pace=PACE,
    )
    supervisor = Supervisor(LoopMetrics(registry))
    supervisor.add_task("consumer", consumer.run)
    checks: dict[str, Check] = {
        **supervisor.checks(),
        "broker": lambda: consumer.ready,
        "database": database.answers,
    }
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                serve_probes(settings.listen, stopping, checks=checks, registry=registry, on_bound=on_bound)
            )
            await supervisor.run(stopping)
    finally:
        await pool.close()
        await asyncio.to_thread(tracing.close)
