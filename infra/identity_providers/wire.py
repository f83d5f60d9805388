"""A keep-alive HTTP/1.1 client that costs little: the load must not take the cores from what is measured."""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Final, Self, cast
from urllib.parse import urlsplit

import orjson

SECONDS: Final = 30.0
SCIM_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {"Accept": "application/scim+json", "Content-Type": "application/scim+json"}
)
_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)", re.IGNORECASE)
_RETRY_AFTER: Final = re.compile(rb"\r\nretry-after:[ \t]*([^\r\n]*?)[ \t]*(?=\r\n|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A connection of the gateway: its base URL and token."""

    base_url: str
    token: str


@dataclass(slots=True)  # not frozen: made for each request, at a third of the price
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
        self._replies: _Replies | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(SECONDS):
            _, self._replies = await loop.create_connection(
                lambda: _Replies(loop), self._host, self._port, ssl=True if self._secure else None
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._replies is not None:
            self._replies.close()

    async def call(self, method: str, path: str, body: bytes = b"") -> Answer:
        """Send one request and read its answer. Raises OSError, TimeoutError, EOFError."""
        assert self._replies is not None, "open the wire with `async with`"
        began = time.perf_counter()
        head = f"{method} {self._prefix}{path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
        status, content, retry_after = await self._replies.ask(head.encode() + body)
        return Answer(status, content, time.perf_counter() - began, retry_after)


class _Replies(asyncio.Protocol):
    """What comes back, put together: a protocol of its own costs a third of a stream."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._head: tuple[int, int, str] | None = None
        self._body_at = 0
        self._answer: asyncio.Future[tuple[int, bytes, str]] | None = None
        self._lost: Exception | None = None

    async def ask(self, request: bytes) -> tuple[int, bytes, str]:
        """Send a request; the status, body and Retry-After of its answer."""
        if self._lost is not None:
            raise self._lost
        assert self._transport is not None
        answer: asyncio.Future[tuple[int, bytes, str]] = self._loop.create_future()
        self._answer = answer
        watch = self._loop.call_later(SECONDS, self._give_up, answer)
        try:
            self._transport.write(request)
            return await answer
        finally:
            watch.cancel()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods only

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = exc or EOFError("the connection was closed")
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._lost)

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        if self._head is None:
            end = received.find(_END)
            if end < 0:
                return
            self._head, self._body_at = _read_head(bytes(received[:end])), end + len(_END)
        status, length, retry_after = self._head
        ends = self._body_at + length
        if len(received) < ends:
            return
        body = bytes(received[self._body_at : ends])
        del received[:ends]
        self._head = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((status, body, retry_after))

    def _give_up(self, answer: "asyncio.Future[tuple[int, bytes, str]]") -> None:
        if not answer.done():
            answer.set_exception(TimeoutError(f"no answer within {SECONDS:.0f} s"))


def _read_head(head: bytes) -> tuple[int, int, str]:
    length, again = _LENGTH.search(head), _RETRY_AFTER.search(head)
    return (
        int(head.split(b" ", 2)[1]),
        int(length[1]) if length else 0,
        again[1].decode("ascii", "replace") if again else "",
    )
