"""`/healthz`, `/readyz` and `/metrics`, for every service."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import isawaitable
from typing import Final, TypeAlias

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vestibule.process.serving import serve
from vestibule.settings.values import Listen
from vestibule.telemetry.logging import logger

Check: TypeAlias = Callable[[], bool | Awaitable[bool]]
Refresh: TypeAlias = Callable[[], Awaitable[None]]

CHECK_SECONDS: Final = 2.0
FRESH_SECONDS: Final = 1.0

log = logger(__name__)


def probe_routes(
    checks: Mapping[str, Check], registry: CollectorRegistry, refresh: Refresh | None = None
) -> list[Route]:
    """Return the three routes; `refresh` renews numbers that come from a query, before they are shown."""
    readiness = Readiness(checks, time.monotonic)

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_request: Request) -> Response:
        failing = await readiness.failing()
        return JSONResponse({"ready": not failing, "failing": failing}, 503 if failing else 200)

    async def metrics(_request: Request) -> Response:
        if refresh is not None:
            await _within_bound("metrics", refresh)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]


class Readiness:
    """What fails now, asked at most once a second however many ask: a probe may be open to everybody."""

    def __init__(self, checks: Mapping[str, Check], clock: Callable[[], float]) -> None:
        """Take the checks and a monotonic clock."""
        self._checks = checks
        self._clock = clock
        self._asking = asyncio.Lock()
        self._asked_at: float | None = None
        self._failing: Sequence[str] = ()

    async def failing(self) -> Sequence[str]:
        """Name the checks that failed within the last second."""
        async with self._asking:
            if self._asked_at is None or self._clock() - self._asked_at >= FRESH_SECONDS:
                self._failing = await failing_checks(self._checks)
                self._asked_at = self._clock()
            return self._failing


async def serve_probes(
    listen: Listen,
    stopping: asyncio.Event,
    *,
    checks: Mapping[str, Check],
    registry: CollectorRegistry,
    refresh: Refresh | None = None,
    on_bound: Callable[[Listen], None] | None = None,
) -> None:
    """Serve the probes of a service that is no HTTP server itself."""
    app = Starlette(routes=probe_routes(checks, registry, refresh))
    await serve(app, listen, stopping, drain_seconds=CHECK_SECONDS, on_bound=on_bound)


async def failing_checks(checks: Mapping[str, Check]) -> list[str]:
    """Run all checks at once, each within a bound; one that raises or takes too long fails."""
    passed = await asyncio.gather(*(_passes(name, check) for name, check in checks.items()))
    return [name for name, well in zip(checks, passed, strict=True) if not well]


async def _passes(name: str, check: Check) -> bool:
    async def run() -> bool:
        result = check()
        return await result if isawaitable(result) else result

    return await _within_bound(name, run) is True


async def _within_bound(name: str, work: Callable[[], Awaitable[bool | None]]) -> bool | None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await work()
    except Exception:
        log.warning("probe_failed", name=name, exc_info=True)
        return None
