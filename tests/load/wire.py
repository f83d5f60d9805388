"""A keep-alive HTTP/1.1 client that costs little: the load must not take the cores from what is measured."""

import asyncio
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import orjson

SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its status, body, and how many seconds it took."""

    status: int
    body: bytes
    seconds: float

    def json(self) -> dict[str, object]:
        """The body as an object."""
        value: dict[str, object] = orjson.loads(self.body)
        return value


class Wire:
    """One connection to one base URL with one token; requests go one after the other."""

    def __init__(self, base_url: str, token: str) -> None:
        parts = urlsplit(base_url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._prefix = parts.path
        self._head = (
            f"Host: {self._host}:{self._port}\r\nAuthorization: Bearer {token}\r\n"
            "Accept: application/scim+json\r\nContent-Type: application/scim+json\r\n"
        )
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        self._streams = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._streams is not None:
            self._streams[1].close()

    async def call(self, method: str, path: str, body: bytes = b"") -> Answer:
        """Send one request and read its answer. Raises OSError, TimeoutError, EOFError."""
        assert self._streams is not None, "open the wire with `async with`"
        reader, writer = self._streams
        began = time.perf_counter()
        head = f"{method} {self._prefix}{path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
        async with asyncio.timeout(SECONDS):
            writer.write(head.encode() + body)
            status, length = _read_head(await reader.readuntil(b"\r\n\r\n"))
            content = await reader.readexactly(length) if length else b""
        return Answer(status, content, time.perf_counter() - began)


def _read_head(head: bytes) -> tuple[int, int]:
    lines = head.split(b"\r\n")
    status = int(lines[0].split(b" ", 2)[1])
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return status, int(value)
    return status, 0
