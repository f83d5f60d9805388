"""Bulk over HTTP (RFC 7644 §3.7): each operation is answered, stored and recorded as if it had come alone."""

from typing import Any

import pytest

from tests.integration.ingest.bulk_requests import (
    PERSONS,
    made,
    members,
    post,
    refusals,
    send,
    statuses,
    user,
)
from tests.integration.ingest.conftest import NewClient, NewCustomer
from tests.integration.ingest.scim_client import ENTERPRISE, ScimClient
from tests.integration.ingest.serving import PUBLIC_URL, Ingest
from tests.tenants import Customer
from vestibule.database.pool import Connection


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


async def test_references_in_a_circle_are_resolved(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    results = await send(
        scim,
        post("Groups", "g", displayName="Both", members=members("ana", "bo")),
        user("ana", title="Head", **{ENTERPRISE: {"department": "IT", "manager": {"value": "bulkId:bo"}}}),
        user("bo", **{ENTERPRISE: {"manager": {"value": "bulkId:ana"}}}),
        user("cy", **{ENTERPRISE: {"manager": {"value": "bulkId:cy"}}}),
    )
    assert statuses(results) == ["201", "201", "201", "201"]  # RFC 7644 §3.7.1
    group, ana, bo, cy = map(made, results)
    shown = await scim.user(ana)
    assert (shown["title"], shown[ENTERPRISE]["department"]) == ("Head", "IT")
    assert [result["version"] for result in results[1:]] == ['W/"2"', 'W/"1"', 'W/"2"']
    for person, manager in ((ana, bo), (bo, ana), (cy, cy)):
        assert (await scim.user(person))[ENTERPRISE]["manager"]["value"] == manager
    assert await scim.members(group) == sorted([ana, bo])
    assert await refusals(admin, customer) == set()


@pytest.mark.parametrize("more", [{}, {"failOnErrors": 1}])
async def test_a_circle_that_breaks_says_what_is_there_and_what_is_missing(
    scim: ScimClient, more: dict[str, Any]
) -> None:
    ana, bo = await send(
        scim,
        user("ana", **{ENTERPRISE: {"manager": {"value": "bulkId:bo"}}}),
        user("bo", userName="", **{ENTERPRISE: {"manager": {"value": "bulkId:ana"}}}),
        **more,
    )
    assert (ana["method"], ana["status"], bo["status"]) == ("POST", "409", "400")
    assert "was not created" in ana["response"]["detail"]
    assert ENTERPRISE not in await scim.user(made(ana))
    assert "location" not in bo


async def test_groups_come_inside_groups_but_never_in_a_circle(scim: ScimClient) -> None:
    inner, outer = await send(
        scim,
        post("Groups", "inner", displayName="Inner", members=members("outer")),
        post("Groups", "outer", displayName="Outer", members=members("inner")),
    )
    assert sorted([inner["status"], outer["status"]]) == ["201", "400"]
    outer, inner = await send(
        scim,
        post("Groups", "outer", displayName="Outer 2", members=members("inner")),
        post("Groups", "inner", displayName="Inner 2"),
    )
    assert (inner["status"], outer["status"]) == ("201", "201")
    assert await scim.members(made(outer)) == [made(inner)]


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
    assert statuses(results) == ["404", "404", "201"]
    assert await scim.members(made(results[2])) == []
    user = await other.user(theirs)
    assert (user["active"], "groups" in user) == (True, False)


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
