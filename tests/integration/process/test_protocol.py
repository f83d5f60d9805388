"""What one client may take before anybody knows who it is, over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from vestibule.process.protocol import Bounds
from vestibule.process.serving import serve
from vestibule.settings.values import Listen

WAIT_SECONDS = 20.0
QUICK = Bounds(head_bytes=4096, head_seconds=0.3, connections=3, linger_seconds=5)
PATIENT = Bounds(head_bytes=4096, head_seconds=60, connections=3, linger_seconds=5)
GET = b"GET / HTTP/1.1\r\nHost: a.example\r\n"


async def refuse(_request: Request) -> Response:
    """Answers without a look at the body."""
    return PlainTextResponse("refused", 401)


async def read(request: Request) -> Response:
    """Answers with the body's length."""
    return PlainTextResponse(f"read {len(await request.body())}")


async def stream(_request: Request) -> Response:
    """Answers in three pieces."""

    async def pieces() -> AsyncIterator[str]:
        for piece in ("one ", "two ", "three"):
            yield piece

    return StreamingResponse(pieces())


async def leave(_request: Request) -> Response:
    """Answers without a body."""
    return Response(status_code=204)


async def break_off(scope: Scope, _receive: Receive, send: Send) -> None:
    """Begins an answer and fails."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        raise ConnectionError


@dataclass
class Client:
    """A raw connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self) -> tuple[bytes, bytes]:
        """Status line with headers, and body."""
        async with asyncio.timeout(WAIT_SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.startswith(b"content-length")
            )
            return head, await self.reader.readexactly(length)

    async def ended(self) -> bool:
        """Whether the server closes, without another word."""
        async with asyncio.timeout(WAIT_SECONDS):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True


class Served:
    """A server and the clients that a test opened."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.clients: list[Client] = []

    async def client(self, first: bytes = b"") -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        client.writer.write(first)
        await client.writer.drain()
        return client


def say(status: int, sentence: str) -> tuple[str, bytes]:
    """A refusal in this service's own words."""
    return "application/problem", f"{status}! {sentence}".encode()


@asynccontextmanager
async def served(bounds: Bounds = PATIENT) -> AsyncIterator[Served]:
    stopping = asyncio.Event()
    bound: asyncio.Future[Listen] = asyncio.get_running_loop().create_future()
    app = Starlette(
        routes=[
            Route("/", refuse, methods=["GET", "POST"]),
            Route("/read", read, methods=["POST"]),
            Route("/stream", stream),
            Route("/leave", leave),
            Mount("/break-off", break_off),
        ]
    )
    options: dict[str, Any] = {"drain_seconds": 1, "on_bound": bound.set_result}
    async with asyncio.timeout(2 * WAIT_SECONDS), asyncio.TaskGroup() as group:
        group.create_task(serve(app, Listen("127.0.0.1", 0), stopping, refusal=say, bounds=bounds, **options))
        opened = Served((await bound).port)
        yield opened
        for client in opened.clients:
            client.writer.close()
        stopping.set()


async def test_a_head_without_end_is_refused_and_its_connection_closed() -> None:
    async with served() as server:
        client = await server.client(GET + b"X: ")
        with pytest.raises(ConnectionError):
            while True:
                client.writer.write(b"a" * 1000)
                await client.writer.drain()
                if client.reader.at_eof():
                    raise ConnectionError
        refused = await server.client(GET + b"X: " + b"a" * 3000)
        refused.writer.write(b"a" * 3000)
        head, body = await refused.answer()
        assert head.startswith(b"HTTP/1.1 431 ")
        assert b"content-type: application/problem" in head
        assert body.startswith(b"431! ")
        assert await refused.ended()


@pytest.mark.parametrize("rest", [b"X: " + b"a" * 5000, b"".join(b"X%d: a\r\n" % n for n in range(600))])
async def test_a_long_head_in_one_piece_is_refused_as_well(rest: bytes) -> None:
    async with served() as server:
        client = await server.client(GET + rest + b"\r\n\r\n")
        assert (await client.answer())[0].startswith(b"HTTP/1.1 431 ")
        assert await client.ended()
        longest = await server.client(GET + b"X: " + b"a" * 3900 + b"\r\n\r\n")
        assert (await longest.answer())[0].startswith(b"HTTP/1.1 401 ")


