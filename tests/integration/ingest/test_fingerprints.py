"""A connection's fingerprint: what every replica counted adds up in the database, nothing else."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import aiohttp

from tests.integration.ingest.bulk_requests import send, user
from tests.integration.ingest.processes import running
from tests.integration.ingest.scim_client import ScimClient
from tests.integration.ingest.serving import PUBLIC_URL, serving
from tests.stack import Database
from tests.tenants import Customer
from tests.waiting import until
from vestibule.database.pool import Connection

BOUND_SECONDS = 30.0
SOON = 0.05
NEVER = 300.0
COUNTS = "select trait || ' ' || code, requests from ingest.fingerprint where tenant_id = $1"
OKTA = {"User-Agent": "Okta SCIM Client 1.0.0"}
CAPITAL = {"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}

Client = Callable[[str], ScimClient]


async def counts(admin: Connection, customer: Customer) -> dict[str, int]:
    return {row[0]: row[1] for row in await admin.fetch(COUNTS, customer.tenant)}


def has(admin: Connection, customer: Customer, wanted: dict[str, int]) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return await counts(admin, customer) == wanted

    return look


async def test_replicas_add_up_what_each_of_them_saw(
    store: Database, customer: Customer, session: aiohttp.ClientSession, admin: Connection
) -> None:
    soon = {"VESTIBULE_FINGERPRINT_SECONDS": "0.1"}
    url = store.url("vestibule_ingest")
    async with running(url, PUBLIC_URL, **soon) as one, running(url, PUBLIC_URL, **soon) as other:
        first, second = (
            ScimClient(session, f"{at}/scim/v2/{customer.path}", customer.token) for at in (one, other)
        )
        answer = await first.post("/Users", {"userName": "ana@corp.example"}, headers=OKTA)
        await second.post("/Users", {"userName": "ANA@corp.example"}, headers=OKTA)
        for replica in (first, second, first):
            await replica.send("PATCH", f"/Users/{answer.id}", CAPITAL, headers=OKTA)
        await second.get(f"/Users/{answer.id}", headers={"User-Agent": "ana@corp.example\t<script>"})
        wanted = {
            "client okta": 5,
            "client other": 1,
            "operation users.create": 2,
            "operation users.patch": 3,
            "operation users.read": 1,
            "repair operation_case": 3,
            "repair boolean_as_text": 3,
            "error uniqueness": 1,
        }
        await until(has(admin, customer, wanted), BOUND_SECONDS, "both replicas' counts")
    assert await counts(admin, customer) == wanted
    [[ordered]] = await admin.fetch(
        "select bool_and(first_at <= last_at and last_at > now() - interval '5 minutes') "
        "from ingest.fingerprint where tenant_id = $1",
        customer.tenant,
    )
    assert ordered


async def test_a_repair_counts_whatever_it_was_needed_for(
    store: Database, customer: Customer, session: aiohttp.ClientSession, admin: Connection
) -> None:
    async with serving(store.url("vestibule_ingest"), fingerprint_seconds=SOON) as ingest:
        scim = ScimClient(session, ingest.base(customer.path), customer.token)
        for path, name in (("/Users", "userName"), ("/Groups", "displayName")):
            made = await scim.post(path, {name: "one", "colour": "red"})
            await scim.put(f"{path}/{made.id}", {name: "two", "colour": "red"})
            await scim.patch(f"{path}/{made.id}", {"op": "add", "path": "colour", "value": "red"})
        operations = {
            f"operation {noun}.{verb}": 1
            for noun in ("users", "groups")
            for verb in ("create", "replace", "patch")
        }
        wanted = {"client other": 6, "repair unknown_attribute": 6, **operations}
        await until(has(admin, customer, wanted), BOUND_SECONDS, "every repair")


async def test_operations_of_a_bulk_count_by_themselves(
    store: Database, customer: Customer, session: aiohttp.ClientSession, admin: Connection
) -> None:
    async with serving(store.url("vestibule_ingest"), fingerprint_seconds=SOON) as ingest:
        scim = ScimClient(session, ingest.base(customer.path), customer.token)
        await send(scim, user("a"), user("a") | {"bulkId": "b"})
        flagged = ScimClient(session, ingest.base(customer.path) + "?aadOptscim062020", customer.token)
        assert (await flagged.get("/Groups?count=0")).status == 200
        wanted = {
            "client other": 2,
            "operation bulk.create": 1,
            "operation users.create": 2,
            "operation groups.read": 1,
            "repair flagged_base_url": 1,
            "error uniqueness": 1,
        }
        await until(has(admin, customer, wanted), BOUND_SECONDS, "the counts")


async def test_what_was_counted_last_is_added_by_a_service_that_stops(
    store: Database, customer: Customer, session: aiohttp.ClientSession, admin: Connection
) -> None:
    async with serving(store.url("vestibule_ingest"), fingerprint_seconds=NEVER) as ingest:
        scim = ScimClient(session, ingest.base(customer.path), customer.token)
        await asyncio.gather(*(scim.get("/Users?count=0", headers=OKTA) for _ in range(20)))
        assert await counts(admin, customer) == {}
    assert await counts(admin, customer) == {"client okta": 20, "operation users.read": 20}


async def test_strangers_and_gone_tokens_leave_nothing(
    store: Database, customer: Customer, session: aiohttp.ClientSession, admin: Connection
) -> None:
    async with serving(store.url("vestibule_ingest"), fingerprint_seconds=NEVER) as ingest:
        scim = ScimClient(session, ingest.base(customer.path), customer.token)
        for stranger in (scim.with_token("vst_nothing"), scim.with_token("")):
            assert (await stranger.post("/Users", {"x": None, "userName": ""})).status == 401
        assert (await scim.get("/Users?count=0")).status == 200
        await admin.execute(
            "update console.token set revoked_at = now() where tenant_id = $1", customer.tenant
        )
    assert await counts(admin, customer) == {}


async def test_what_cannot_be_added_now_is_added_later(
    store: Database,
    customer: Customer,
    session: aiohttp.ClientSession,
    admin: Connection,
    new_customer: Callable[[], Awaitable[Customer]],
) -> None:
    other = await new_customer()
    async with serving(store.url("vestibule_ingest"), fingerprint_seconds=SOON) as ingest:
        one, another = (ScimClient(session, ingest.base(each.path), each.token) for each in (customer, other))
        await one.get("/Users?count=0", headers=OKTA)
        await until(
            has(admin, customer, {"client okta": 1, "operation users.read": 1}), BOUND_SECONDS, "the first"
        )
        async with admin.transaction():
            await admin.execute(
                "select from ingest.fingerprint where tenant_id = $1 for update", customer.tenant
            )
            for scim in (one, another):  # no request waits for it
                assert (await scim.get("/Users?count=0", headers=OKTA)).status == 200
            await until(is_waited_for(admin, customer.tenant), BOUND_SECONDS, "an addition that waits")
            for scim in (one, another):
                assert (await scim.get("/Users?count=0", headers=OKTA)).status == 200
        for each, times in ((customer, 3), (other, 2)):
            wanted = {"client okta": times, "operation users.read": times}
            await until(has(admin, each, wanted), BOUND_SECONDS, "everything")


def is_waited_for(admin: Connection, _tenant: UUID) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        waiting: bool = await admin.fetchval(
            "select exists (select from pg_locks l join pg_stat_activity a using (pid) "
            "where not l.granted and a.query like '%add_fingerprints%')"
        )
        return waiting

    return look
