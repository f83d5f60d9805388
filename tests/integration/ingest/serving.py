"""The ingest service as its process composes it, on a loopback port of its own."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from vestibule.database.pool import open_pool
from vestibule.process.serving import serve
from vestibule.scim.limits import DEFAULTS, Limits
from vestibule.settings.values import Listen
from vestibule.telemetry.metrics import open_registry
from vestibule.telemetry.tracing import open_tracing
from vestibule_ingest.app import Parts, build_service
from vestibule_ingest.rendering import refusal

START_SECONDS = 20.0
PUBLIC_URL = "https://scim.provider.example"
NO_THROTTLE = 1_000_000.0
BURST_SECONDS = 2.0
AT_ONCE = 64
BODY_MEMORY = 48 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ingest:
    """A running service: where it listens, its spans and its numbers."""

    url: str
    spans: InMemorySpanExporter
    registry: CollectorRegistry

    def base(self, path: str) -> str:
        """The base URL of one connection."""
        return f"{self.url}/scim/v2/{path}"


@asynccontextmanager
async def serving(
    database_url: str,
    *,
    pool_size: int = 8,
    request_rate: float = NO_THROTTLE,
    requests_at_once: int = AT_ONCE,
    limits: Limits = DEFAULTS,
    fingerprint_seconds: float = 10.0,
    name: str = "ingest-test",
    wall_clock: Callable[[], float] = time.time,
) -> AsyncIterator[Ingest]:
    """Serve in this event loop until the block ends."""
    spans = InMemorySpanExporter()
    tracing = open_tracing("ingest", "test", exporter=spans)
    registry = open_registry()
    service = build_service(
        Parts(
            connect=partial(open_pool, database_url, pool_size, name, attempts=1),
            pool_size=pool_size,
            public_url=PUBLIC_URL,
            request_rate=request_rate,
            burst_seconds=BURST_SECONDS,
            requests_at_once=requests_at_once,
            body_memory=BODY_MEMORY,
            limits=limits,
            fingerprint_seconds=fingerprint_seconds,
            tracer=tracing.tracer,
            registry=registry,
            wall_clock=wall_clock,
        )
    )
    stopping = asyncio.Event()
    bound: asyncio.Future[Listen] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(
        serve(
            service.application,
            Listen("127.0.0.1", 0),
            stopping,
            drain_seconds=5,
            on_bound=bound.set_result,
            refusal=refusal,
        )
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            listening = await bound
        yield Ingest(f"http://127.0.0.1:{listening.port}", spans, registry)
    finally:
        stopping.set()
        await server
        tracing.close()
