"""Bulk over HTTP: what is refused whole, what is limited, and who may ask for how long."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from asyncpg.transaction import Transaction
from yarl import URL

from tests.integration.ingest.bulk_requests import PERSONS, refusals, send, statuses, user
from tests.integration.ingest.lost_answers import sent
from tests.integration.ingest.processes import running
from tests.integration.ingest.scim_client import Answer, ScimClient, assert_error
from tests.integration.ingest.serving import PUBLIC_URL, Ingest, serving
from tests.stack import Database
from tests.tenants import Customer
from tests.waiting import until
from vestibule.database.pool import Connection
from vestibule.scim.limits import DEFAULTS, Limits

BOUND_SECONDS = 30.0
RATE = 25
BURST = 50

WRONG: dict[str, tuple[object, str]] = {
    "no operations": ({"Operations": []}, "invalidSyntax"),
    "a list": ([], "invalidSyntax"),
    "one bulkId twice": ({"Operations": [user("a"), user("a")]}, "invalidSyntax"),
    "a method that is none": (
        {"Operations": [user("a"), {"method": "GET", "path": "/Users"}]},
        "invalidSyntax",
    ),
    "a POST without bulkId": (
        {"Operations": [user("a"), {"method": "POST", "path": "/Users", "data": {}}]},
        "invalidSyntax",
    ),
    "a DELETE with data": (
        {"Operations": [user("a"), {"method": "DELETE", "path": "/Users/1", "data": {}}]},
        "invalidSyntax",
    ),
    "no data": ({"Operations": [user("a"), {"method": "PUT", "path": "/Users/1"}]}, "invalidSyntax"),
    "no number": ({"Operations": [user("a")], "failOnErrors": "1"}, "invalidValue"),
    "zero errors": ({"Operations": [user("a")], "failOnErrors": 0}, "invalidValue"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_message_that_is_wrong_in_any_part_stores_nothing(
    scim: ScimClient, customer: Customer, admin: Connection, name: str
) -> None:
    body, scim_type = WRONG[name]
    assert_error(await scim.post("/Bulk", body), 400, scim_type)
    assert await admin.fetchval(PERSONS, customer.tenant) == 0
    [(operation, status, _, times)] = await refusals(admin, customer)
    assert (operation, status, times) == ("bulk.create", 400, 1)


async def test_each_limit_is_413_and_names_itself(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    config = (await scim.get("/ServiceProviderConfig")).body["bulk"]
    assert config == {
        "supported": True,
        "maxOperations": DEFAULTS.bulk_operations,
        "maxPayloadSize": DEFAULTS.bulk_bytes,
    }
    many = await scim.post(
        "/Bulk", {"Operations": [user(f"u{n}") for n in range(config["maxOperations"] + 1)]}
    )
    assert_error(many, 413)
    assert f"maxOperations ({config['maxOperations']})" in many.body["detail"]
    large = await scim.post("/Bulk", {"Operations": [user("a", title="x" * config["maxPayloadSize"])]})
    assert_error(large, 413)
    assert f"maxPayloadSize ({config['maxPayloadSize']})" in large.body["detail"]
    bomb = b'{"Operations": [' + b"[]," * 200_000 + b"[]]}"
    assert_error(await scim.post("/Bulk", data=bomb, headers={"Content-Type": "application/json"}), 413)
    assert await admin.fetchval(PERSONS, customer.tenant) == 0


async def test_an_operation_is_limited_as_a_single_request_is(
    store: Database, customer: Customer, session: aiohttp.ClientSession
) -> None:
    too_large = user("a", title="x" * 20_000)
    too_many = {
        "method": "PATCH",
        "path": "/Users/bulkId:b",
        "data": [{"op": "add", "path": "title", "value": "x"}] * 201,
    }
    async with serving(store.url("vestibule_ingest"), limits=Limits(user_bytes=20_000)) as ingest:
        scim = ScimClient(session, ingest.base(customer.path), customer.token)
        results = await send(scim, too_large, user("b"), too_many)
    assert statuses(results) == ["413", "201", "400"]
    assert results[2]["response"]["scimType"] == "tooMany"


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_bulk_takes_only_a_post(scim: ScimClient, method: str) -> None:
    answer = await scim.send(method, "/Bulk")
    assert_error(answer, 405)
    assert answer.headers["Allow"] == "POST"


async def test_who_is_not_known_learns_nothing(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    for body in ({"Operations": [user("a")]}, {"Operations": [{"method": "DELETE", "path": "/x/1"}]}, {}):
        assert_error(await scim.with_token("vst_nothing").post("/Bulk", body), 401)
    await admin.execute("update console.token set revoked_at = now() where tenant_id = $1", customer.tenant)
    for body in ({"Operations": [user("a")]}, {"Operations": [{"method": "DELETE", "path": "/x/1"}]}, {}):
        assert_error(await scim.post("/Bulk", body), 401)
    assert await admin.fetchval(PERSONS, customer.tenant) == 0
    assert await refusals(admin, customer) == set()


async def test_operations_wait_for_the_connections_rate(
    store: Database, customer: Customer, session: aiohttp.ClientSession
) -> None:
    async with serving(store.url("vestibule_ingest"), request_rate=RATE) as slow:
        scim = ScimClient(session, slow.base(customer.path), customer.token)
        loop = asyncio.get_running_loop()
        began = loop.time()
        beyond = RATE
        results = await send(scim, *(user(f"u{number}") for number in range(BURST + beyond)))
        assert set(statuses(results)) == {"201"}
        assert loop.time() - began >= beyond / RATE
        assert_error(await throttled(scim), 429)


async def throttled(scim: ScimClient) -> Answer:
    answers = await asyncio.gather(*(scim.get("/ServiceProviderConfig") for _ in range(60)))
    return next(answer for answer in answers if answer.status != 200)


async def test_after_its_time_the_rest_of_a_bulk_is_told_to_come_again(
    store: Database, customer: Customer, session: aiohttp.ClientSession, admin: Connection
) -> None:
    async with serving(
        store.url("vestibule_ingest"), request_rate=RATE, limits=Limits(bulk_seconds=1)
    ) as slow:
        scim = ScimClient(session, slow.base(customer.path), customer.token)
        results = await send(scim, *(user(f"u{number}") for number in range(500)))
        done = statuses(results).count("201")
        assert 0 < done < 500
        assert statuses(results) == ["201"] * done + ["503"] * (500 - done)
        assert "send it again" in results[-1]["response"]["detail"]
        assert await admin.fetchval(PERSONS, customer.tenant) == done


async def test_nothing_more_is_begun_for_a_client_that_has_gone(
    scim: ScimClient, ingest: Ingest, customer: Customer, admin: Connection
) -> None:
    held = await scim.create_user("held@corp.example")
    title = [{"op": "add", "path": "title", "value": "x"}]
    operations = [user("first"), {"method": "PATCH", "path": f"/Users/{held}", "data": title}, user("last")]
    before = given_up(ingest)
    async with admin.transaction():
        await admin.execute("select from ingest.person where id = $1 for update", held)
        async with sent(scim, "POST", "/Bulk", {"Operations": operations}):
            await until(is_there(scim, "first"), BOUND_SECONDS, "the first operation")

    async def is_given_up() -> bool:
        return given_up(ingest) > before

    await until(is_given_up, BOUND_SECONDS, "the end of the request")
    assert (await scim.user(held))["title"] == "x"  # what was under way is finished
    assert not await is_there(scim, "last")()
    assert statuses(await send(scim, *operations)) == ["409", "200", "201"]
    assert await admin.fetchval(PERSONS, customer.tenant) == 3


async def test_a_token_that_is_revoked_meanwhile_opens_nothing_more(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    held = await scim.create_user("held@corp.example")
    title = [{"op": "add", "path": "title", "value": "x"}]
    operations = [user("first"), {"method": "PATCH", "path": f"/Users/{held}", "data": title}, user("last")]
    async with admin.transaction():
        await admin.execute("select from ingest.person where id = $1 for update", held)
        sending = asyncio.create_task(send(scim, *operations))
        await until(is_there(scim, "first"), BOUND_SECONDS, "the first operation")
        await admin.execute(
            "update console.token set revoked_at = now() where tenant_id = $1", customer.tenant
        )
    first, under_way, last = statuses(await sending)
    assert (first, last) == ("201", "401")
    assert under_way in ("200", "401")
    assert await admin.fetchval(PERSONS, customer.tenant) == 2


async def test_a_service_that_stops_still_answers_the_bulk_that_is_under_way(
    store: Database, customer: Customer, session: aiohttp.ClientSession, scim: ScimClient, admin: Connection
) -> None:
    held = await scim.create_user("held@corp.example")
    title = [{"op": "add", "path": "title", "value": "x"}]
    operations = [user("first"), {"method": "PATCH", "path": f"/Users/{held}", "data": title}, user("last")]
    transaction = admin.transaction()
    await transaction.start()
    await admin.execute("select from ingest.person where id = $1 for update", held)
    async with running(store.url("vestibule_ingest"), PUBLIC_URL) as url:
        own = ScimClient(session, f"{url}/scim/v2/{customer.path}", customer.token)
        sending = asyncio.create_task(send(own, *operations))
        await until(is_there(scim, "first"), BOUND_SECONDS, "the first operation")
        releasing = asyncio.create_task(roll_back_once_closed(transaction, own))
    await releasing
    assert statuses(await sending) == ["201", "200", "201"]


async def roll_back_once_closed(transaction: Transaction, scim: ScimClient) -> None:
    """Let go of what is locked as soon as the service takes no new connection."""
    url = URL(scim.base)

    async def is_closed() -> bool:
        try:
            _, writer = await asyncio.open_connection(url.host, url.port)
        except ConnectionRefusedError:
            return True
        writer.close()
        return False

    await until(is_closed, BOUND_SECONDS, "the service to take nothing new")
    await transaction.rollback()


def is_there(scim: ScimClient, name: str) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return await scim.found(f'/Users?filter=userName eq "{name}@corp.example"') != []

    return look


def given_up(ingest: Ingest) -> float:
    """How many Bulks ended without an answer or with a refusal."""
    labels = {"route": "/scim/v2/{connection}/Bulk", "method": "POST", "status": "4xx"}
    return ingest.registry.get_sample_value("vestibule_requests_total", labels) or 0.0
