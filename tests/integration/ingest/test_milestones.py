"""Totals and pages are exact while people come and go, although nobody counts them all each time."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from tests.integration.ingest.crowds import many_of_old
from tests.integration.ingest.scim_client import ScimClient
from tests.stack import Database
from tests.tenants import Customer
from tests.waiting import until
from vestibule.database.persons import Created, NewPerson, PersonWrite, write_persons
from vestibule.database.pool import Connection, json_text
from vestibule.domain.identifiers import uuid7
from vestibule.domain.tokens import Credential, digest

CROWD = 4_500
MILESTONES = "select count(*) from ingest.milestone where tenant_id = $1"
WRONG = """
select count(*) from ingest.milestone m
 where m.tenant_id = $1 and m.position <> (
       select count(*) from ingest.person p
        where p.tenant_id = m.tenant_id and p.connection_id = m.connection_id and p.removed_at is null
          and p.id <= m.id)
"""
THERE = "select id::text from ingest.person where tenant_id = $1 and removed_at is null order by id"


@pytest.fixture
async def lane(store: Database) -> AsyncIterator[Connection]:
    """A session of the service's role, to create with ids of its own choice."""
    connection = await asyncpg.connect(
        store.url("vestibule_ingest"), server_settings={"search_path": "pg_catalog"}
    )
    yield connection
    await connection.close()


def newcomer(customer: Customer, identifier: UUID) -> NewPerson:
    """One whose id was chosen by an ingest's clock."""
    write = PersonWrite(json_text({"userName": "late"}), None, None, "late", None, None, True)
    return NewPerson(Credential(customer.path, digest(customer.token)), identifier, write, None)


async def judge(scim: ScimClient, customer: Customer, admin: Connection) -> None:
    """Every page has who is there, in order, and the total is their number."""
    there = [row["id"] for row in await admin.fetch(THERE, customer.tenant)]
    for start in (1, 999, 1_000, 1_001, 2_500, len(there) - 20, len(there) + 1):
        answer = await scim.get(f"/Users?startIndex={start}&count=30&attributes=id")
        assert answer.body["totalResults"] == len(there)
        assert [user["id"] for user in answer.body["Resources"]] == there[start - 1 : start + 29]
    assert await admin.fetchval(WRONG, customer.tenant) == 0


async def test_totals_and_pages_stay_exact(
    scim: ScimClient, customer: Customer, admin: Connection, lane: Connection
) -> None:
    people = await many_of_old(admin, customer, CROWD)
    await judge(scim, customer, admin)
    assert await admin.fetchval(MILESTONES, customer.tenant) == CROWD // 1_000
    gone = [people[999], people[0], people[-1], *people[700:4_400:411]]
    for person in gone:
        assert (await scim.delete(f"/Users/{person}")).status == 204
    await judge(scim, customer, admin)
    for person in gone[:5]:  # they come back, each at the place of old
        answer = await scim.post("/Users", {"userName": person, "externalId": person})
        assert (answer.status, answer.id) == (201, person)
    await judge(scim, customer, admin)
    # one whose clock is late: it comes between those of old
    late = newcomer(customer, UUID(int=UUID(people[1_500]).int + 1))
    [made] = await write_persons(lane, [late], 1.0)
    assert isinstance(made, Created)
    await judge(scim, customer, admin)


async def test_who_came_two_seconds_ago_is_not_counted_one_by_one(
    scim: ScimClient, customer: Customer, admin: Connection, lane: Connection
) -> None:
    people = await many_of_old(admin, customer, CROWD, seconds=CROWD // 1_000 + 2.5)  # the last one: 2.5
    await judge(scim, customer, admin)
    assert await admin.fetchval(MILESTONES, customer.tenant) == CROWD // 1_000
    # created late: its id is from among them
    late = newcomer(customer, UUID(int=UUID(people[3_500]).int + 1))
    [made] = await write_persons(lane, [late], 1.0)
    assert isinstance(made, Created)
    await judge(scim, customer, admin)


async def test_who_is_being_created_is_not_counted_past(
    scim: ScimClient, customer: Customer, admin: Connection, lane: Connection
) -> None:
    """Its id is the older one, its commit the later one, however long that takes."""
    await many_of_old(admin, customer, 1_500)
    transaction = lane.transaction()
    await transaction.start()
    began = time.time()
    slow = newcomer(customer, uuid7(int(began * 1000), os.urandom(10)))
    [made] = await write_persons(lane, [slow], 1.0)
    assert isinstance(made, Created)
    await many_of_old(admin, customer, CROWD, seconds=time.time() - began - 0.001)

    async def everybody_is_of_old() -> bool:
        return time.time() - began > CROWD / 1_000 + 3

    await until(everybody_is_of_old, 30, "the time goes by")
    await judge(scim, customer, admin)
    assert await admin.fetchval(MILESTONES, customer.tenant) == 1
    await transaction.commit()
    await judge(scim, customer, admin)
    assert await admin.fetchval(MILESTONES, customer.tenant) == (1_500 + 1 + CROWD) // 1_000


async def test_who_leaves_while_milestones_are_set_is_not_counted(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    people = await many_of_old(admin, customer, CROWD)
    requests = [scim.get("/Users?count=0") for _ in range(20)]
    removals = [scim.delete(f"/Users/{person}") for person in people[:2_000:50]]
    answers = await asyncio.gather(*(one for pair in zip(requests, removals, strict=False) for one in pair))
    assert {answer.status for answer in answers} <= {200, 204}
    for removal in removals[len(requests) :]:
        await removal
    await judge(scim, customer, admin)
    assert await admin.fetchval(MILESTONES, customer.tenant) > 0
