"""What a statement reads follows what it was asked, in a connection of ten and of fifty thousand.

Nobody runs ANALYZE, and every statement was planned while the tables were empty: as in the first minute.
"""

import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.integration.ingest.crowds import many, many_of_old, many_teams
from tests.stack import Database
from tests.tenants import Customer, make_customer, make_desk
from vestibule.database.pool import Connection
from vestibule.database.sources import PERSONS
from vestibule.database.statements import statements
from vestibule.domain.tokens import digest, mint
from vestibule.scim.conditions import as_conditions
from vestibule.scim.filters import parse_filter
from vestibule.scim.sources import Parameters
from vestibule_ingest.finding import ARGUMENTS
from vestibule_ingest.lanes import REPLAN, SESSION

PLANNED = 12  # executions, after which PostgreSQL keeps its generic plans
CROWD = 50_000
PAGE = 100
MOST_READ_BY_A_PAGE = 4_000  # of a hundred persons: what lies between two milestones, twice
WALKED = 700  # persons, of the 750 between a milestone and the page
TEAM = 50
MOST_READ_BY_A_TEAM = 5 * TEAM  # each member by its id, through two indexes
MOST_READ = 20  # tuples by all tables and indexes together; a walk over the crowd would be thousands

NESTED = """
insert into ingest.subgroup (tenant_id, connection_id, group_id, member_id)
select $1, $2, $3, unnest($4::uuid[])
"""
READ = """
select sum(pg_stat_get_xact_tuples_returned(r) + pg_stat_get_xact_tuples_fetched(r))::integer
  from (select oid from pg_class where relnamespace = 'ingest'::regnamespace and relkind = 'r') as tables (t),
       lateral (select t union all select indexrelid from pg_index where indrelid = t) as relations (r)
"""


@dataclass(frozen=True, slots=True)
class Call:
    """A named statement and its arguments."""

    file: str
    name: str
    arguments: list[Any]


@pytest.fixture
async def arranging(database: Database) -> AsyncIterator[Connection]:
    """The administrator of a database without a row."""
    async with database.administrator() as connection:
        yield connection


@pytest.fixture
async def lane(database: Database) -> AsyncIterator[Connection]:
    """A session as the service has it, but one that may become the administrator to read its statistics."""
    connection = await asyncpg.connect(database.admin_url, server_settings={"search_path": "pg_catalog"})
    await connection.execute(SESSION)
    yield connection
    await connection.close()


def calls(customer: Customer, member: str, group: str, stranger: str) -> Mapping[str, Call]:
    """Every statement that works on one resource."""
    who: list[Any] = [customer.path, digest(customer.token)]
    person, target = [*who, UUID(member)], [*who, UUID(group)]
    name = uuid4().hex
    document = json.dumps({"userName": name})
    keys = [name, name, name, name]
    nothing, changed = [None, None, None], [None, "patch", None]

    def find(key: str, value: str) -> Call:
        return Call("persons", "find", [*who, key, value, None, 0, 100])

    def read(key: str, value: str) -> Call:
        return Call("persons", "read", [[one] for one in (*who, key, value, None)])

    def search(condition: str, *arguments: str, size: int = 100) -> Call:
        wanted = [condition, None, arguments, None, None, False, False, None, None, 0, size, False]
        return Call("searches", "search", [*who, *wanted])

    def change(document: str | None, added: list[str], removed: list[str]) -> Call:
        version = 1 if document else None
        write = [version, None, name, document, None, False]
        return Call("groups", "change", [*target, *write, added, [], [], removed, [], False, None])

    return {
        "create a person": Call(
            "persons",
            "write",
            [20, *([one] for one in (*who, uuid4(), None, *keys, True, document, *nothing))],
        ),
        "change a person": Call(
            "persons", "write", [20, *([one] for one in (*person, 1, *keys, False, document, *changed))]
        ),
        "remove a person": Call("persons", "remove", [*person, None, None]),
        "read by id": read("id", member),
        "read by userName": read("user_name", member),
        "read by externalId": read("external_id", member),
        "find by e-mail": find("email", member),
        "find by displayName": find("display_name", member),
        "find by group": find("group", stranger),
        **{
            f"search by {text}": search(*condition_of(text))
            for text in (
                f'userName eq "{member}" and title pr',
                f'userName eq "{member}" or userName eq "{stranger}"',
                f'externalId eq "{member}" and not (active eq false)',
                f'displayName eq "{member}" and name.givenName sw "a"',
                f'id eq "{member}" or externalId eq "{stranger}"',
                f'groups.value eq "{stranger}"',
            )
        },
        "add a member": change(None, [stranger], []),
        "remove a member": change(None, [], [member]),
        "rename a group": change(document, [], []),
        "read a group without members": Call("groups", "read", [*target, False]),
        "find a group": Call("groups", "find", [*who, "display_name", group, None, False, 0, 100]),
        "check a member": Call("groups", "find", [*who, "id", group, UUID(member), False, 0, 100]),
    }


