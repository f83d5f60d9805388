"""Waiting until services answer `/readyz`, with a bound, and with the guilty one's last words."""

import http.client
import time
from collections.abc import Callable, Mapping

from infra.local.ports import LOOPBACK
from infra.local.problems import LocalStackError
from infra.local.processes import BackgroundProcess

POLL_SECONDS = 0.05
LINES_SHOWN = 20


def is_ready(port: int) -> bool:
    """Whether the service on this loopback port answers /readyz with 200."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def await_ready(
    waiting: Mapping[str, tuple[BackgroundProcess, int]], seconds: float, say: Callable[[str], None]
) -> None:
    """Return when all are ready; raises LocalStackError as soon as one has ended or the time is over."""
    began = time.monotonic()
    left = dict(waiting)
    while left:
        for name, (process, port) in list(left.items()):
            if is_ready(port):
                say(f"{name}: ready after {time.monotonic() - began:.1f} s")
                del left[name]
            elif process.identity() is None:
                raise LocalStackError(f"{name} ended while starting; its last lines:\n{last_words(process)}")
        if left and time.monotonic() - began > seconds:
            told = "\n".join(f"{name}:\n{last_words(process)}" for name, (process, _) in left.items())
            raise LocalStackError(f"not ready after {seconds:.0f} s: {', '.join(left)}; last lines\n{told}")
        if left:
            time.sleep(POLL_SECONDS)


def last_words(process: BackgroundProcess) -> str:
    """The end of the service's log, indented."""
    lines = process.last_lines(LINES_SHOWN) or ["(it printed nothing)"]
    return "\n".join(f"    {line}" for line in lines)
