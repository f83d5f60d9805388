"""A TCP proxy between two parts of the gateway, with the faults of a network: silence, cuts, refusals."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto

LOOPBACK = "127.0.0.1"
CHUNK = 65_536
CONNECT_SECONDS = 5.0


class Direction(Enum):
    """Seen from the client that connects to the proxy."""

    TO_SERVER = auto()
    TO_CLIENT = auto()


@dataclass
class TcpProxy:
    """Forwards bytes to one server; what is held is delivered when it is let go, what is cut is gone."""

    port: int  # of the server, on loopback
    listening: int = 0
    _server: asyncio.Server | None = None
    _open: dict[Direction, asyncio.Event] = field(default_factory=dict)
    _held: dict[Direction, asyncio.Event] = field(default_factory=dict)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        for direction in Direction:
            self._open[direction] = asyncio.Event()
            self._open[direction].set()
            self._held[direction] = asyncio.Event()

    async def listen(self) -> None:
        """Take connections, always on the same port."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, LOOPBACK, self.listening)
            self.listening = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Break every connection and take no new one, as a server that is down."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    def hold(self, direction: Direction) -> None:
        """From now on bytes of this direction wait."""
        self._held[direction].clear()
        self._open[direction].clear()

    def let_go(self, direction: Direction) -> None:
        """Deliver what waits, and everything after it."""
        self._open[direction].set()

    async def held_something(self, direction: Direction, seconds: float) -> None:
        """Return when bytes of a held direction are waiting; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            await self._held[direction].wait()

    def cut(self) -> None:
        """Break every connection; what was on its way is lost, and nothing is held any more."""
        for writer in list(self._writers):
            writer.transport.abort()
        for direction in Direction:
            self.let_go(direction)

    async def close(self) -> None:
        """End everything."""
        self.refuse()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    there, back = await asyncio.open_connection(LOOPBACK, self.port)
                self._writers |= {writer, back}
                try:
                    await asyncio.gather(
                        self._forward(reader, back, Direction.TO_SERVER),
                        self._forward(there, writer, Direction.TO_CLIENT),
                    )
                finally:
                    self._writers -= {writer, back}
                    back.close()
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if not self._open[direction].is_set():
                    self._held[direction].set()
                    await self._open[direction].wait()
                if writer.is_closing():
                    return
                writer.write(data)
                await writer.drain()
        with suppress(OSError):
            writer.write_eof()
