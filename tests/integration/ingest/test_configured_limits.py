"""Limits of requests as an operator sets them: each is told in SCIM, with the number and what to do."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from tests.integration.ingest.processes import running
from tests.integration.ingest.scim_client import ERROR, ScimClient
from tests.integration.ingest.serving import PUBLIC_URL
from tests.stack import Database
from tests.tenants import Customer

SETTINGS = {
    "VESTIBULE_USER_BYTES": "16384",
    "VESTIBULE_GROUP_BYTES": "65536",
    "VESTIBULE_SEARCH_BYTES": "1024",
    "VESTIBULE_BULK_BYTES": "32768",
    "VESTIBULE_JSON_DEPTH": "8",
    "VESTIBULE_JSON_PARTS": "1000",
    "VESTIBULE_URL_LENGTH": "1024",
    "VESTIBULE_FILTER_LENGTH": "512",
    "VESTIBULE_FILTER_TERMS": "10",
    "VESTIBULE_USER_PATCH_OPERATIONS": "20",
    "VESTIBULE_GROUP_PATCH_OPERATIONS": "21",
    "VESTIBULE_BULK_OPERATIONS": "3",
    "VESTIBULE_PAGE_SIZE": "2",
    "VESTIBULE_MOST_PAGE_SIZE": "3",
    "VESTIBULE_CURSOR_SECONDS": "60",
}
RATE = 25


@dataclass(frozen=True, slots=True)
class Beyond:
    """A request beyond one limit, and the answer."""

    method: str
    path: str
    body: object
    status: int
    detail: str
    scim_type: str | None = None


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def patch(operations: int) -> object:
    return {"Operations": [{"op": "add", "path": "externalId", "value": "x"}] * operations}


REMOVAL = {"method": "DELETE", "path": "/Users/1"}
BEYOND = {
    "user": Beyond("POST", "/Users", {"title": "x" * 16_384}, 413,
                   "The body is larger than 16 KiB: send several smaller requests."),
    "group": Beyond("POST", "/Groups", {"displayName": "x" * 65_536}, 413,
                    "The body is larger than 64 KiB: send several smaller requests."),
    "search": Beyond("POST", "/Users/.search", {"filter": "x" * 1_024}, 413,
                     "The body is larger than 1 KiB: send several smaller requests."),
    "bulk": Beyond("POST", "/Bulk", {"Operations": ["x" * 32_768]}, 413,
                   "The size of the bulk operation exceeds the maxPayloadSize (32768): "
                   "send several requests."),
    "depth": Beyond("POST", "/Users", {"x": nested(8)}, 400,
                    "The body is nested deeper than 8 levels: send flatter values.", "invalidSyntax"),
    "parts": Beyond("POST", "/Users", {"x": [[]] * 1_000}, 413,
                    "The body has more than 1000 lists and objects: send several requests."),
    "url": Beyond("GET", "/Users?x=" + "x" * 1_000, None, 414,
                  "The URL is longer than 1024 characters: shorten the filter, or send it by POST to "
                  "/.search."),
    "filter": Beyond("GET", f'/Users?filter=title eq "{"x" * 510}"', None, 400,
                     "The filter cannot be read: it is longer than 512 characters.", "invalidFilter"),
    "filter by POST": Beyond("POST", "/.search", {"filter": f'title eq "{"x" * 510}"'}, 400,
                             "The filter cannot be read: it is longer than 512 characters.", "invalidFilter"),
    "terms": Beyond("GET", "/Groups?filter=id pr" + " or id pr" * 10, None, 400,
                    "The filter has more than 10 comparisons: ask in several requests.", "tooMany"),
    "user patch": Beyond("PATCH", "/Users/{user}", patch(21), 400,
                         "A PATCH may have at most 20 operations: send several requests.", "tooMany"),
    "group patch": Beyond("PATCH", "/Groups/{group}", patch(22), 400,
                          "A PATCH may have at most 21 operations: send several requests.", "tooMany"),
    "operations": Beyond("POST", "/Bulk", {"Operations": [REMOVAL] * 4}, 413,
                         "The number of operations exceeds the maxOperations (3): send several requests."),
}  # fmt: skip


@pytest.fixture(scope="module")
async def url(store: Database) -> AsyncIterator[str]:
    """A process with limits far below the usual."""
    async with running(store.url("vestibule_ingest"), PUBLIC_URL, **SETTINGS) as listening:
        yield listening


@pytest.fixture
def narrow(url: str, session: aiohttp.ClientSession, customer: Customer) -> ScimClient:
    """A customer's identity provider at that process."""
    return ScimClient(session, f"{url}/scim/v2/{customer.path}", customer.token)


