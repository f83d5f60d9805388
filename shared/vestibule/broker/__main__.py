"""The relay's process: `python -m vestibule.broker`. Start reading here: this is its composition root."""

import asyncio
from datetime import timedelta

from vestibule.broker.connection import Broker
from vestibule.broker.counting import Counting
from vestibule.broker.publisher import Publisher
from vestibule.broker.relay import Expanding, Picking, Sweeping, show_backlog
from vestibule.database.pool import open_pool
from vestibule.database.sync import Windows
from vestibule.messages.topology import Stage
from vestibule.probes import serve_probes
from vestibule.process.loops import Supervisor
from vestibule.process.running import run
from vestibule.settings.loading import load_or_exit
from vestibule.settings.services import RelaySettings
from vestibule.telemetry.logging import configure_logging
from vestibule.telemetry.metrics import BacklogMetrics, LoopMetrics, RelayMetrics, open_registry
from vestibule.telemetry.tracing import open_tracing

SERVICE = "relay"
TENANT_SHARE = 2 / 3  # of a window: a lone tenant fills most of it, and never all
URGENT_SHARE = 1 / 4  # on top of a window, for leavers


def windows_of(total: int) -> Windows:
    """The window of a stage with its tenant's and its leavers' shares."""
    return Windows(total, max(1, round(total * TENANT_SHARE)), max(1, round(total * URGENT_SHARE)))


async def relay(settings: RelaySettings, stopping: asyncio.Event) -> None:
    """Run the relay until `stopping`."""
    registry = open_registry()
    metrics, backlog = RelayMetrics(registry), BacklogMetrics(registry)
    tracing = open_tracing(SERVICE, settings.instance, endpoint=settings.otlp_endpoint)
    windows = {
        Stage.ROUTER: windows_of(settings.router_window),
        Stage.WRITER: windows_of(settings.writer_window),
    }
    pool = await open_pool(settings.database_url.reveal(), settings.pool_size, f"vestibule-{SERVICE}")
    publisher = Publisher(
        Broker(settings.amqp_url, f"{SERVICE} {settings.instance}"), tracer=tracing.tracer, metrics=metrics
    )
    supervisor = Supervisor(LoopMetrics(registry))
    for stage, sizes in windows.items():
        supervisor.add_loop(Picking(stage, pool, publisher, sizes, metrics))
    supervisor.add_loop(
        Sweeping(
            pool,
            timedelta(seconds=settings.lease_seconds),
            timedelta(seconds=settings.urgent_lease_seconds),
            metrics,
        )
    )
    supervisor.add_loop(Expanding(pool))
    supervisor.add_loop(Counting(pool, backlog))
    checks = {**supervisor.checks(), "broker": lambda: publisher.ready}
    try:
        async with asyncio.TaskGroup() as tasks:
            # The publisher outlives the loops: what a last round picked is still sent.
            loops_done = asyncio.Event()
            tasks.create_task(publisher.run(loops_done))
            tasks.create_task(
                serve_probes(
                    settings.listen,
                    stopping,
                    checks=checks,
                    registry=registry,
                    refresh=lambda: show_backlog(pool, backlog, windows),
                )
            )
            await supervisor.run(stopping)
            loops_done.set()
    finally:
        await pool.close()
        await asyncio.to_thread(tracing.close)


def main() -> None:
    """Exit codes: 0 stopped, 1 crashed, 2 wrong settings."""
    settings = load_or_exit(RelaySettings)
    configure_logging(SERVICE, settings.instance, settings.log_level)
    run(lambda stopping: relay(settings, stopping), drain_seconds=settings.drain_seconds)


if __name__ == "__main__":
    main()
