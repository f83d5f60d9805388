"""Limits: told as SCIM errors with a time to come back, never below what an identity provider may send."""

import asyncio

import aiohttp
import pytest

from tests.integration.ingest.scim_client import Answer, ScimClient, assert_error
from tests.integration.ingest.serving import BURST_SECONDS, serving
from tests.stack import Database
from tests.tenants import Customer
from vestibule.database.pool import Connection
from vestibule_ingest.app import IN_HAND_PER_LANE
from vestibule_ingest.throttling import LEAST_RATE

BURST = int(LEAST_RATE * BURST_SECONDS)
BEYOND = 8  # requests more than fit


async def test_a_connection_beyond_its_rate_is_told_when_to_come_back(
    store: Database, customer: Customer, session: aiohttp.ClientSession
) -> None:
    async with serving(store.url("vestibule_ingest"), request_rate=1) as ingest:
        scim = ScimClient(session, ingest.base(customer.path), customer.token)
        answers = await asyncio.gather(*(scim.get("/ServiceProviderConfig") for _ in range(4 * BURST)))
    # 503: so many new database connections at once can take a busy machine too long
    assert {answer.status for answer in answers} <= {200, 429, 503}
    throttled = [answer for answer in answers if answer.status == 429]
    assert len(answers) - len(throttled) >= BURST
    assert throttled
    for answer in throttled:
        assert_error(answer, 429)
        assert answer.headers["Retry-After"].isdecimal()
        assert int(answer.headers["Retry-After"]) >= 1


async def test_one_connections_waves_do_not_throttle_another(
    store: Database, customer: Customer, session: aiohttp.ClientSession
) -> None:
    async with serving(store.url("vestibule_ingest"), request_rate=1) as ingest:
        scim = ScimClient(session, ingest.base(customer.path), customer.token)
        stranger = scim.with_token("vst_nothing")
        for _ in range(2 * BURST):
            await stranger.get("/Users")
        assert (await scim.get("/Users")).status == 200


async def test_more_in_hand_than_fits_is_told_to_repeat(
    store: Database, customer: Customer, session: aiohttp.ClientSession, admin: Connection
) -> None:
    async with serving(store.url("vestibule_ingest"), pool_size=1) as ingest:
        scim = ScimClient(session, ingest.base(customer.path), customer.token)
        identifier = await scim.create_user("locked@corp.example")
        title = {"op": "add", "path": "title", "value": "x"}
        async with admin.transaction():
            await admin.execute("select from ingest.person where id = $1 for update", identifier)
            waiting = {
                asyncio.create_task(scim.patch(f"/Users/{identifier}", title))
                for _ in range(IN_HAND_PER_LANE + BEYOND)
            }
            refused: list[Answer] = []
            while len(refused) < BEYOND:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                refused += [task.result() for task in done]
        for answer in refused:
            assert_error(answer, 503)
            assert answer.headers["Retry-After"] == "1"
        assert {answer.status for answer in await asyncio.gather(*waiting)} <= {200, 503}
        assert (await scim.patch(f"/Users/{identifier}", title)).status == 200


async def test_a_client_that_leaves_in_the_middle_of_its_body_harms_nobody(
    scim: ScimClient, customer: Customer
) -> None:
    host, _, port = scim.base.partition("//")[2].partition("/")[0].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST /scim/v2/{customer.path}/Users HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n"
        f"Authorization: Bearer {customer.token}\r\nContent-Type: application/json\r\n\r\n"
    )
    writer.write(head.encode() + b'{"userName":')
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert reader.at_eof() or not await reader.read()
    assert (await scim.get("/Users")).body["totalResults"] == 0


@pytest.mark.parametrize("count", [0, 1, 200])
async def test_a_page_has_at_most_two_hundred(scim: ScimClient, count: int) -> None:
    answer = await scim.get(f"/Users?count={count}")
    assert answer.status == 200
    config = await scim.get("/ServiceProviderConfig")
    assert config.body["filter"]["maxResults"] == 200
