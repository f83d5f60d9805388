"""Bad input: a SCIM error that tells the customer's admin what to do, nothing stored, never a 500."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from io import BytesIO

import pytest

from tests.integration.ingest.scim_client import ScimClient, assert_error
from tests.tenants import Customer
from vestibule.database.pool import Connection
from vestibule.database.statements import statements

JSON = {"Content-Type": "application/json"}

MALFORMED = {
    "nothing": b"",
    "no JSON": b"userName=ana",
    "cut off": b'{"userName": "ana@corp.exam',
    "not UTF-8": b'{"userName": "\xff\xfe@corp.example"}',
    "UTF-16": '{"userName": "ana@corp.example"}'.encode("utf-16"),
    "half a surrogate pair": b'{"userName": "\\ud800@corp.example"}',
    "too big a number": b'{"userName": "ana@corp.example", "urn:x:y:z": {"n": 1e999}}',
    "not a number": b'{"userName": "ana@corp.example", "urn:x:y:z": {"n": NaN}}',
    "a name twice": b'{"userName": "ana@corp.example", "userName": "bo@corp.example"}',
    "a name twice, once escaped": b'{"userName": "ana@corp.example", "\\u0075serName": "bo@corp.example"}',
    "a name twice, once spaced": b'{"userName": "ana@corp.example", "active" : true, "active": false}',
    "a name twice, deep": b'{"userName": "ana@corp.example", "name": {"givenName": "A", "givenName": "B"}}',
    "a name in two cases": b'{"userName": "ana@corp.example", "USERNAME": "bo@corp.example"}',
    "too deep": b'{"userName": "ana@corp.example", "urn:x:y:z": ' + b'{"a":' * 25 + b"1" + b"}" * 25 + b"}",
    "far too deep": b"[" * 5_000,
    "a list": b"[]",
    "a text": b'"userName"',
    "null": b"null",
}

UNFITTING = {
    "no userName": b"{}",
    "an empty userName": b'{"userName": "  "}',
    "a NUL": b'{"userName": "ana\\u0000@corp.example"}',
    "a NUL inside": b'{"userName": "ana@corp.example", "name": {"givenName": "A\\u0000"}}',
    "a NUL in a name": b'{"userName": "ana@corp.example", "urn:x:y:z": {"a\\u0000": 1}}',
    "a number for a text": b'{"userName": 7}',
    "a number of 40 digits for a text": b'{"userName": "ana@corp.example", "title": ' + b"9" * 40 + b"}",
    "a text for a boolean": b'{"userName": "ana@corp.example", "active": "perhaps"}',
    "an endless userName": b'{"userName": "' + b"a" * 5_000 + b'"}',
    "a userName that folding blows up": b'{"userName": "' + "\ufdfa".encode() * 500 + b'"}',
    "an endless externalId": b'{"userName": "ana@corp.example", "externalId": "' + b"e" * 3_000 + b'"}',
    "a text for a name": b'{"userName": "ana@corp.example", "name": 7}',
}

PATCHES: dict[str, tuple[object, str]] = {
    "no operations": ({}, "invalidSyntax"),
    "an empty list": ({"Operations": []}, "invalidSyntax"),
    "no object": ({"Operations": ["replace"]}, "invalidSyntax"),
    "an unknown op": ({"Operations": [{"op": "move", "path": "title", "value": "x"}]}, "invalidSyntax"),
    "a remove without path": ({"Operations": [{"op": "remove"}]}, "noTarget"),
    "no value": ({"Operations": [{"op": "add", "path": "title"}]}, "invalidValue"),
    "a bad path": ({"Operations": [{"op": "add", "path": "na me[", "value": 1}]}, "invalidPath"),
    "a bad filter": (
        {"Operations": [{"op": "add", "path": "emails[type zz 1]", "value": 1}]},
        "invalidFilter",
    ),
    "a read-only target": ({"Operations": [{"op": "replace", "path": "id", "value": "x"}]}, "mutability"),
    "a required one removed": ({"Operations": [{"op": "remove", "path": "userName"}]}, "mutability"),
    "a NUL": ({"Operations": [{"op": "add", "path": "title", "value": "a\x00"}]}, "invalidValue"),
    "too many": ({"Operations": [{"op": "add", "path": "title", "value": "x"}] * 1_001}, "tooMany"),
}

FILTERS = [
    "userName",
    "userName eq",
    "userName eq ana",
    'userName eq "ana',
    'userName zz "ana"',
    '(userName eq "ana"',
    'userName eq "a%00b"',
    'userName eq "%5Cu0000"',
    'userName eq "%5Cud800"',
    'userName eq "%FF"',
    "userName eq 7",
    'meta.lastModified gt "yesterday"',
    'meta.lastModified sw "2020"',
    "userName gt null",
    'userName.value eq "ana"',
    'usrName eq "ana"',
    'meta eq "x"',
    'externalId[value[value eq "x"]]',
    'urn:ietf:params:scim:schemas:core:2.0:User eq "x"',
    "(" * 40 + 'userName eq "a"' + ")" * 40,
    'userName eq "' + "a" * 4_200 + '"',
]


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_body_is_refused(
    scim: ScimClient, customer: Customer, admin: Connection, name: str
) -> None:
    assert_error(await scim.post("/Users", data=MALFORMED[name], headers=JSON), 400, "invalidSyntax")
    await _nothing_stored(admin, customer, {("users.create", 400, "invalid_syntax")})


@pytest.mark.parametrize("name", UNFITTING)
async def test_an_unfitting_value_is_refused(
    scim: ScimClient, customer: Customer, admin: Connection, name: str
) -> None:
    assert_error(await scim.post("/Users", data=UNFITTING[name], headers=JSON), 400, "invalidValue")
    await _nothing_stored(admin, customer, {("users.create", 400, "invalid_value")})


@pytest.mark.parametrize("name", PATCHES)
async def test_a_bad_patch_changes_nothing(scim: ScimClient, name: str) -> None:
    identifier = await scim.create_user("patched@corp.example")
    before = await scim.user(identifier)
    body, scim_type = PATCHES[name]
    assert_error(await scim.send("PATCH", f"/Users/{identifier}", body), 400, scim_type)
    assert await scim.user(identifier) == before


@pytest.mark.parametrize("name", ["no operations", "an unknown op", "a bad path", "a remove without path"])
async def test_a_bad_patch_of_a_group_changes_nothing(scim: ScimClient, name: str) -> None:
    identifier = await scim.create_group("Patched")
    body, scim_type = PATCHES[name]
    assert_error(await scim.send("PATCH", f"/Groups/{identifier}", body), 400, scim_type)
    assert (await scim.get(f"/Groups/{identifier}")).headers["ETag"] == 'W/"1"'


@pytest.mark.parametrize("text", FILTERS)
async def test_a_bad_filter_is_told_as_one(scim: ScimClient, text: str) -> None:
    for kind in ("Users", "Groups"):
        asked = text.replace("userName", "userName" if kind == "Users" else "displayName")
        assert_error(await scim.get(f"/{kind}?filter={asked}"), 400, "invalidFilter")


@pytest.mark.parametrize("query", ["startIndex=one", "count=1.5", "count=0x10"])
async def test_a_bad_page_is_refused(scim: ScimClient, query: str) -> None:
    assert_error(await scim.get(f"/Users?{query}"), 400, "invalidValue")


async def test_too_many_parameters_are_refused(scim: ScimClient) -> None:
    assert_error(await scim.get("/Users?" + "&".join(f"a{n}=1" for n in range(60))), 400, "invalidValue")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/xml"},
        {"Content-Type": "application/json; charset=iso-8859-1"},
    ],
)
async def test_a_wrong_content_type_is_415(scim: ScimClient, headers: dict[str, str]) -> None:
    body = b'{"userName": "typed@corp.example"}'
    assert_error(await scim.post("/Users", data=body, headers=headers), 415)


async def test_a_compressed_body_is_415(scim: ScimClient) -> None:
    packed = gzip.compress(b'{"userName": "packed@corp.example"}')
    answer = await scim.post("/Users", data=packed, headers={**JSON, "Content-Encoding": "gzip"})
    assert_error(answer, 415)


async def test_too_large_a_body_is_413_announced_or_in_chunks(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    large = b'{"userName": "' + b"a" * (1024 * 1024) + b'"}'

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 65_536):
            yield large[start : start + 65_536]
            await asyncio.sleep(0)

    assert_error(await scim.post("/Users", data=BytesIO(large), headers=JSON), 413)
    assert_error(await scim.post("/Users", data=chunks(), headers=JSON), 413)
    await _nothing_stored(admin, customer, {("users.create", 413, "too_large")})


async def test_chunks_that_fit_are_taken(scim: ScimClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for piece in (b'{"userName"', b': "chunked', b'@corp.example"}'):
            yield piece
            await asyncio.sleep(0)

    assert (await scim.post("/Users", data=chunks(), headers=JSON)).status == 201


async def test_a_bomb_of_brackets_is_413(scim: ScimClient) -> None:
    bomb = b'{"displayName": "Bomb", "x": [' + b"[]," * 200_000 + b"[]]}"
    assert_error(await scim.post("/Groups", data=bomb, headers=JSON), 413)


async def test_too_long_a_url_is_414(scim: ScimClient) -> None:
    assert_error(await scim.get("/Users?x=" + "a" * 8_200), 414)


@pytest.mark.parametrize("identifier", ["x", "%00", "%FF", "..%2F..", "0" * 300, "NULL", "-1"])
@pytest.mark.parametrize("kind", ["Users", "Groups"])
async def test_an_impossible_id_is_as_missing_as_any(scim: ScimClient, kind: str, identifier: str) -> None:
    for method, body in (("GET", None), ("PUT", {"userName": "x@corp.example", "displayName": "x"})):
        assert_error(await scim.send(method, f"/{kind}/{identifier}", body), 404)


async def test_a_refused_write_is_kept_for_somebody_to_see(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    identifier = await scim.create_user("taken@corp.example")
    await scim.post("/Users", {"userName": "taken@corp.example"})
    await scim.patch(f"/Users/{identifier}", {"op": "remove"})
    await scim.get("/Users?filter=x")  # a read that is refused made no person anyway
    rows = await admin.fetch(
        "select operation, status, code, length(trace) as trace from ingest.refusal "
        "where tenant_id = $1 and connection_id = $2 order by operation",
        customer.tenant,
        customer.connection,
    )
    assert [tuple(row) for row in rows] == [
        ("users.create", 409, "uniqueness", 55),
        ("users.patch", 400, "no_target", 55),
    ]


async def test_repeats_of_a_refusal_are_counted_in_one_row_a_minute(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    await scim.create_user("taken@corp.example")
    for _ in range(30):
        assert_error(await scim.post("/Users", {"userName": "taken@corp.example"}), 409, "uniqueness")
    rows = await admin.fetch(
        "select minute, requests, at >= minute as known from ingest.refusal where tenant_id = $1",
        customer.tenant,
    )
    assert sum(row["requests"] for row in rows) == 30
    assert len(rows) == len({row["minute"] for row in rows}) <= 2
    assert all(row["known"] for row in rows)
    [counted] = await admin.fetch(statements("standings")["connections"], customer.tenant)
    [reason] = await admin.fetch(statements("standings")["refusals"], customer.tenant)
    assert counted["refusals"] == reason["requests"] == 30


async def _nothing_stored(admin: Connection, customer: Customer, refused: set[tuple[str, int, str]]) -> None:
    assert (
        await admin.fetchval("select count(*) from ingest.person where tenant_id = $1", customer.tenant) == 0
    )
    assert await admin.fetchval("select count(*) from chain.sync where tenant_id = $1", customer.tenant) == 0
    rows = await admin.fetch(
        "select operation, status, code from ingest.refusal where tenant_id = $1", customer.tenant
    )
    assert {tuple(row) for row in rows} == refused