def condition_of(text: str) -> list[str]:
    """A filter on users as the statement takes it: the condition, then its arguments."""
    parameters = Parameters(ARGUMENTS, "https://scim.provider.example")
    [condition] = as_conditions(parse_filter(text), [PERSONS], parameters)
    return [condition, *parameters.values]


async def test_no_statement_reads_the_crowd(arranging: Connection, lane: Connection) -> None:
    customer = await make_customer(arranging, await make_desk(arranging), token=mint(os.urandom(32)))
    for _ in range(PLANNED):
        for call in calls(customer, str(uuid4()), str(uuid4()), str(uuid4())).values():
            await cost(lane, call)
    people = await many(arranging, customer, CROWD)
    await lane.execute(REPLAN)
    group = uuid4()
    who = (customer.path, digest(customer.token))
    named: list[Any] = [people[:-1], [], []]
    made = await arranging.fetchrow(
        statements("groups")["create"], *who, group, None, str(group), "{}", None, *named, False, None
    )
    assert made is not None
    assert made["verdict"] == "created"
    read = {
        what: await cost(lane, call)
        for what, call in calls(customer, people[7], str(group), people[-1]).items()
    }
    assert {what: tuples for what, tuples in read.items() if tuples > MOST_READ} == {}
    assert read["read by id"] > 0  # else nothing was measured


async def test_no_statement_is_planned_anew_for_its_arguments(
    arranging: Connection, lane: Connection
) -> None:
    """By its own choice PostgreSQL would do so for ever where the statistics know no row of a tenant."""
    customer = await make_customer(arranging, await make_desk(arranging), token=mint(os.urandom(32)))
    for _ in range(PLANNED):
        for call in calls(customer, str(uuid4()), str(uuid4()), str(uuid4())).values():
            await cost(lane, call)
    planned = "select sum(generic_plans)::integer, sum(custom_plans)::integer from pg_prepared_statements"
    [(generic, custom)] = await lane.fetch(planned)
    assert generic > PLANNED
    assert custom == 0


