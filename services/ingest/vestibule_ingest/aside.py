"""Work of the processor that would hold everybody up: one piece at a time, beside the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from vestibule.scim.errors import Unavailable

# Below, a body is understood within some milliseconds, and a thread would cost more than it spares.
LARGE_BYTES: Final = 32 * 1024
ASIDE_SECONDS: Final = 10.0

T = TypeVar("T")


class Aside:
    """One thread: beside it the loop gets every second slice of the interpreter, however much waits here."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "aside")

    async def do(self, work: Callable[[], T]) -> T:
        """Do it behind what came before; Unavailable when that takes too long."""
        try:
            async with asyncio.timeout(ASIDE_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except TimeoutError:
            raise Unavailable("Large requests of others are under way: repeat this one.") from None

    def close(self) -> None:
        """Begin nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)
