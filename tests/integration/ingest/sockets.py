"""Raw connections to a service: for requests that no HTTP client would send."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

WAIT_SECONDS = 20.0
PATIENCE_SECONDS = 0.5


class Socket:
    """A raw connection to the service."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> tuple[int, bytes, bytes]:
        """Status, head and body of an answer."""
        async with asyncio.timeout(WAIT_SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            [length] = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
            return int(head.split()[1]), head, await self.reader.readexactly(int(length.partition(b":")[2]))

    async def everything(self, seconds: float) -> bytes:
        """All that comes until the service hangs up, which it is told that we would do."""
        came = b""
        async with asyncio.timeout(seconds):
            try:
                try:
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        came = await self.reader.read(1)
                except TimeoutError:
                    pass
                self.writer.write_eof()
                while piece := await self.reader.read(65_536):
                    came += piece
            except ConnectionError:
                pass
        return came


Dial: TypeAlias = Callable[[bytes], Awaitable[Socket]]


@asynccontextmanager
async def dialling(base: str) -> AsyncIterator[Dial]:
    """Opens raw connections to the host of a base URL and writes something into them."""
    host, _, port = base.partition("//")[2].partition("/")[0].partition(":")
    opened: list[Socket] = []

    async def make(first: bytes) -> Socket:
        made = Socket(*await asyncio.open_connection(host, int(port)))
        opened.append(made)
        made.writer.write(first)
        return made

    yield make
    for one in opened:
        one.writer.close()