async def test_a_page_reads_the_same_wherever_it_is(arranging: Connection, lane: Connection) -> None:
    for table in ("person", "group_member"):  # vacuumed below
        await arranging.execute(f"alter table ingest.{table} set (autovacuum_enabled = false)")
    read, at_rest = {}, {}
    for size in (2_000, 20_000):
        customer = await make_customer(arranging, await make_desk(arranging), token=mint(os.urandom(32)))
        people = await many_of_old(arranging, customer, size)
        await many_teams(arranging, customer, size // 20, people)
        who = [customer.path, digest(customer.token)]
        page: list[Any] = ["true", None, [], None, None, False, False, None, None, size - 250, PAGE, False]
        call = Call("searches", "search", [*who, *page])
        await lane.fetch(statements(call.file)[call.name], *call.arguments)  # sets the milestones
        for _ in range(PLANNED):  # until the plan is one that is kept
            await cost(lane, call)
        read[size] = await cost(lane, call)
        await arranging.execute("vacuum ingest.person")  # as the server does by itself
        at_rest[size] = await cost(lane, call)
        await arranging.execute("vacuum ingest.group_member")
        assert await cost(lane, call) < at_rest[size] - PAGE // 2  # who is in which group is in an index, too
    assert read[20_000] < read[2_000] + 50
    assert read[20_000] < MOST_READ_BY_A_PAGE
    assert at_rest[20_000] < read[20_000] - WALKED  # the way to the page is in the index


async def test_a_page_of_groups_reads_what_it_shows(arranging: Connection, lane: Connection) -> None:
    """Besides counting and walking, which are done in the index."""
    await arranging.execute('alter table ingest."group" set (autovacuum_enabled = false)')  # vacuumed below
    customer = await make_customer(arranging, await make_desk(arranging), token=mint(os.urandom(32)))
    await many_teams(arranging, customer, 2_000, [])
    page: list[Any] = [None, "true", [], None, None, False, False, None, None, 1_800, PAGE, False]
    call = Call("searches", "search", [customer.path, digest(customer.token), *page])
    await cost(lane, call)
    await arranging.execute('vacuum ingest."group"')
    assert await cost(lane, call) < 2_000 + 1_800 + 3 * PAGE


async def test_a_group_among_many_in_one_reads_its_own_members(
    arranging: Connection, lane: Connection
) -> None:
    """The statistics know one group with groups in it: every group looks as if it had them all."""
    customer = await make_customer(arranging, await make_desk(arranging), token=mint(os.urandom(32)))
    company, *teams = await many_teams(arranging, customer, 2_000, [])
    await arranging.execute(NESTED, customer.tenant, customer.connection, company, teams)
    await arranging.execute("vacuum (analyze) ingest.subgroup")
    for _ in range(PLANNED):
        who = [customer.path, digest(customer.token)]
        assert await cost(lane, Call("groups", "read", [*who, UUID(teams[0]), True])) < MOST_READ
        member = Call("groups", "find", [*who, "member", None, UUID(teams[0]), False, 0, PAGE])
        assert await cost(lane, member) < MOST_READ


async def test_a_changed_person_touches_no_index(arranging: Connection, lane: Connection) -> None:
    """A fifth changes, as between two rounds of vacuum: nearly everybody has room on the page where he is."""
    customer = await make_customer(arranging, await make_desk(arranging), token=mint(os.urandom(32)))
    people = await many_of_old(arranging, customer, 2_000, filling=900)
    changed = people[::5]
    document = json.dumps({"userName": "changed", "title": "y" * 900})
    each: list[Any] = [customer.path, digest(customer.token)]
    columns = [[one] * len(changed) for one in each]
    columns += [[UUID(one) for one in changed], [1] * len(changed)]
    columns += [changed, changed, changed, changed, [True] * len(changed), [document] * len(changed)]
    columns += [[one] * len(changed) for one in (None, "patch", None)]
    async with lane.transaction():
        await lane.execute("set local role vestibule_ingest")
        rows = await lane.fetch(statements("persons")["write"], 20, *columns)
        await lane.execute("reset role")
        hot = await lane.fetchval("select pg_stat_get_xact_tuples_hot_updated('ingest.person'::regclass)")
    assert {row["verdict"] for row in rows} == {"replaced"}
    assert hot > 0.9 * len(changed)


async def test_a_group_reads_its_members_only(arranging: Connection, lane: Connection) -> None:
    """Each of the fifty among all people; among a thousand groups, a person's own."""
    customer = await make_customer(arranging, await make_desk(arranging), token=mint(os.urandom(32)))
    who = [customer.path, digest(customer.token)]
    for _ in range(PLANNED):
        await cost(lane, Call("groups", "read", [*who, uuid4(), True]))
        await cost(lane, Call("persons", "read", [[one] for one in (*who, "id", str(uuid4()), None)]))
    people = await many_of_old(arranging, customer, 1_000 * TEAM)
    teams = await many_teams(arranging, customer, 1_000, people)
    await lane.execute(REPLAN)
    for _ in range(PLANNED):  # whatever plan it is
        team = await cost(lane, Call("groups", "read", [*who, UUID(teams[500]), True]))
        person = await cost(lane, Call("persons", "read", [[one] for one in (*who, "id", people[-1], None)]))
        assert TEAM < team < MOST_READ_BY_A_TEAM
        assert 0 < person < MOST_READ


async def cost(lane: Connection, call: Call) -> int:
    """How many tuples a statement reads; what it writes is taken back."""
    before: int = await lane.fetchval(READ)
    transaction = lane.transaction()
    await transaction.start()
    try:
        await lane.execute("set local role vestibule_ingest")
        await lane.fetch(statements(call.file)[call.name], *call.arguments)
        await lane.execute("reset role")
        after: int = await lane.fetchval(READ)
    finally:
        await transaction.rollback()
    return after - before
