"""What a filter means is said twice: by the evaluator, and by the database. This holds both equal.

Each case is a random population, stored by the statements that the service uses, and random filters on it,
answered to the service's own role under row level security. `--hypothesis-profile=long` takes 10,000 of them.
"""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.integration.ingest.filters_of_what_is_there import filters_of
from tests.integration.ingest.populations import looked_up, searched, shown, store
from tests.integration.ingest.random_resources import group_filters, groups, user_filters, users
from tests.stack import Database
from tests.tenant_schema import tailored
from tests.tenants import define_schemas, make_customer, make_desk
from vestibule.database.pool import Connection
from vestibule.domain.tokens import Credential, digest
from vestibule.scim.attributes import ResourceType
from vestibule.scim.filters import parse_filter
from vestibule.scim.lookups import as_lookup
from vestibule.scim.matching import matches
from vestibule_ingest.lanes import SESSION

FILTERS_PER_CASE = 2
TYPES = tailored()  # of a tenant that defined a schema


@pytest.fixture
async def lane(database: Database) -> AsyncIterator[Connection]:
    """A session as the service has it."""
    connection = await asyncpg.connect(
        database.url("vestibule_ingest"), server_settings={"search_path": "pg_catalog", "jit": "off"}
    )
    await connection.execute(SESSION)
    yield connection
    await connection.close()


@pytest.fixture
async def callers(database: Database) -> tuple[Credential, Credential]:
    """One whose resources are searched, and one whose must never be found."""
    async with database.administrator() as admin:
        desk = await make_desk(admin)
        mine, other = await make_customer(admin, desk), await make_customer(admin, desk)
        for customer in (mine, other):
            await define_schemas(admin, customer, *TYPES.extensions)
    one, two = (Credential(customer.path, digest(customer.token)) for customer in (mine, other))
    return one.reading_by(TYPES.version), two.reading_by(TYPES.version)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(data=st.data())
async def test_the_database_finds_what_the_evaluator_finds(
    data: st.DataObject, lane: Connection, callers: tuple[Credential, Credential]
) -> None:
    mine, other = callers
    people = data.draw(st.lists(users, min_size=1, max_size=4))
    teams = data.draw(st.lists(groups, max_size=4))
    transaction = lane.transaction()
    await transaction.start()
    try:
        await store(lane, other, people, teams, data, TYPES.user)
        population = await store(lane, mine, people, teams, data, TYPES.user)
        bodies = await shown(lane, mine)
        for _ in range(FILTERS_PER_CASE):
            await check(lane, mine, TYPES.user, data.draw(user_filters(population.ids)), bodies)
            await check(lane, mine, TYPES.group, data.draw(group_filters(population.ids)), bodies)
            for kind in TYPES.both:
                if there := of_kind(kind, bodies):
                    await check(lane, mine, kind, data.draw(filters_of(there)), bodies)
    finally:
        await transaction.rollback()


async def check(
    lane: Connection, caller: Credential, kind: ResourceType, text: str, bodies: list[dict[str, Any]]
) -> None:
    """One filter: evaluator, translation and, where one key answers it, the look-up agree."""
    note(f"{kind.name}: {text}")
    condition = parse_filter(text)
    wanted = [body["id"] for body in of_kind(kind, bodies) if matches(condition, body, kind)]
    assert await searched(lane, caller, kind, condition) == (len(wanted), wanted)
    lookup = as_lookup(condition, kind)
    if lookup is not None:
        assert await looked_up(lane, caller, kind, lookup) == (len(wanted), wanted)


def of_kind(kind: ResourceType, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [body for body in bodies if body["meta"]["resourceType"] == kind.name]
