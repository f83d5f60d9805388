"""Whoever has no token takes nobody's place, however many requests are begun and never ended."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import orjson
import pytest

from tests.integration.ingest.scim_client import ERROR, ScimClient
from tests.integration.ingest.serving import AT_ONCE, BODY_MEMORY
from tests.integration.ingest.sockets import WAIT_SECONDS, Dial, dialling
from tests.tenants import Customer
from vestibule.domain.tokens import mint

MANY = 170
GROUP_BYTES = 8 * 1024 * 1024


@pytest.fixture
async def dial(scim: ScimClient) -> AsyncIterator[Dial]:
    """Opens raw connections and writes something into them."""
    async with dialling(scim.base) as opened:
        yield opened


def head(customer: Customer, token: str, size: int, *more: str) -> bytes:
    """The head of a POST whose body is announced."""
    lines = [
        f"POST /scim/v2/{customer.path}/Groups HTTP/1.1",
        "Host: a.example",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {size}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Whoever still waits for an answer waits no longer."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def invented() -> str:
    """A token in the right form that is nobody's."""
    return mint(os.urandom(32))


@pytest.mark.parametrize("sent", [b"", b'{"displayName":'])
async def test_strangers_are_told_before_their_body_is_waited_for(
    dial: Dial, scim: ScimClient, customer: Customer, sent: bytes
) -> None:
    strangers = [await dial(head(customer, invented(), 1000) + sent) for _ in range(MANY)]
    assert (await scim.get("/Users?count=0")).status == 200
    assert (await scim.post("/Users", {"userName": "now@corp.example"})).status == 201
    for stranger in strangers:
        status, told, _ = await stranger.answer()
        assert status in (401, 503)
        assert b"connection: close" in told
        assert await stranger.reader.read() == b""


async def test_strangers_bodies_take_no_room(dial: Dial, scim: ScimClient, customer: Customer) -> None:
    assert (await scim.get("/Users?count=0")).status == 200
    strangers = [await dial(head(customer, invented(), GROUP_BYTES)) for _ in range(8)]
    for stranger in strangers:
        stranger.writer.write(b" " * (GROUP_BYTES // 2))
    answers = await asyncio.gather(*(stranger.answer() for stranger in strangers))
    assert {status for status, _, _ in answers} == {401}
    title = "x" * 100_000
    assert (await scim.post("/Users", {"userName": "room@corp.example", "title": title})).status == 201


async def test_a_stranger_is_not_asked_to_continue(dial: Dial, customer: Customer, scim: ScimClient) -> None:
    stranger = await dial(head(customer, invented(), 10, "Expect: 100-continue"))
    assert (await stranger.answer())[0] == 401
    known = await dial(head(customer, scim.token, 10, "Expect: 100-continue"))
    async with asyncio.timeout(WAIT_SECONDS):
        assert await known.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    known.writer.write(b'{"a": "b"}')
    assert (await known.answer())[0] == 400


async def test_one_customers_slow_bodies_stop_no_other(
    dial: Dial, scim: ScimClient, new_customer: Callable[[], Awaitable[Customer]]
) -> None:
    other = await new_customer()
    assert (await scim.get("/Users?count=0")).status == 200
    slow = [await dial(head(other, other.token, GROUP_BYTES)) for _ in range(MANY)]
    told = [asyncio.create_task(one.answer()) for one in slow]
    refused = 0
    while refused < MANY - AT_ONCE:
        done, _ = await asyncio.wait(told, return_when=asyncio.FIRST_COMPLETED, timeout=WAIT_SECONDS)
        assert done
        refused += sum(1 for task in done if task.result()[0] == 429)
        told = [task for task in told if task not in done]
    assert len(told) == AT_ONCE
    beside = {"userName": "beside@corp.example", "title": "x" * 9_000}
    assert (await scim.post("/Users", beside)).status == 201
    await cancelled(told)


async def test_one_customers_big_bodies_stop_no_other(
    dial: Dial, scim: ScimClient, new_customer: Callable[[], Awaitable[Customer]]
) -> None:
    other = await new_customer()
    big = [await dial(head(other, other.token, GROUP_BYTES)) for _ in range(BODY_MEMORY // GROUP_BYTES + 1)]
    for one in big:
        one.writer.write(b" " * (GROUP_BYTES - 10))
    told = [asyncio.create_task(one.answer()) for one in big]
    done, waiting = await asyncio.wait(told, return_when=asyncio.FIRST_COMPLETED, timeout=WAIT_SECONDS)
    assert {task.result()[0] for task in done} == {503}
    assert waiting
    members = [{"value": "x" * 40, "type": "Group"}] * 10_000
    answer = await scim.post("/Groups", {"displayName": "Big", "members": members})
    assert answer.status == 400
    await cancelled(waiting)


async def test_a_body_in_pieces_is_read_whole(dial: Dial, scim: ScimClient, customer: Customer) -> None:
    body = orjson.dumps({"displayName": "Pieces", "externalId": "p" * 300})
    known = await dial(head(customer, scim.token, len(body)))
    for place in range(0, len(body), 50):
        known.writer.write(body[place : place + 50])
        await known.writer.drain()
        await scim.get("/Users?count=0")
    status, told, _ = await known.answer()
    assert (status, b"connection: close" in told) == (201, False)


async def test_two_credentials_are_refused(dial: Dial, scim: ScimClient, customer: Customer) -> None:
    for first, second in ((scim.token, "x"), ("x", scim.token), (scim.token, scim.token)):
        extra = f"Authorization: Bearer {second}"
        one = await dial(head(customer, first, 22, extra) + b'{"displayName": "Twice')
        assert (await one.answer())[0] == 401
    assert (await scim.get("/Groups?count=0")).body["totalResults"] == 0


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"no HTTP at all\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a.example\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: a.example\r\n\r\n", 414),
        (b"\r\n" * 20_000, 431),
    ],
)
async def test_what_no_endpoint_sees_is_answered_in_scim_too(dial: Dial, sent: bytes, status: int) -> None:
    answered, told, body = await (await dial(sent)).answer()
    assert answered == status
    assert b"content-type: application/scim+json\r\n" in told.lower()
    error = orjson.loads(body)
    assert (error["schemas"], error["status"]) == ([ERROR], str(status))
    assert len(error["detail"]) > 20
