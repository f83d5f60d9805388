"""Each way in which a list is refused, provoked over HTTP, with its whole body."""

import os
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from tests.integration.ingest.conftest import NewCustomer
from tests.integration.ingest.scim_client import ERROR, ScimClient
from tests.integration.ingest.serving import serving
from tests.stack import Database
from vestibule.domain.tokens import mint
from vestibule.scim.limits import DEFAULTS

TERMS = " or ".join(f'title eq "{n}"' for n in range(101))


def body(scim_type: str, detail: str, status: int = 400) -> dict[str, Any]:
    return {"schemas": [ERROR], "status": str(status), "scimType": scim_type, "detail": detail}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "/Users?filter=userName",
            body("invalidFilter", "The filter cannot be read: it ends where an operator is expected."),
        ),
        (
            '/Users?filter=usrName eq "x"',
            body(
                "invalidFilter", "The filter names 'usrName', which no schema here has: correct its spelling."
            ),
        ),
        (
            "/Users?filter=active gt true",
            body("invalidFilter", "The filter cannot use 'gt' on the boolean 'active'."),
        ),
        (
            "/Users?filter=" + "(" * 40 + "title pr" + ")" * 40,
            body("invalidFilter", "The filter cannot be read: it is nested deeper than 32 levels."),
        ),
        (
            '/Users?filter=title eq "' + "x" * 4_200 + '"',
            body("invalidFilter", "The filter cannot be read: it is longer than 4096 characters."),
        ),
        (
            f"/Users?filter={TERMS}",
            body("tooMany", "The filter has more than 100 comparisons: ask in several requests."),
        ),
        (
            "/Users?filter=" + " or ".join(['groups.display eq "x"'] * 30),
            body("tooMany", "The filter looks at too much of every resource: ask in several requests."),
        ),
        (
            "/Users?sortBy=name",
            body(
                "invalidValue", "'sortBy' must name one simple attribute: 'name' has parts; name one of them."
            ),
        ),
        (
            "/Users?sortBy=usrName",
            body(
                "invalidValue", "'sortBy' names an attribute that no schema here has: correct its spelling."
            ),
        ),
        (
            "/Users?sortBy=title&sortOrder=up",
            body("invalidValue", "The parameter 'sortOrder' must be 'ascending' or 'descending'."),
        ),
        (
            "/Users?cursor=nonsense",
            body(
                "invalidCursor",
                "The cursor is none that this service gave for this query: begin again with the first page.",
            ),
        ),
        ("/Users?cursor=&count=ten", body("invalidCount", "The parameter 'count' must be a whole number.")),
    ],
)
async def test_a_list_is_refused_with_a_reason(scim: ScimClient, path: str, expected: dict[str, Any]) -> None:
    answer = await scim.get(path)
    assert (answer.status, answer.body) == (int(expected["status"]), expected)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ([], body("invalidSyntax", "The body must be one JSON object: a SearchRequest.")),
        ({"filter": 7}, body("invalidSyntax", "'filter' of a SearchRequest must be a text.")),
        (
            {"filter": 'password eq "x"'},
            body("invalidFilter", "The filter names 'password', which is never kept: leave it out."),
        ),
        (
            {"filter": 'usrName eq "x"'},
            body(
                "invalidFilter", "The filter names 'usrName', which no schema here has: correct its spelling."
            ),
        ),
    ],
)
async def test_a_search_is_refused_with_a_reason(
    scim: ScimClient, request_: object, expected: dict[str, Any]
) -> None:
    for path in ("/Users/.search", "/.search"):
        answer = await scim.post(path, request_)
        assert (answer.status, answer.body) == (400, expected)


async def test_a_cursor_is_good_for_its_own_query_only(scim: ScimClient) -> None:
    for name in ("a", "b", "c"):
        await scim.create_user(name)
    cursor = (await scim.get("/Users?count=1&cursor=")).body["nextCursor"]
    assert (await scim.get(f"/Users?count=2&cursor={cursor}")).status == 200
    for other in ("/Groups?", "/Users?sortBy=title&", "/Users?filter=title pr&"):
        answer = await scim.get(f"{other}cursor={cursor}")
        assert (answer.status, answer.body["scimType"]) == (400, "invalidCursor")


@pytest.mark.parametrize("seconds", [3_600, 60])
async def test_a_cursor_expires(
    store: Database, new_customer: NewCustomer, session: aiohttp.ClientSession, seconds: int
) -> None:
    now = 1_800_000_000.0

    def clock() -> float:
        return now

    customer = await new_customer()
    limits = replace(DEFAULTS, cursor_seconds=seconds)
    async with serving(store.url("vestibule_ingest"), limits=limits, wall_clock=clock) as ingest:
        scim = ScimClient(session, ingest.base(customer.path), customer.token)
        await scim.create_user("a")
        await scim.create_user("b")
        cursor = (await scim.get("/Users?count=1&cursor=")).body["nextCursor"]
        now += seconds
        assert (await scim.get(f"/Users?count=1&cursor={cursor}")).status == 200
        now += 1
        answer = await scim.get(f"/Users?count=1&cursor={cursor}")
    assert (answer.status, answer.body) == (
        400,
        body(
            "expiredCursor",
            f"The cursor is older than {seconds} s: begin again with the first page, without a cursor.",
        ),
    )


async def test_a_stranger_learns_nothing_from_a_bad_list(scim: ScimClient) -> None:
    stranger = scim.with_token(mint(os.urandom(32)))
    for path in ("/Users?filter=x", '/Users?filter=password eq "x"', "/Users?cursor=x"):
        assert (await stranger.get(path)).status == 401
    assert (await stranger.post("/.search", {"filter": "x"})).status == 401
