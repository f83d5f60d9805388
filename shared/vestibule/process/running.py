"""One process: uvloop, signals, a bounded drain, an exit code."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, NoReturn, TypeAlias

import uvloop

from vestibule.telemetry.logging import logger

Main: TypeAlias = Callable[[asyncio.Event], Coroutine[Any, Any, None]]

EXIT_DRAINED: Final = 0
EXIT_CRASHED: Final = 1
CANCEL_SECONDS: Final = 2.0  # between the end of the drain and the end of the process

log = logger(__name__)


def run(main: Main, *, drain_seconds: float) -> NoReturn:
    """Run a service until it ends, or a signal sets `stopping`; then it has `drain_seconds` to return.

    SIGTERM and SIGINT stop it. Exit 0 after a stop, also one that had to be cut short (nothing is lost: the
    leases repeat it); 1 after a crash.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(run_until_signalled(main, drain_seconds=drain_seconds))
    sys.exit(code)


async def run_until_signalled(main: Main, *, drain_seconds: float) -> int:
    """Run a service in this loop and return its exit code."""
    stopping = asyncio.Event()
    working = asyncio.create_task(main(stopping), name="main")
    _watch_signals(stopping, working)
    stopped = asyncio.create_task(stopping.wait(), name="stopping")
    await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not working.done():
        log.info("drain_started", seconds=drain_seconds)
        await asyncio.wait({working}, timeout=drain_seconds)
    if not working.done():
        log.warning("drain_cut_short", seconds=drain_seconds)
        working.cancel()
        await asyncio.wait({working}, timeout=CANCEL_SECONDS)
    return _exit_code(working)


def _watch_signals(stopping: asyncio.Event, working: asyncio.Task[None]) -> None:
    def stop(number: signal.Signals) -> None:
        log.info("signal_received", signal=number.name)
        if stopping.is_set():
            working.cancel()  # asked twice: at once
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)


def _exit_code(working: asyncio.Task[None]) -> int:
    if not working.done():
        log.error("process_would_not_end", seconds=CANCEL_SECONDS)
        sys.stdout.flush()
        os._exit(EXIT_CRASHED)
    if working.cancelled():
        return EXIT_DRAINED
    error = working.exception()
    if error is not None:
        log.error("process_crashed", exc_info=error)
        return EXIT_CRASHED
    log.info("process_ended")
    return EXIT_DRAINED
