"""An HTTP server inside the service's own loop, stopped by the service's own event."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from math import ceil
from typing import Any, Final

import uvicorn

from vestibule.process.protocol import Bounds, GuardedConfig, Refusal, in_plain_text
from vestibule.settings.values import Listen
from vestibule.telemetry.logging import logger

BACKLOG: Final = 1024
DEFAULT_BOUNDS: Final = Bounds()
KEEP_ALIVE_SECONDS: Final = 65  # longer than the 60 s of common load balancers, which then close first

log = logger(__name__)


class ServerFailedError(Exception):
    """The application refused to start, or its server ended by itself."""

    code = "server_failed"


async def serve(
    app: Any,  # an ASGI application: starlette's, ours and uvicorn's notations of its type differ
    listen: Listen,
    stopping: asyncio.Event,
    *,
    drain_seconds: float,
    on_bound: Callable[[Listen], None] | None = None,
    refusal: Refusal = in_plain_text,
    bounds: Bounds = DEFAULT_BOUNDS,
) -> None:
    """Serve until `stopping`; then accept nothing more, finish what is in hand within the drain, and return.

    `on_bound` is told the address that port 0 became; `refusal` says what is refused before the application
    is asked. Raises OSError when the address cannot be had.
    """
    with contextlib.closing(bind(listen)) as bound:
        host, port = bound.getsockname()[:2]
        if on_bound is not None:
            on_bound(Listen(host, port))
        log.info("listening", host=host, port=port)
        server = _Server(_configuration(app, drain_seconds, bounds, refusal))
        serving = asyncio.create_task(_serve(server, bound), name="server")
        stopped = asyncio.create_task(stopping.wait(), name="stopping")
        try:
            await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            await serving
        finally:
            stopped.cancel()
            serving.cancel()
    if not stopping.is_set():
        raise ServerFailedError("the server ended by itself")


def bind(listen: Listen) -> socket.socket:
    """Take the address before anything else starts."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    # asyncio sends small pieces at once only on sockets that say they are TCP: others wait 40 ms for an ACK
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((listen.host, listen.port))
        bound.listen(BACKLOG)  # who comes while the application starts waits
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound


def _configuration(app: Any, drain_seconds: float, bounds: Bounds, refusal: Refusal) -> uvicorn.Config:
    return GuardedConfig(
        app,
        bounds,
        refusal,
        loop="none",  # the loop runs already
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=ceil(drain_seconds),
    )


async def _serve(server: uvicorn.Server, bound: socket.socket) -> None:
    try:
        await server.serve(sockets=[bound])
    except SystemExit:
        raise ServerFailedError("the application did not start") from None


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the process."""
        yield
