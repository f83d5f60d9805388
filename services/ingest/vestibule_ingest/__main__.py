"""Entry: `python -m vestibule_ingest`."""

import asyncio
import gc
import sys
from functools import partial
from typing import Final

from vestibule.database.pool import open_pool
from vestibule.probes import serve_probes
from vestibule.process.running import run
from vestibule.process.serving import serve
from vestibule.settings.loading import load_or_exit
from vestibule.settings.services import IngestSettings
from vestibule.telemetry.logging import configure_logging, logger
from vestibule.telemetry.metrics import open_registry
from vestibule.telemetry.tracing import open_tracing
from vestibule_ingest.app import Parts, build_service
from vestibule_ingest.rendering import refusal

SERVICE = "ingest"
# At Python's own 700 every other request would be searched for cycles, of which it makes hardly any.
OBJECTS_PER_COLLECTION: Final = 10_000
# So long a thread that works beside the event loop may keep the loop waiting, where Python itself has 5 ms.
SLICE_SECONDS: Final = 0.001


async def serve_ingest(settings: IngestSettings, stopping: asyncio.Event) -> None:
    """Serve SCIM and the probes until `stopping`, then drain."""
    tracing = open_tracing(SERVICE, settings.instance, endpoint=settings.otlp_endpoint)
    url = settings.database_url.reveal()
    registry = open_registry()
    service = build_service(
        Parts(
            connect=partial(open_pool, url, settings.pool_size, settings.instance, attempts=1),
            pool_size=settings.pool_size,
            public_url=settings.public_url,
            request_rate=settings.request_rate,
            burst_seconds=settings.burst_seconds,
            requests_at_once=settings.requests_at_once,
            body_memory=settings.body_memory,
            limits=settings.limits,
            fingerprint_seconds=settings.fingerprint_seconds,
            tracer=tracing.tracer,
            registry=registry,
            public_probes=settings.probes_listen is None,
            requests_log=logger("vestibule_ingest.exchange").bind(),
        )
    )
    sys.setswitchinterval(SLICE_SECONDS)
    gc.collect()
    gc.freeze()  # modules and tables live as long as the process: no collection needs to look at them
    gc.set_threshold(OBJECTS_PER_COLLECTION, 20, 20)
    try:
        async with asyncio.TaskGroup() as group:
            if settings.probes_listen is not None:
                probes = serve_probes(
                    settings.probes_listen, stopping, checks=service.checks, registry=registry
                )
                group.create_task(probes, name="probes")
            await serve(
                service.application,
                settings.listen,
                stopping,
                drain_seconds=settings.drain_seconds,
                refusal=refusal,
            )
    finally:
        tracing.close()


def main() -> None:
    """Run the service; exit 2 with every problem listed where its settings are wrong."""
    settings = load_or_exit(IngestSettings)
    configure_logging(SERVICE, settings.instance, settings.log_level)
    run(partial(serve_ingest, settings), drain_seconds=settings.drain_seconds)


if __name__ == "__main__":
    main()
