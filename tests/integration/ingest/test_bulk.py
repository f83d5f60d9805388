"""Bulk over HTTP (RFC 7644 §3.7): each operation is answered, stored and recorded as if it had come alone."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from tests.integration.ingest.conftest import NewClient, NewCustomer
from tests.integration.ingest.lost_answers import sent
from tests.integration.ingest.scim_client import ENTERPRISE, ERROR, Answer, ScimClient, assert_error
from tests.integration.ingest.serving import PUBLIC_URL, Ingest, serving
from tests.stack import Database
from tests.tenants import Customer
from tests.waiting import until
from vestibule.database.pool import Connection
from vestibule.scim.bulk import MOST_BULK_BYTES, MOST_BULK_OPERATIONS

REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
RESPONSE = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
BOUND_SECONDS = 30.0
RATE = 25
BURST = 50


def post(kind: str, bulk_id: str, **data: object) -> dict[str, Any]:
    return {"method": "POST", "path": f"/{kind}", "bulkId": bulk_id, "data": data}


def user(bulk_id: str, **data: object) -> dict[str, Any]:
    return post("Users", bulk_id, **{"userName": f"{bulk_id}@corp.example", **data})


def members(*bulk_ids: str) -> list[dict[str, str]]:
    return [{"value": f"bulkId:{bulk_id}"} for bulk_id in bulk_ids]


async def send(scim: ScimClient, *operations: object, **more: object) -> list[dict[str, Any]]:
    """Send a Bulk that must be taken; returns the results."""
    answer = await scim.post("/Bulk", {"schemas": [REQUEST], "Operations": [*operations], **more})
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert answer.body["schemas"] == [RESPONSE]
    results: list[dict[str, Any]] = answer.body["Operations"]
    return results


def statuses(results: list[dict[str, Any]]) -> list[str]:
    return [result["status"] for result in results]


def made(result: dict[str, Any]) -> str:
    """The id of what an operation made."""
    identifier: str = result["location"].rpartition("/")[2]
    return identifier


PERSONS = "select count(*) from ingest.person where tenant_id = $1"
GROUPS = 'select count(*) from ingest."group" where tenant_id = $1'


async def refusals(admin: Connection, customer: Customer) -> set[tuple[str, int, str, int]]:
    rows = await admin.fetch(
        "select operation, status, code, sum(requests)::int from ingest.refusal where tenant_id = $1 "
        "group by operation, status, code",
        customer.tenant,
    )
    return {tuple(row) for row in rows}


async def test_every_method_works_and_each_operation_has_its_own_result(
    scim: ScimClient, customer: Customer
) -> None:
    put, patched, removed = [await scim.create_user(f"{name}@corp.example") for name in ("put", "pat", "rem")]
    group = await scim.create_group("Bulk", [put])
    results = await send(
        scim,
        user("new"),
        {"method": "PUT", "path": f"/Users/{put}", "version": 'W/"1"',
         "data": {"userName": "put@corp.example", "title": "Dr"}},
        {"method": "PATCH", "path": f"/Users/{patched}",
         "data": [{"op": "replace", "path": "active", "value": False}]},
        {"method": "DELETE", "path": f"/Users/{removed}", "version": 'W/"1"'},
        {"method": "PATCH", "path": f"/Groups/{group}", "bulkId": "g",
         "data": {"Operations": [{"op": "add", "path": "members", "value": [{"value": patched}]}]}},
    )  # fmt: skip
    base = f"{PUBLIC_URL}/scim/v2/{customer.path}"
    new = made(results[0])
    assert results == [
        {"method": "POST", "bulkId": "new", "version": 'W/"1"', "location": f"{base}/Users/{new}",
         "status": "201"},
        {"method": "PUT", "version": 'W/"2"', "location": f"{base}/Users/{put}", "status": "200"},
        {"method": "PATCH", "version": 'W/"2"', "location": f"{base}/Users/{patched}", "status": "200"},
        {"method": "DELETE", "location": f"{base}/Users/{removed}", "status": "204"},
        {"method": "PATCH", "bulkId": "g", "version": 'W/"2"', "location": f"{base}/Groups/{group}",
         "status": "204"},
    ]  # fmt: skip
    assert (await scim.user(new))["userName"] == "new@corp.example"
    assert (await scim.user(put))["title"] == "Dr"
    assert (await scim.user(patched))["active"] is False
    assert (await scim.get(f"/Users/{removed}")).status == 404
    assert await scim.members(group) == sorted([put, patched])


async def test_references_are_resolved_in_any_order_and_place(scim: ScimClient) -> None:
    results = await send(
        scim,
        {"method": "PATCH", "path": "/Groups/bulkId:team",
         "data": {"Operations": [{"op": "remove", "path": 'members[value eq "bulkId:ana"]'},
                                 {"op": "add", "path": "members", "value": members("cy")}]}},
        post("Groups", "team", displayName="Team", members=members("ana", "bo")),
        user("ana", **{ENTERPRISE: {"manager": {"value": "bulkId:bo"}}}),
        user("bo"),
        user("cy", **{ENTERPRISE: {"manager": {"$ref": "../Users/bulkId:ana", "value": "bulkId:ana"}}}),
        {"method": "PATCH", "path": "/Users/bulkId:bo",
         "data": {"Operations": [{"op": "add", "path": "title", "value": "Head"}]}},
    )  # fmt: skip
    assert statuses(results) == ["204", "201", "201", "201", "201", "200"]
    team, ana, bo, cy = (made(result) for result in results[1:5])
    assert results[0]["location"].endswith(f"/Groups/{team}")
    assert await scim.members(team) == sorted([bo, cy])
    assert (await scim.user(ana))[ENTERPRISE]["manager"]["value"] == bo
    assert (await scim.user(cy))[ENTERPRISE]["manager"]["value"] == ana
    assert (await scim.user(bo))["title"] == "Head"


async def test_who_returns_is_referred_to_by_the_old_id(scim: ScimClient) -> None:
    old = await scim.create_user("back@corp.example")
    await scim.delete(f"/Users/{old}")
    group, back = await send(
        scim, post("Groups", "g", displayName="Back", members=members("back")), user("back")
    )
    assert made(back) == old
    assert await scim.members(made(group)) == [old]


async def test_references_in_a_circle_are_409_and_the_others_are_carried_out(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    results = await send(
        scim,
        user("ana", **{ENTERPRISE: {"manager": {"value": "bulkId:bo"}}}),
        user("bo", **{ENTERPRISE: {"manager": {"value": "bulkId:ana"}}}),
        post("Groups", "g", displayName="Both", members=members("ana", "bo")),
        user("cy"),
    )
    assert statuses(results) == ["409", "409", "409", "201"]
    for result in results[:3]:
        assert result["response"]["schemas"] == [ERROR]
        assert result["response"]["status"] == "409"
        assert "circle" in result["response"]["detail"]
        assert "location" not in result
        assert "version" not in result
    assert await admin.fetchval(PERSONS, customer.tenant) == 1
    assert await admin.fetchval(GROUPS, customer.tenant) == 0
    assert await refusals(admin, customer) == {
        ("users.create", 409, "circular_reference", 2),
        ("groups.create", 409, "circular_reference", 1),
    }


async def test_groups_inside_groups_are_refused_as_in_a_single_request(scim: ScimClient) -> None:
    inner, outer = await send(
        scim,
        post("Groups", "inner", displayName="Inner"),
        post("Groups", "outer", displayName="Outer", members=members("inner")),
    )
    assert (inner["status"], outer["status"]) == ("201", "400")
    alone = await scim.post("/Groups", {"displayName": "Outer", "members": [{"value": made(inner)}]})
    assert outer["response"] == alone.body


async def test_an_error_stops_only_those_who_refer_to_it(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    await scim.create_user("taken@corp.example")
    missing = "00000000-0000-7000-8000-000000000000"
    results = await send(
        scim,
        user("taken"),
        post("Groups", "g", displayName="Waits", members=members("taken")),
        post("Groups", "h", displayName="Strangers", members=members("nobody")),
        {"method": "DELETE", "path": f"/Users/{missing}"},
        {"method": "PUT", "path": "/Users", "data": {"userName": "x@corp.example"}},
        post("Robots", "r", name="R2"),
        {"method": "DELETE", "path": "/Groups/a/b"},
        user("fine"),
    )
    assert statuses(results) == ["409", "409", "400", "404", "405", "404", "404", "201"]
    scim_types = [result.get("response", {}).get("scimType") for result in results]
    assert scim_types == ["uniqueness", None, "invalidValue", None, None, None, None, None]
    assert results[3]["location"].endswith(f"/Users/{missing}")
    for result in results[:-1]:
        assert result["response"]["status"] == result["status"]
        assert len(result["response"]["detail"]) > 20
    assert await refusals(admin, customer) == {
        ("users.create", 409, "uniqueness", 1),
        ("groups.create", 409, "reference_unfulfilled", 1),
        ("groups.create", 400, "invalid_value", 1),
    }


async def test_a_version_that_has_passed_is_412_in_its_result(scim: ScimClient) -> None:
    person = await scim.create_user("old@corp.example")
    group = await scim.create_group("Old")
    title = [{"op": "add", "path": "title", "value": "x"}]
    name = [{"op": "replace", "path": "displayName", "value": "New"}]
    results = await send(
        scim,
        {"method": "PATCH", "path": f"/Users/{person}", "version": 'W/"1"', "data": title},
        {"method": "PUT", "path": f"/Users/{person}", "version": 'W/"1"',
         "data": {"userName": "old@corp.example"}},
        {"method": "DELETE", "path": f"/Users/{person}", "version": 'W/"1"'},
        {"method": "PATCH", "path": f"/Groups/{group}", "version": 'W/"7"', "data": name},
        {"method": "DELETE", "path": f"/Groups/{group}", "version": 'W/"1"'},
    )  # fmt: skip
    assert statuses(results) == ["200", "412", "412", "412", "204"]
    assert (await scim.user(person))["title"] == "x"


@pytest.mark.parametrize(("most", "answered"), [(1, 2), (2, 4), (3, 5), (None, 5)])
async def test_after_so_many_errors_nothing_more_is_begun(
    scim: ScimClient, customer: Customer, admin: Connection, most: int | None, answered: int
) -> None:
    bad = [user(f"bad{number}", userName="") for number in range(2)]
    results = await send(
        scim,
        user("a"),
        bad[0],
        user("b"),
        bad[1],
        user("c"),
        **({} if most is None else {"failOnErrors": most}),
    )
    assert statuses(results) == ["201", "400", "201", "400", "201"][:answered]
    assert await admin.fetchval(PERSONS, customer.tenant) == statuses(results).count("201")


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
        "maxOperations": MOST_BULK_OPERATIONS,
        "maxPayloadSize": MOST_BULK_BYTES,
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


async def test_an_operation_is_limited_as_a_single_request_is(scim: ScimClient) -> None:
    too_large = user("a", title="x" * (1024 * 1024))
    too_many = {
        "method": "PATCH",
        "path": "/Users/bulkId:b",
        "data": [{"op": "add", "path": "title", "value": "x"}] * 1_001,
    }
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


async def test_another_customers_resources_are_as_missing_as_any(
    scim: ScimClient, client_of: NewClient, new_customer: NewCustomer
) -> None:
    other = client_of(await new_customer())
    theirs = await other.create_user("theirs@corp.example")
    results = await send(
        scim,
        {"method": "DELETE", "path": f"/Users/{theirs}"},
        {"method": "PATCH", "path": f"/Users/{theirs}", "data": [{"op": "remove", "path": "title"}]},
        post("Groups", "g", displayName="Mine", members=[{"value": theirs}]),
    )
    assert statuses(results) == ["404", "404", "400"]
    assert (await other.user(theirs))["active"] is True


async def test_every_operation_has_a_trace_and_a_number_of_its_own(
    scim: ScimClient, ingest: Ingest, customer: Customer, admin: Connection
) -> None:
    ingest.spans.clear()
    results = await send(scim, user("a"), user("b"), user("b2", userName=""))
    traces = {
        row["trace"]
        for row in await admin.fetch(
            "select trace from chain.timeline where tenant_id = $1 and stage = 'received'", customer.tenant
        )
    }
    assert len(traces) == 2
    spans = ingest.spans.get_finished_spans()
    parts = [span for span in spans if span.name == "bulk POST users"]
    [whole] = [span for span in spans if span.name.startswith("POST /scim")]
    assert len(parts) == 3
    assert whole.context is not None
    for part in parts:
        assert part.context is not None
        assert part.parent is not None
        assert part.parent.span_id == whole.context.span_id
    ids = {f"{part.context.span_id:016x}" for part in parts if part.context is not None}
    assert {trace.split("-")[2] for trace in traces} <= ids
    assert statuses(results) == ["201", "201", "400"]
    for status, least in (("201", 2.0), ("400", 1.0)):
        labels = {"method": "POST", "status": status}
        counted = ingest.registry.get_sample_value("vestibule_bulk_operations_total", labels)
        assert counted is not None
        assert counted >= least


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
    answers = await asyncio.gather(*(scim.get("/ServiceProviderConfig") for _ in range(10)))
    return next(answer for answer in answers if answer.status != 200)


async def test_after_its_time_the_rest_of_a_bulk_is_told_to_come_again(
    store: Database, customer: Customer, session: aiohttp.ClientSession, admin: Connection
) -> None:
    async with serving(store.url("vestibule_ingest"), request_rate=RATE, bulk_seconds=1) as slow:
        scim = ScimClient(session, slow.base(customer.path), customer.token)
        results = await send(scim, *(user(f"u{number}") for number in range(500)))
        done = statuses(results).count("201")
        assert BURST <= done < 500
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


def is_there(scim: ScimClient, name: str) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return await scim.found(f'/Users?filter=userName eq "{name}@corp.example"') != []

    return look


def given_up(ingest: Ingest) -> float:
    """How many Bulks ended without an answer or with a refusal."""
    labels = {"route": "/scim/v2/{connection}/Bulk", "method": "POST", "status": "4xx"}
    return ingest.registry.get_sample_value("vestibule_requests_total", labels) or 0.0
