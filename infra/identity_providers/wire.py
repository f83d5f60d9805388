"""A keep-alive HTTP/1.1 client that costs little: the load must not take the cores from what is measured."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import orjson

SECONDS: Final = 30.0
SCIM_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {"Accept": "application/scim+json", "Content-Type": "application/scim+json"}
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A connection of the gateway: its base URL and token."""

    base_url: str
    token: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its status, body, how many seconds it took, and when it says to come again."""

    status: int
    body: bytes
    seconds: float
    retry_after: str = ""

    def json(self) -> dict[str, object]:
        """The body as an object."""
        value: dict[str, object] = orjson.loads(self.body)
        return value


class Wire:
    """One connection to one base URL with one token; requests go one after the other.

    The base URL may end with a query, as Entra's with a flag does: paths are put behind it all the same.
    """

    def __init__(self, base_url: str, token: str, headers: Mapping[str, str] = SCIM_HEADERS) -> None:
        parts = urlsplit(base_url)
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port or (443 if self._secure else 80)
        self._prefix = parts.path + (f"?{parts.query}" if parts.query else "")
        lines = {"Host": f"{self._host}:{self._port}", "Authorization": f"Bearer {token}", **headers}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        async with asyncio.timeout(SECONDS):
            self._streams = await asyncio.open_connection(
                self._host, self._port, ssl=True if self._secure else None
            )
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
            status, length, retry_after = _read_head(await reader.readuntil(b"\r\n\r\n"))
            content = await reader.readexactly(length) if length else b""
        return Answer(status, content, time.perf_counter() - began, retry_after)


def _read_head(head: bytes) -> tuple[int, int, str]:
    lines = head.split(b"\r\n")
    status, length, retry_after = int(lines[0].split(b" ", 2)[1]), 0, ""
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        match name.lower():
            case b"content-length":
                length = int(value)
            case b"retry-after":
                retry_after = value.strip().decode("ascii", "replace")
    return status, length, retry_after
