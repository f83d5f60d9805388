"""Servers that end a conversation before it has begun: a broker in the midst of starting or stopping."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiormq
import pytest

from vestibule.broker.connection import Broker, BrokerError, isolate
from vestibule.settings.values import Secret

LOOPBACK = "127.0.0.1"
HALF_A_FRAME = b"\x01\x00\x00"


@asynccontextmanager
async def says_and_hangs_up(said: bytes) -> AsyncIterator[str]:
    """A server that says so much to everybody, and the URL that it is found under."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)  # the protocol's header
        writer.write(said)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(greet, LOOPBACK, 0)
    async with server:
        yield f"amqp://somebody:secret@{LOOPBACK}:{server.sockets[0].getsockname()[1]}/"


@pytest.mark.parametrize("said", [b"", HALF_A_FRAME, b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_a_server_that_hangs_up_while_greeting_is_a_fault_of_the_broker(said: bytes) -> None:
    async with says_and_hangs_up(said) as url:
        with pytest.raises(BrokerError):
            await Broker(Secret(url), "test").connect()


@pytest.mark.parametrize(
    "raised",
    [
        aiormq.exceptions.AMQPConnectionError(),
        aiormq.exceptions.ChannelInvalidStateError(),
        ConnectionResetError(),
        EOFError(),
        TimeoutError(),
        StopAsyncIteration(),  # the client's way to say that the server hung up between two frames
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_the_client_raises_for_a_lost_server_is_a_fault_of_the_broker(
    raised: Exception,
) -> None:
    async def converse() -> None:
        raise raised

    with pytest.raises(BrokerError) as caught:
        await isolate(converse(), 1.0)
    assert caught.value.code == type(raised).__name__
