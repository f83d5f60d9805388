"""Every scimType of RFC 7644 table 9, provoked over HTTP, with the whole error body."""

from dataclasses import dataclass
from uuid import UUID

import aiohttp
import pytest

from tests.integration.ingest.scim_client import ERROR, ScimClient
from tests.integration.ingest.serving import Ingest
from tests.tenants import Customer

# What RFC 7644 §3.12 defines.
TABLE_9 = {
    *("invalidFilter", "tooMany", "uniqueness", "mutability", "invalidSyntax"),
    *("invalidPath", "noTarget", "invalidValue", "invalidVers", "sensitive"),
}


@dataclass(frozen=True, slots=True)
class Provoked:
    """A request and the error that it is answered with; `{user}` and `{group}` are there before."""

    scim_type: str
    method: str
    path: str
    body: object
    detail: str
    status: int = 400


def patch(**operation: object) -> dict[str, object]:
    return {"Operations": [operation]}


NO_REMOVAL = "A PATCH operation 'remove' needs a 'path' that says what to remove."
NOT_THERE = "The attribute '{}' is missing or empty: {}."
CASES = [
    Provoked("invalidFilter", "GET", "/Users?filter=userName zz 1", None, "zz"),
    Provoked("invalidFilter", "GET", "/Groups?filter=displayName", None, ""),
    Provoked("invalidFilter", "PATCH", "/Users/{user}",
             patch(op="add", path="emails[type zz 1]", value=1), "zz"),
    Provoked("invalidFilter", "POST", "/Users/.search", {"filter": 'password eq "hunter2"'},
             "The filter names 'password', which is never kept: leave it out."),
    Provoked("invalidFilter", "POST", "/.search", {"filter": 'not (PassWord sw "h")'},
             "The filter names 'password', which is never kept: leave it out."),
    Provoked("tooMany", "GET", "/Users?filter=id pr" + " or id pr" * 100, None,
             "The filter has more than 100 comparisons: ask in several requests."),
    Provoked("tooMany", "PATCH", "/Users/{user}",
             {"Operations": [{"op": "add", "path": "title", "value": "x"}] * 201},
             "A PATCH may have at most 200 operations: send several requests."),
    Provoked("uniqueness", "POST", "/Users", {"userName": "THERE@corp.example"},
             "Another user of this connection has this userName, whatever its letter case: match the "
             "existing user or change the userName.", 409),
    Provoked("uniqueness", "PUT", "/Users/{user}", {"userName": "other@corp.example"},
             "Another user of this connection has this userName, whatever its letter case: match the "
             "existing user or change the userName.", 409),
    Provoked("uniqueness", "PATCH", "/Users/{user}", patch(op="add", path="externalId", value="other"),
             "Another resource of this connection has this externalId: match the existing one or correct "
             "the mapping of externalId.", 409),
    Provoked("uniqueness", "POST", "/Groups", {"displayName": "there"},
             "Another group of this connection has this displayName: link the existing group or rename "
             "this one.", 409),
    Provoked("mutability", "PATCH", "/Users/{user}", patch(op="replace", path="id", value="x"), "'id'"),
    Provoked("mutability", "PATCH", "/Groups/{group}", patch(op="replace", path="meta", value={}), "'meta'"),
    Provoked("mutability", "PATCH", "/Users/{user}", patch(op="remove", path="userName"), "'userName'"),
    Provoked("invalidSyntax", "POST", "/Users", [],
             "The body must be one JSON object with the resource's attributes."),
    Provoked("invalidSyntax", "PATCH", "/Groups/{group}", patch(op="move", path="displayName"),
             "The 'op' of a PATCH operation must be add, replace or remove."),
    Provoked("invalidSyntax", "POST", "/Bulk", {"Operations": []},
             "The body of a Bulk must have a list 'Operations' with at least one operation."),
    Provoked("invalidPath", "PATCH", "/Users/{user}", patch(op="add", path="na me[", value=1), ""),
    Provoked("invalidPath", "PATCH", "/Groups/{group}",
             patch(op="remove", path='members[display eq "x"]'),
             'Members are selected by their id only: members[value eq "…"].'),
    Provoked("noTarget", "PATCH", "/Users/{user}", patch(op="remove"), NO_REMOVAL),
    Provoked("noTarget", "PATCH", "/Groups/{group}", patch(op="remove"), NO_REMOVAL),
    Provoked("invalidValue", "POST", "/Users", {},
             NOT_THERE.format("userName", "map it to the person's login")),
    Provoked("invalidValue", "PUT", "/Groups/{group}", {"members": []},
             NOT_THERE.format("displayName", "give the group a name")),
    Provoked("invalidValue", "PATCH", "/Groups/{group}",
             patch(op="add", path="members", value={"value": str(UUID(int=7)), "type": "group"}),
             "1 of the members named are no users and no groups of this connection: provision them before "
             "their membership."),
    Provoked("invalidValue", "GET", "/Users?count=many", None, "count"),
    Provoked("sensitive", "GET", '/Users?filter=password eq "hunter2"', None,
             "A password must not stand in a URL, and this service keeps none: filter by another attribute.",
             403),
    Provoked("sensitive", "GET",
             '/Users?filter=active eq true and urn:ietf:params:scim:schemas:core:2.0:User:PassWord pr', None,
             "A password must not stand in a URL, and this service keeps none: filter by another attribute.",
             403),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.scim_type}-{case.method}{case.path[:12]}")
async def test_an_error_says_its_type_and_what_to_do(scim: ScimClient, case: Provoked) -> None:
    person = await scim.create_user("there@corp.example")
    await scim.create_user("other@corp.example", externalId="other")
    group = await scim.create_group("There")
    path = case.path.replace("{user}", person).replace("{group}", group)
    answer = await scim.send(case.method, path, case.body)
    assert answer.status == case.status
    assert answer.headers["Content-Type"] == "application/scim+json"
    detail = answer.body["detail"]
    assert answer.body == {
        "schemas": [ERROR],
        "status": str(case.status),
        "scimType": case.scim_type,
        "detail": detail,
    }
    assert case.detail in detail
    assert len(detail) > 20
    assert "hunter2" not in detail
    assert (await scim.get(f"/Users/{person}")).headers["ETag"] == 'W/"1"'
    assert (await scim.get(f"/Groups/{group}")).headers["ETag"] == 'W/"1"'


@pytest.mark.parametrize("version", ["v1", "v1.1", "v3", "v20"])
async def test_another_version_of_scim_is_told_as_one(
    ingest: Ingest, session: aiohttp.ClientSession, customer: Customer, version: str
) -> None:
    base = f"{ingest.url}/scim/{version}/{customer.path}"
    answer = await ScimClient(session, base, customer.token).get("/Users")
    assert answer.status == 400
    assert answer.body == {
        "schemas": [ERROR],
        "status": "400",
        "scimType": "invalidVers",
        "detail": "This service speaks SCIM 2.0: the base URL begins /scim/v2/.",
    }


async def test_a_secret_in_a_url_tells_a_stranger_nothing(scim: ScimClient) -> None:
    path = '/Users?filter=password eq "hunter2"'
    stranger = await scim.with_token("vst_nothing").get(path)
    assert stranger.status == 401
    assert stranger.raw == (await scim.with_token("vst_nothing").get("/Users")).raw


async def test_a_password_that_is_only_a_name_is_no_secret(scim: ScimClient) -> None:
    assert await scim.found('/Users?filter=userName eq "password@corp.example"') == []


def test_every_type_of_the_table_is_provoked() -> None:
    assert {case.scim_type for case in CASES} | {"invalidVers"} == TABLE_9
