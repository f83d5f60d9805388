"""Who may call: decided with every statement, answered alike for whoever may not."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.ingest.conftest import NewClient, NewCustomer
from tests.integration.ingest.scim_client import Answer, ScimClient, assert_error
from tests.tenants import Customer
from vestibule.database.pool import Connection
from vestibule.domain.tokens import digest, mint


def assert_unauthorized(answer: Answer) -> None:
    """The one answer to strangers."""
    assert_error(answer, 401)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="vestibule"'
    assert "ETag" not in answer.headers


async def test_strangers_of_every_kind_are_answered_alike(
    scim: ScimClient, new_customer: NewCustomer, client_of: NewClient
) -> None:
    other = await new_customer()
    unknown = ScimClient(scim.session, f"{scim.base.rpartition('/')[0]}/{'a' * 26}", scim.token)
    odd = ScimClient(scim.session, f"{scim.base.rpartition('/')[0]}/Not%20a%20path", scim.token)
    callers = [
        scim.with_token(other.token),
        scim.with_token(mint(os.urandom(32))),
        scim.with_token("vst_short"),
        scim.with_token(scim.token[:-1] + ("A" if scim.token[-1] != "A" else "B")),
        client_of(other).with_token(scim.token),
        unknown,
        odd,
    ]
    answers = [await caller.get("/Users") for caller in callers]
    for answer in answers:
        assert_unauthorized(answer)
    assert len({answer.raw for answer in answers}) == 1


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Token {token}", "{token}"])
async def test_other_ways_to_sign_in_are_no_way(scim: ScimClient, value: str) -> None:
    header = {"Authorization": value.replace("{token}", scim.token)}
    assert_unauthorized(await scim.get("/Users", headers=header))


async def test_the_scheme_has_any_letter_case(scim: ScimClient) -> None:
    assert (await scim.get("/Users", headers={"Authorization": f"bEARER  {scim.token} "})).status == 200


async def test_a_revoked_token_ends_at_once(scim: ScimClient, customer: Customer, admin: Connection) -> None:
    assert (await scim.get("/Users")).status == 200
    await admin.execute("update console.token set revoked_at = now() where hash = $1", digest(customer.token))
    assert_unauthorized(await scim.get("/Users"))
    assert_unauthorized(await scim.post("/Users", {"userName": "late@corp.example"}))


async def test_an_expired_token_is_a_strangers(scim: ScimClient, admin: Connection) -> None:
    end = datetime.now(UTC) - timedelta(seconds=1)
    await admin.execute("update console.token set expires_at = $2 where hash = $1", digest(scim.token), end)
    assert_unauthorized(await scim.get("/Users"))


async def test_two_tokens_work_side_by_side_while_one_replaces_the_other(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    second = mint(os.urandom(32))
    await admin.execute(
        "insert into console.token (hash, tenant_id, connection_id, hint) values ($1, $2, $3, 'new')",
        digest(second),
        customer.tenant,
        customer.connection,
    )
    identifier = await scim.create_user("both@corp.example")
    assert (await scim.with_token(second).get(f"/Users/{identifier}")).status == 200


async def test_the_last_use_of_a_token_is_kept(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    await scim.get("/ServiceProviderConfig")
    used = await admin.fetchval(
        "select last_used_at > now() - interval '1 minute' from console.token where hash = $1",
        digest(customer.token),
    )
    assert used is True


async def test_a_suspended_tenant_is_told_so_and_nothing_is_stored(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    identifier = await scim.create_user("before@corp.example")
    await admin.execute("update console.tenant set state = 'suspended' where id = $1", customer.tenant)
    for answer in (
        await scim.get("/Users"),
        await scim.get(f"/Users/{identifier}"),
        await scim.get("/Users/no-id"),
        await scim.get("/Schemas"),
        await scim.get("/Users?filter=nonsense"),
        await scim.post("/Users", {"userName": "during@corp.example"}),
        await scim.post("/Users", {}),
        await scim.put(f"/Users/{identifier}", {"userName": "x@corp.example"}),
        await scim.patch(f"/Users/{identifier}", {"op": "add", "path": "title", "value": "x"}),
        await scim.delete(f"/Users/{identifier}"),
        await scim.post("/Groups", {"displayName": "x"}),
    ):
        assert_error(answer, 403)
        assert "suspended" in answer.body["detail"]
    people = "select count(*) from ingest.person where tenant_id = $1"
    assert await admin.fetchval(people, customer.tenant) == 1
    refused = await admin.fetch(
        "select distinct code from ingest.refusal where tenant_id = $1 order by code", customer.tenant
    )
    assert [row["code"] for row in refused] == ["forbidden", "invalid_value"]


@pytest.mark.parametrize("mode", ["paused", "shadow"])
async def test_a_paused_or_shadowed_connection_stores_and_answers(
    scim: ScimClient, customer: Customer, admin: Connection, mode: str
) -> None:
    await admin.execute("update console.connection set mode = $2 where id = $1", customer.connection, mode)
    identifier = await scim.create_user("kept@corp.example")
    assert (await scim.user(identifier))["userName"] == "kept@corp.example"


async def test_a_stranger_with_a_bad_request_hears_only_that_he_is_one(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    stranger = scim.with_token(mint(os.urandom(32)))
    identifier = await scim.create_user("target@corp.example")
    for answer in (
        await stranger.post("/Users", {}),
        await stranger.post("/Users", data=b"{", headers={"Content-Type": "application/json"}),
        await stranger.post("/Users", data=b"x", headers={"Content-Type": "text/plain"}),
        await stranger.post("/Users", {"userName": "a" * 5_000}),
        await stranger.get("/Users?filter=nonsense"),
        await stranger.get("/Users?x=" + "a" * 8_200),
        await stranger.get("/Users/no-id"),
        await stranger.get("/Schemas?filter=x"),
        await stranger.get("/Schemas/unknown"),
        await stranger.patch(f"/Users/{identifier}"),
        await stranger.delete(f"/Users/{identifier}", headers={"If-Match": 'W/"7"'}),
    ):
        assert_unauthorized(answer)
    count = "select count(*) from ingest.refusal where tenant_id = $1"
    assert await admin.fetchval(count, customer.tenant) == 0


async def test_probes_need_no_token_and_are_no_scim(scim: ScimClient) -> None:
    root = ScimClient(scim.session, scim.base.partition("/scim/")[0], "none")
    assert (await root.get("/healthz")).body == {"status": "alive"}
    assert (await root.get("/readyz")).body == {"ready": True, "failing": []}
    shown = (await root.get("/metrics")).raw.decode()
    assert 'vestibule_requests_total{method="GET",route="/scim/v2/{connection}/Users"' in shown
    assert customer_free(shown, scim)


def customer_free(text: str, scim: ScimClient) -> bool:
    """Nothing of the connection's name or token is shown."""
    return scim.token not in text and scim.base.rpartition("/")[2] not in text