async def test_bodies_are_no_heads() -> None:
    async with served() as server:
        client = await server.client()
        for size in (0, 10, 5_000, 500_000):
            client.writer.write(b"POST /read HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size + b"b" * size)
            head, body = await client.answer()
            assert b"connection: close" not in head
            assert body == b"read %d" % size
        pieces = GET + b"X: y\r\n\r\n"
        for piece in (pieces[:5], pieces[5:20], pieces[20:]):
            client.writer.write(piece)
            await client.writer.drain()
        assert (await client.answer())[1] == b"refused"


async def test_a_head_takes_its_time_only_once() -> None:
    async with served(QUICK) as server:
        silent = await server.client()
        slow = await server.client(GET)
        head, body = await slow.answer()
        assert head.startswith(b"HTTP/1.1 408 ")
        assert body.startswith(b"408! ")
        assert await slow.ended()
        assert await silent.ended()


async def test_a_kept_connection_may_be_silent_longer_than_a_head() -> None:
    async with served(QUICK) as server:
        kept = await server.client(GET + b"\r\n")
        await kept.answer()
        other = await server.client(GET)
        await other.answer()  # its time is over by now, and so would be the first one's
        kept.writer.write(GET + b"\r\n")
        assert (await kept.answer())[1] == b"refused"
        kept.writer.write(GET)
        assert (await kept.answer())[0].startswith(b"HTTP/1.1 408 ")


async def test_what_is_no_http_is_told_so_in_the_services_words() -> None:
    async with served() as server:
        client = await server.client(b"\x16\x03\x01 hello\r\n\r\n")
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.1 400 ")
        assert body.startswith(b"400! ")
        assert await client.ended()


async def test_the_longest_idle_makes_room_for_who_comes() -> None:
    async with served() as server:
        kept = [await server.client(GET + b"\r\n") for _ in range(3)]
        for client in kept:
            await client.answer()
        newcomer = await server.client(GET + b"\r\n")
        assert (await newcomer.answer())[1] == b"refused"
        assert await kept[0].ended()
        for client in kept[1:]:
            client.writer.write(GET + b"\r\n")
            assert (await client.answer())[1] == b"refused"


async def test_nobody_at_work_makes_room() -> None:
    async with served() as server:
        upload = b"POST /read HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234"
        busy = [await server.client(upload) for _ in range(3)]
        newcomer = await server.client(GET + b"\r\n")
        head, _ = await newcomer.answer()
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in head
        for client in busy:
            client.writer.write(b"56789")
            assert (await client.answer())[1] == b"read 10"


async def test_a_refused_upload_is_not_swallowed_and_its_answer_arrives() -> None:
    async with served() as server:
        client = await server.client(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        answering = asyncio.create_task(client.answer())
        piece = b"%x\r\n" % 65536 + b"c" * 65536 + b"\r\n"
        sent = 0
        try:
            while sent < 2_000 and not client.writer.is_closing():
                client.writer.write(piece)
                await client.writer.drain()
                sent += 1
        except ConnectionError:
            pass
        assert sent < 2_000  # 125 MiB: far beyond what buffers and lingering take
        head, body = await answering
        assert (head.startswith(b"HTTP/1.1 401 "), body) == (True, b"refused")
        assert b"connection: close" in head


async def test_a_refused_body_that_is_here_whole_costs_no_connection() -> None:
    async with served() as server:
        client = await server.client()
        for _ in range(2):
            client.writer.write(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")
            head, _ = await client.answer()
            assert b"connection: close" not in head


def first_pieces(port: int, number: int) -> list[bytes]:
    """What the first read of each answer gives, on a thread of its own: it wakes up at the first piece."""
    with socket.create_connection(("127.0.0.1", port), WAIT_SECONDS) as connection:
        found = []
        for _ in range(number):
            connection.sendall(GET + b"\r\n")
            found.append(connection.recv(65536))
            while not found[-1].endswith(b"refused") and not connection.recv(65536).endswith(b"refused"):
                pass
        return found


async def test_head_and_body_of_an_answer_come_in_one_piece() -> None:
    async with served() as server:
        found = await asyncio.to_thread(first_pieces, server.port, 100)
    assert all(piece.endswith(b"\r\n\r\nrefused") for piece in found)


async def test_an_answer_in_pieces_arrives_in_order() -> None:
    async with served() as server:
        client = await server.client(b"GET /stream HTTP/1.1\r\nHost: a.example\r\n\r\n")
        received = await client.reader.readuntil(b"0\r\n\r\n")
        assert received.endswith(b"\r\n\r\n4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    "request_line", [b"GET /leave HTTP/1.1", b"HEAD / HTTP/1.1", b"HEAD /stream HTTP/1.1"]
)
async def test_an_answer_without_a_body_does_not_wait_for_one(request_line: bytes) -> None:
    async with served() as server:
        client = await server.client()
        for _ in range(2):
            client.writer.write(request_line + b"\r\nHost: a.example\r\n\r\n")
            assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 ")


async def test_the_head_of_an_answer_that_breaks_off_arrives() -> None:
    async with served() as server:
        client = await server.client(b"GET /break-off/x HTTP/1.1\r\nHost: a.example\r\n\r\n")
        async with asyncio.timeout(WAIT_SECONDS):
            received = await client.reader.read()
        assert (received.startswith(b"HTTP/1.1 200 "), received.endswith(b"\r\n\r\n")) == (True, True)


async def test_whoever_asks_whether_to_go_on_is_told_before_the_answer() -> None:
    async with served() as server:
        client = await server.client(
            b"POST /read HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.writer.write(b"hello")
        assert (await client.answer())[1] == b"read 5"
