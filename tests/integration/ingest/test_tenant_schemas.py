"""Schemas that a tenant defined, over real HTTP: discovered, honoured, filtered, and nobody else's."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.ingest.conftest import NewClient, NewCustomer
from tests.integration.ingest.scim_client import CORE_USER, ScimClient, assert_error
from tests.tenant_schema import ACME, DEFINITION, extension
from tests.tenants import Customer, define_schemas
from vestibule.database.pool import Connection

BODY = {"badge": "B-1", "costCode": "A1", "level": 3, "remote": True, "hiredAt": "2024-05-01T10:00:00Z"}


@pytest.fixture
async def defined(admin: Connection, customer: Customer, scim: ScimClient) -> ScimClient:
    """The identity provider of a customer that defined a schema after its first request."""
    assert (await scim.get("/Users")).status == 200
    await define_schemas(admin, customer, extension())
    return scim


async def create(scim: ScimClient, name: str, body: object) -> str:
    answer = await scim.post("/Users", {"userName": name, ACME: body})
    assert answer.status == 201, answer.body
    return answer.id


async def found(scim: ScimClient, text: str) -> list[str]:
    """The names of those whom a filter finds, whichever way it is sent."""
    answer = await scim.get(f"/Users?filter={quote(text)}")
    assert answer.status == 200, answer.body
    for path in ("/Users/.search", "/.search"):
        assert (await scim.post(path, {"filter": text})).raw == answer.raw, path
    return [one["userName"] for one in answer.body["Resources"]]


async def test_discovery_shows_it_to_its_own_tenant_only(
    defined: ScimClient, new_customer: NewCustomer, client_of: NewClient
) -> None:
    one = await defined.get(f"/Schemas/{ACME}")
    assert one.status == 200
    assert one.body["attributes"][3]["type"] == "integer"
    assert one.body["attributes"][0] == {
        **DEFINITION["attributes"][0],
        "multiValued": False,
        "required": False,
        "caseExact": False,
        "returned": "default",
        "uniqueness": "none",
    }
    assert ACME in [schema["id"] for schema in (await defined.get("/Schemas")).body["Resources"]]
    kind = (await defined.get("/ResourceTypes/User")).body
    assert {"schema": ACME, "required": False} in kind["schemaExtensions"]
    assert (await defined.get("/ResourceTypes/Group")).body["schemaExtensions"] == []

    other = client_of(await new_customer())
    assert_error(await other.get(f"/Schemas/{ACME}"), 404)
    assert ACME not in (await other.get("/Schemas")).raw.decode()
    assert ACME not in (await other.get("/ResourceTypes")).raw.decode()


async def test_values_have_the_types_that_it_says(defined: ScimClient) -> None:
    answer = await defined.post("/Users", {"userName": "ana", ACME: {"LEVEL": "7", "remote": "True", "x": 1}})
    assert answer.body[ACME] == {"level": 7, "remote": True}
    assert answer.body["schemas"] == [CORE_USER, ACME]
    wrong: dict[str, Any]
    for wrong in ({"level": 1.5}, {"level": "much"}, {"hiredAt": "soon"}, {"tags": [{}]}):
        refused = await defined.post("/Users", {"userName": "bo", ACME: wrong})
        assert_error(refused, 400, "invalidValue")


async def test_a_bare_value_stands_for_an_element_with_that_value(defined: ScimClient) -> None:
    made = await defined.post("/Users", {"userName": "ana", ACME: {"desks": "north"}})
    assert (made.status, made.body[ACME]) == (201, {"desks": [{"value": "north"}]})


async def test_immutable_keeps_its_first_value(defined: ScimClient) -> None:
    identifier = await create(defined, "ana", BODY)
    path = f"/Users/{identifier}"
    assert_error(
        await defined.put(path, {"userName": "ana", ACME: {**BODY, "badge": "B-2"}}), 400, "mutability"
    )
    for operation in (
        {"op": "replace", "path": f"{ACME}:badge", "value": "B-2"},
        {"op": "remove", "path": f"{ACME}:badge"},
        {"op": "remove", "path": ACME},
        {"op": "replace", "value": {ACME: {"badge": "B-2"}}},
    ):
        assert_error(await defined.patch(path, operation), 400, "mutability")
    assert (await defined.user(identifier))[ACME] == BODY


async def test_read_only_is_ignored_in_bodies_and_refused_as_a_path(defined: ScimClient) -> None:
    identifier = await create(defined, "ana", {**BODY, "reviewedBy": "me", "pin": "1234"})
    assert (await defined.user(identifier))[ACME] == BODY
    operation = {"op": "replace", "path": f"{ACME}:reviewedBy", "value": "me"}
    assert_error(await defined.patch(f"/Users/{identifier}", operation), 400, "mutability")


async def test_what_is_never_returned_is_stored_nowhere(defined: ScimClient, admin: Connection) -> None:
    identifier = await create(defined, "ana", {"pin": "8642", "level": 1})
    await defined.patch(
        f"/Users/{identifier}", {"op": "add", "value": {f"{ACME}:pin": "8642", f"{ACME}:level": 2}}
    )
    stored = await admin.fetchval("select document from ingest.person where id = $1", identifier)
    assert "8642" not in stored
    answer = await defined.get(f"/Users?filter={quote(f'{ACME}:pin pr')}")
    assert_error(answer, 400, "invalidFilter")


async def test_returned_says_what_an_answer_has(defined: ScimClient) -> None:
    made = await defined.post("/Users", {"userName": "ana", ACME: {"notes": "n", "region": "r", "level": 1}})
    assert made.body[ACME] == {"region": "r", "level": 1}
    identifier = made.id
    assert (await defined.user(identifier))[ACME] == {"region": "r", "level": 1}
    listed = await defined.get("/Users")
    assert listed.body["Resources"][0][ACME] == {"region": "r", "level": 1}
    for query, wanted in (
        (f"attributes={ACME}:notes", {"notes": "n", "region": "r"}),
        (f"attributes={ACME}", {"notes": "n", "region": "r", "level": 1}),
        ("attributes=userName", {"region": "r"}),
        (f"excludedAttributes={ACME}", {"region": "r"}),
        (f"excludedAttributes={ACME}:level,{ACME}:region", {"region": "r"}),
    ):
        assert (await defined.get(f"/Users/{identifier}?{query}")).body[ACME] == wanted, query


async def test_required_is_asked_of_new_and_replaced_resources_only(
    admin: Connection, customer: Customer, scim: ScimClient
) -> None:
    before = await scim.create_user("early@corp.example")
    attributes = [{"name": "team", "required": True}, {"name": "level", "type": "integer"}]
    await define_schemas(admin, customer, extension(required=True, attributes=attributes))
    kind = (await scim.get("/ResourceTypes/User")).body
    assert {"schema": ACME, "required": True} in kind["schemaExtensions"]
    body: dict[str, Any]
    for body in ({}, {ACME: {}}, {ACME: {"level": 1}}, {ACME: {"team": ""}}):
        assert_error(await scim.post("/Users", {"userName": "ana", **body}), 400, "invalidValue")
    answer = await scim.put(f"/Users/{before}", {"userName": "early@corp.example"})
    assert_error(answer, 400, "invalidValue")
    # who was there before can still leave
    gone = await scim.patch(f"/Users/{before}", {"op": "replace", "path": "active", "value": False})
    assert gone.status == 200
    made = await create(scim, "ana", {"team": "red"})
    for operation in ({"op": "remove", "path": f"{ACME}:team"}, {"op": "remove", "path": ACME}):
        assert_error(await scim.patch(f"/Users/{made}", operation), 400, "mutability")


async def test_filters_compare_by_its_types(defined: ScimClient) -> None:
    await create(defined, "ana", {**BODY, "shortName": "Straße", "tags": ["Red", "blue"]})
    await create(defined, "bo", {**BODY, "badge": "B-2", "level": 10, "remote": False, "costCode": "a1"})
    await create(
        defined,
        "cy",
        {"hiredAt": "2024-05-01T13:30:00+02:00", "desks": [{"value": "D", "floor": 2, "primary": True}]},
    )
    for text, names in (
        (f"{ACME}:level gt 9", ["bo"]),
        (f'{ACME}:level eq "3"', ["ana"]),
        (f"{ACME.upper()}:LEVEL le 3", ["ana"]),
        (f'{ACME}:costCode eq "a1"', ["bo"]),
        (f'{ACME}:badge eq "b-2"', ["bo"]),
        (f'{ACME}:shortName eq "STRASSE"', ["ana"]),
        (f"{ACME}:remote eq false", ["bo"]),
        (f'{ACME}:hiredAt gt "2024-05-01T11:00:00Z"', ["cy"]),
        (f'{ACME}:hiredAt eq "2024-05-01T12:00:00+02:00"', ["ana", "bo"]),
        (f'{ACME}:tags eq "RED"', ["ana"]),
        (f"{ACME}:desks[floor ge 2 and primary eq true]", ["cy"]),
        (f'{ACME}:desks.value eq "d"', ["cy"]),
        (f'{ACME}:desks eq "d"', ["cy"]),
        (f"not ({ACME}:level pr)", ["cy"]),
        (f"{ACME} pr and {ACME}:desks pr", ["cy"]),
    ):
        assert await found(defined, text) == names, text
    for wrong in (
        f'{ACME}:level co "1"',
        f'{ACME}:level eq "x"',
        f'{ACME}:typo eq "x"',
        f"{ACME}:level eq true",
    ):
        assert_error(await defined.get(f"/Users?filter={quote(wrong)}"), 400, "invalidFilter")


async def test_sorting_goes_by_its_types(defined: ScimClient) -> None:
    for name, body in (
        ("a", {"level": 10, "ratio": -1.5, "hiredAt": "2024-05-01T10:00:00Z", "costCode": "a"}),
        ("b", {"level": 9, "ratio": 1e30, "hiredAt": "1960-05-01T10:00:00Z", "costCode": "B"}),
        ("c", {"level": -20, "ratio": 0.25, "hiredAt": "2024-05-01T11:00:00+02:00"}),
        ("d", {"level": -3, "ratio": 0.5, "hiredAt": "2024-05-01T10:00:01+00:00", "costCode": "C"}),
    ):
        await create(defined, name, body)
    for key, names in (("level", "cdba"), ("ratio", "acdb"), ("hiredAt", "bcad"), ("costCode", "bdac")):
        answer = await defined.get(f"/Users?sortBy={ACME}:{key}")
        assert "".join(one["userName"] for one in answer.body["Resources"]) == names, key


async def test_a_patch_works_on_its_attributes(defined: ScimClient) -> None:
    identifier = await create(defined, "ana", {"level": 3, "desks": [{"value": "A", "primary": True}]})
    answer = await defined.patch(
        f"/Users/{identifier}",
        {"op": "replace", "path": f"{ACME.lower()}:Level", "value": "4"},
        {"op": "add", "path": f"{ACME}:desks", "value": [{"value": "B", "primary": True}]},
        {"op": "replace", "path": f'{ACME}:desks[value eq "a"].floor', "value": 1},
        {"op": "add", "value": {ACME: {"tags": ["x"]}}},
        {"op": "add", "path": f"{ACME}:shortName", "value": "An"},
    )
    assert answer.status == 200, answer.body
    assert answer.body[ACME] == {
        "level": 4,
        "desks": [{"value": "A", "primary": False, "floor": 1}, {"value": "B", "primary": True}],
        "tags": ["x"],
        "shortName": "An",
    }
    wrong = {"op": "replace", "path": f"{ACME}:level", "value": "high"}
    assert_error(await defined.patch(f"/Users/{identifier}", wrong), 400, "invalidValue")


async def test_other_extensions_stay_free(defined: ScimClient) -> None:
    free = {"level": "high", "anything": [1, {"deep": True}]}
    answer = await defined.post("/Users", {"userName": "ana", "urn:corp:other:2.0:User": free})
    assert answer.body["urn:corp:other:2.0:User"] == free


async def test_a_group_may_have_one(admin: Connection, customer: Customer, scim: ScimClient) -> None:
    await define_schemas(admin, customer, extension("Group", "User"))
    made = await scim.post("/Groups", {"displayName": "IT", ACME: {"badge": "G", "level": "5", "notes": "n"}})
    assert made.body[ACME] == {"badge": "G", "level": 5}
    put = await scim.put(f"/Groups/{made.id}", {"displayName": "IT", ACME: {"badge": "H"}})
    assert_error(put, 400, "mutability")
    patch = await scim.patch(f"/Groups/{made.id}", {"op": "replace", "path": f"{ACME}:level", "value": 6})
    assert patch.status == 204
    assert (await scim.get(f"/Groups?filter={quote(f'{ACME}:level gt 5')}")).body["totalResults"] == 1
    assert (await scim.get(f"/Groups/{made.id}")).body[ACME] == {"badge": "G", "level": 6}


async def test_each_request_is_read_by_the_schemas_of_its_moment(
    admin: Connection, customer: Customer, replicas: tuple[ScimClient, ScimClient]
) -> None:
    one, other = replicas
    for types, wanted in (("integer", 5), ("string", "5"), ("decimal", 5), ("string", "5")):
        await define_schemas(admin, customer, extension(attributes=[{"name": "n", "type": types}]))
        for number, client in enumerate((one, other)):
            body = {"userName": f"{types}{wanted}{number}{customer.path[:4]}", ACME: {"n": "5"}}
            answer = await client.post("/Users", body)
            if answer.status == 409:
                continue  # the second time that it is a text
            assert answer.body[ACME] == {"n": wanted}
    await define_schemas(admin, customer)
    assert_error(await other.get(f"/Schemas/{ACME}"), 404)
    answer = await one.post("/Users", {"userName": "free", ACME: {"n": [1, "x"]}})
    assert answer.body[ACME] == {"n": [1, "x"]}


async def test_a_refusal_by_old_schemas_is_judged_anew(
    admin: Connection, customer: Customer, scim: ScimClient
) -> None:
    await define_schemas(admin, customer, extension(attributes=[{"name": "n", "type": "integer"}]))
    assert_error(await scim.post("/Users", {"userName": "a", ACME: {"n": "x"}}), 400, "invalidValue")
    await define_schemas(admin, customer, extension(attributes=[{"name": "n"}]))
    assert (await scim.post("/Users", {"userName": "a", ACME: {"n": "x"}})).status == 201
    recorded = await admin.fetchval(
        "select sum(requests) from ingest.refusal where tenant_id = $1", customer.tenant
    )
    assert recorded == 1


async def test_the_operations_of_a_bulk_are_read_by_it(defined: ScimClient) -> None:
    answer = await defined.post(
        "/Bulk",
        {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [
                {
                    "method": "POST",
                    "path": "/Users",
                    "bulkId": "1",
                    "data": {"userName": "a", ACME: {"level": "1"}},
                },
                {
                    "method": "POST",
                    "path": "/Users",
                    "bulkId": "2",
                    "data": {"userName": "b", ACME: {"level": "x"}},
                },
            ],
        },
    )
    assert [one["status"] for one in answer.body["Operations"]] == ["201", "400"]
    assert await found(defined, f"{ACME}:level eq 1") == ["a"]