@pytest.mark.parametrize("name", BEYOND)
async def test_a_limit_is_what_the_operator_set_and_says_so(narrow: ScimClient, name: str) -> None:
    beyond = BEYOND[name]
    user, group = await narrow.create_user("there@corp.example"), await narrow.create_group("There")
    path = beyond.path.replace("{user}", user).replace("{group}", group)
    answer = await narrow.send(beyond.method, path, beyond.body)
    told = {"schemas": [ERROR], "status": str(beyond.status), "detail": beyond.detail}
    if beyond.scim_type is not None:
        told["scimType"] = beyond.scim_type
    assert (answer.status, answer.body) == (beyond.status, told)
    assert answer.headers["Content-Type"] == "application/scim+json"


async def test_what_just_fits_is_taken(narrow: ScimClient) -> None:
    user, group = await narrow.create_user("there@corp.example"), await narrow.create_group("There")
    assert (await narrow.send("PATCH", f"/Users/{user}", patch(20))).status == 200
    assert (await narrow.send("PATCH", f"/Groups/{group}", patch(21))).status == 204
    assert (await narrow.get("/Users?filter=id pr" + " or id pr" * 9)).status == 200
    deep = {"userName": "deep@corp.example", "urn:corp:example:2.0:x": {"x": nested(6)}}
    assert (await narrow.post("/Users", deep)).status == 201
    title = "x" * (16_384 - 60)
    assert (await narrow.post("/Users", {"userName": "large@corp.example", "title": title})).status == 201
    assert (await narrow.post("/Bulk", {"Operations": [REMOVAL] * 3})).status == 200


async def test_pages_have_the_size_that_the_operator_set(narrow: ScimClient) -> None:
    for number in range(5):
        await narrow.create_user(f"u{number}@corp.example")
    assert len((await narrow.get("/Users")).body["Resources"]) == 2
    assert len((await narrow.get("/Users?count=5")).body["Resources"]) == 3
    answer = await narrow.post("/Users/.search", {"count": 5, "cursor": ""})
    assert (len(answer.body["Resources"]), answer.body["totalResults"]) == (3, 5)


async def test_what_is_announced_is_what_is_in_force(narrow: ScimClient) -> None:
    config = (await narrow.get("/ServiceProviderConfig")).body
    assert config["bulk"] == {"supported": True, "maxOperations": 3, "maxPayloadSize": 32_768}
    assert config["filter"]["maxResults"] == 3
    assert config["pagination"]["defaultPageSize"] == 2
    assert config["pagination"]["maxPageSize"] == 3
    assert config["pagination"]["cursorTimeout"] == 60


async def test_replicas_together_admit_a_connection_no_more_than_each_its_rate(
    store: Database, customer: Customer, session: aiohttp.ClientSession
) -> None:
    """The bound that the README states: replicas x (burst + rate x time)."""
    database = store.url("vestibule_ingest")
    slow = {"VESTIBULE_REQUEST_RATE": str(RATE), "VESTIBULE_BURST_SECONDS": "1"}
    loop = asyncio.get_running_loop()
    admitted = [0, 0]

    async def flood(place: int, url: str) -> None:
        scim = ScimClient(session, f"{url}/scim/v2/{customer.path}", customer.token)
        for _ in range(5 * RATE):
            answer = await scim.get("/ServiceProviderConfig")
            assert answer.status in (200, 429)
            admitted[place] += answer.status == 200

    async with running(database, PUBLIC_URL, **slow) as one, running(database, PUBLIC_URL, **slow) as other:
        began = loop.time()
        await asyncio.gather(*(flood(place, url) for place, url in enumerate((one, other)) for _ in range(4)))
        seconds = loop.time() - began
    for count in admitted:
        # The first request comes as a stranger's: it has a bucket of its own, once.
        assert RATE <= count <= RATE + RATE * seconds + 4
