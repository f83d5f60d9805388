"""One client's connection, bounded before anybody knows whose it is: its head, its time, its number."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

Refusal: TypeAlias = Callable[[int, str], tuple[str, bytes]]
"""Says a status and a sentence as a media type and a body."""

LINGER_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one client, and all of them together, may take before the application is asked."""

    head_bytes: int = 32 * 1024  # request line and headers; the parser itself would collect without end
    url_bytes: int = 24 * 1024  # of a head too long: so much of it in the URL is the URL's fault
    head_seconds: float = 10.0  # from the connection, or a later head's first byte, to the end of the head
    connections: int = 900  # below the usual limit of 1,024 open files
    linger_seconds: float = 2.0  # so long the rest of a refused upload is read, so that the answer is too
    stall_seconds: float = 120.0  # for a client that does not read its answer


def in_plain_text(_status: int, sentence: str) -> tuple[str, bytes]:
    """The refusal of a server that speaks nothing else."""
    return "text/plain; charset=utf-8", sentence.encode()


class GuardedConfig(uvicorn.Config):
    """The server's configuration, with what the protocol needs beside it."""

    def __init__(self, app: Any, bounds: Bounds, refusal: Refusal, **options: Any) -> None:
        super().__init__(app, http=GuardedProtocol, **options)
        self.bounds = bounds
        self.refusal = refusal


class _HeadTooLong(Exception):
    """Raised through the parser, which then stops."""


class GuardedProtocol(HttpToolsProtocol):
    """The server's own protocol with bounds around it."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        assert isinstance(config, GuardedConfig)
        self._bounds = config.bounds
        self._refusal = config.refusal
        self.url = b""
        self._idle_since = self.loop.time()
        self._awaiting = True  # no complete head since the last message
        self._begun = False  # the head's first byte is here
        self._heads = 0
        self._loose = 0  # bytes of earlier pieces that may belong to the head under way
        self._piece = 0
        self._too_long = False
        self._keeps_alive = False
        self._discarded: int | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is in hand."""
        return not self._heads or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self._bounds.head_seconds, self._give_up_head)
        if len(self.connections) > self._bounds.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._end_deadline()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        if self._discarded is not None:
            self._discarded += len(data)
            if self._discarded > LINGER_BYTES:
                self.transport.abort()
            return
        heads, self._piece = self._heads, len(data)
        same_head = self._awaiting
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._awaiting:
            self._watch_head(len(data) if same_head and heads == self._heads else 0)
            return
        self._end_deadline()

    def _watch_head(self, more: int) -> None:
        """Bound a head that has not come whole: by the bytes that are here and by the time of its first."""
        self._loose += more
        if self._loose > self._bounds.head_bytes:
            self._refuse(self._too_long_status())
        elif not (self._begun or self._loose):
            self._end_deadline()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self._bounds.head_seconds, self._give_up_head)

    def on_message_begin(self) -> None:
        self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._loose + self._piece > self._bounds.head_bytes:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self._bounds.head_bytes:
                self._too_long = True
                raise _HeadTooLong
        self._heads += 1
        self._loose = 0
        self._awaiting = self._begun = False
        super().on_headers_complete()
        # Until the body is here whole, an answer ends the connection: the rest would be read for nothing.
        self._keeps_alive = self.cycle.keep_alive
        self.cycle.keep_alive = False
        self.cycle.transport = _Answer(self, self.cycle)

    def on_message_complete(self) -> None:
        if not self.cycle.response_complete:
            self.cycle.keep_alive = self._keeps_alive
        self._awaiting = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def shutdown(self) -> None:
        self._keeps_alive = False
        super().shutdown()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stall is None:
            self._stall = self.loop.call_later(self._bounds.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words are no answer of ours
        """Answer what is no HTTP, or a head too long."""
        self._refuse(self._too_long_status() if self._too_long else 400)

    def _too_long_status(self) -> int:
        return 414 if len(self.url) > self._bounds.url_bytes else 431

    def linger(self) -> None:
        """End the connection of a refused upload: closed at once, its reset would overtake the answer."""
        self._discarded = 0
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self.loop.call_later(self._bounds.linger_seconds, self.transport.close)

    def _make_room(self) -> None:
        """Close the connection that has been idle longest; without one the newcomer comes again later."""
        others = [
            other
            for other in self.connections
            if other is not self and isinstance(other, GuardedProtocol) and other.is_idle
        ]
        if others:
            longest = min(others, key=lambda other: other._idle_since)
            self.connections.discard(longest)
            longest.transport.abort()
        else:
            self._refuse(503)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up_head(self) -> None:
        self._deadline = None
        if not self.is_idle:  # a pipelined head: its time begins with its turn
            self._deadline = self.loop.call_later(self._bounds.head_seconds, self._give_up_head)
        elif self._begun:
            self._refuse(408)
        else:
            self.transport.close()

    def _refuse(self, status: int) -> None:
        """Answer without the application and end the connection."""
        if self.is_idle or not self.cycle.response_started:
            kind, body = self._refusal(status, _SENTENCES[status])
            again = "retry-after: 1\r\n" if status == 503 else ""
            head = (
                f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {kind}\r\n{again}"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode("ascii") + body)
        self.transport.close()


class _Answer(asyncio.Transport):
    """The transport as one request sees it.

    The server writes an answer's head and body apart: two calls of the system, two pieces on the way, and a
    client that wakes up twice. Here the head waits for the first piece of the body.
    """

    __slots__ = ("_cycle", "_head", "_is_whole", "_protocol")

    def __init__(self, protocol: GuardedProtocol, cycle: RequestResponseCycle) -> None:
        self._protocol = protocol
        self._cycle = cycle
        self._head = b""
        self._is_whole = cycle.scope["method"] == "HEAD"  # or when the head is on its way: nothing waits

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._is_whole or not self._cycle.response_started:  # a piece further on, or 100 Continue
            self._protocol.transport.write(data)
        elif self._head:
            self._send_head(bytes(data))
        else:
            self._head = bytes(data)

    def is_closing(self) -> bool:
        return self._protocol.transport.is_closing()

    def close(self) -> None:
        if self._head and not self._is_whole:
            self._send_head(b"")
        if self._cycle.more_body:
            self._protocol.linger()
        else:
            self._protocol.transport.close()

    def _send_head(self, piece: bytes) -> None:
        self._is_whole = True
        self._protocol.transport.writelines((self._head, piece))


_SENTENCES: Final = {
    400: "This is no HTTP request: check what stands between the client and this service.",
    408: "The request did not arrive in time: send it again.",
    414: "The URL is too long: shorten it.",
    431: "The request's line and headers are too long: shorten the URL, or send fewer headers.",
    503: "The service has as many connections as it can take: come again in a moment.",
}
