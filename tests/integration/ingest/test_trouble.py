"""The database in trouble: 503 and a time to come back, never a 500, and well again by itself."""

import asyncio
from functools import partial

import aiohttp
import pytest

from tests.integration.ingest.scim_client import Answer, ScimClient, assert_error
from tests.integration.ingest.serving import serving
from tests.stack import Database
from tests.tenants import Customer
from tests.waiting import until
from vestibule.database.pool import Connection, open_pool
from vestibule.domain.tokens import mint
from vestibule_ingest.lanes import Lanes

BOUND_SECONDS = 20.0


async def test_without_a_database_everything_is_503_and_the_probes_say_so(
    session: aiohttp.ClientSession,
) -> None:
    async with serving("postgresql://vestibule_ingest:x@127.0.0.1:1/vestibule", pool_size=2) as ingest:
        scim = ScimClient(session, ingest.base("a" * 26), mint(bytes(32)))
        for answer in (await scim.get("/Users"), await scim.post("/Users", {"userName": "x@corp.example"})):
            assert_error(answer, 503)
            assert answer.headers["Retry-After"] == "1"
        root = ScimClient(session, ingest.url, "none")
        ready = await root.get("/readyz")
        assert (ready.status, ready.body) == (503, {"ready": False, "failing": ["database"]})
        assert (await root.get("/healthz")).status == 200


async def test_broken_connections_are_replaced(
    store: Database, customer: Customer, session: aiohttp.ClientSession, admin: Connection
) -> None:
    async with serving(store.url("vestibule_ingest"), pool_size=3, name="ingest-broken") as ingest:
        scim = ScimClient(session, ingest.base(customer.path), customer.token)
        await asyncio.gather(*(scim.get("/Users") for _ in range(9)))
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'ingest-broken' and datname = current_database()"
        )
        seen: list[Answer] = []

        async def well_again() -> bool:
            answers = await asyncio.gather(*(scim.get("/Users") for _ in range(9)))
            seen.extend(answers)
            return all(answer.status == 200 for answer in answers)

        await until(well_again, BOUND_SECONDS, "well again")
        assert {answer.status for answer in seen} <= {200, 503}


async def test_a_lock_that_is_held_for_long_is_a_503_for_that_person_only(
    scim: ScimClient, admin: Connection
) -> None:
    locked = await scim.create_user("locked@corp.example")
    other = await scim.create_user("other@corp.example")
    title = {"op": "add", "path": "title", "value": "x"}
    async with admin.transaction():
        await admin.execute("select from ingest.person where id = $1 for update", locked)
        waiting = asyncio.create_task(scim.patch(f"/Users/{locked}", title))
        assert (await scim.patch(f"/Users/{other}", title)).status == 200
        assert_error(await waiting, 503)
    assert (await scim.patch(f"/Users/{locked}", title)).status == 200


async def test_a_search_that_takes_too_long_is_too_much_and_not_to_be_repeated(
    scim: ScimClient, admin: Connection
) -> None:
    cancel = (
        "select coalesce(bool_or(pg_cancel_backend(pid)), false) from pg_stat_activity "
        "where pg_backend_pid() = any (pg_blocking_pids(pid))"
    )

    async def cancelled() -> bool:
        found: bool = await admin.fetchval(cancel)
        return found

    async with admin.transaction():
        await admin.execute("lock table ingest.person in access exclusive mode")
        asked = asyncio.create_task(scim.get('/Users?filter=title co "x"'))
        await until(cancelled, BOUND_SECONDS, "cancelled")  # as the statement's own time limit does
        assert_error(await asked, 400, "tooMany")


async def test_a_connection_left_in_the_middle_of_something_is_never_used_again(store: Database) -> None:
    """The pool resets nothing: one that is stuck would come back from it for ever."""
    lanes = Lanes(partial(open_pool, store.url("vestibule_ingest"), 1, "lanes", attempts=1), 1)
    assert await lanes.open()

    async def server_process() -> int:
        async with lanes.take() as connection:
            found: int = await connection.fetchval("select pg_backend_pid()")
            return found

    before = await server_process()
    with pytest.raises(TimeoutError):
        async with lanes.take() as connection, asyncio.timeout(0.05):
            await connection.execute("select pg_sleep(10)")
    async with asyncio.timeout(BOUND_SECONDS):
        assert await server_process() != before
    await lanes.close()
