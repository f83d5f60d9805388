"""The router's own role sees what it entered and may write its own columns only."""

import json

import asyncpg
import pytest

from tests.integration.tenant_router.arranging import Arranger, deliveries
from vestibule.database.pool import Pool
from vestibule_tenant_router.deciding import Deciding

TABLES = ("decision", "account", '"case"', "organization", "membership")


@pytest.mark.parametrize("table", TABLES)
async def test_without_a_tenant_nothing_is_seen_and_with_one_only_its_own(
    world: Arranger, deciding: Deciding, pool: Pool, table: str
) -> None:
    one, other = await world.customer(), await world.customer()
    for customer in (one, other):
        ada = await world.person(customer, "ada", email="same@customer.example")
        await deciding.handle(deliveries(ada))
        await world.connection.execute(
            "insert into router.\"case\" (tenant_id, kind, subject_id) values ($1, 'breaker', $2)",
            customer.tenant,
            ada.id,
        )
    rows = f"select distinct tenant_id from router.{table}"  # noqa: S608  one of the names above
    async with pool.acquire() as connection, connection.transaction():
        assert await connection.fetch(rows) == []
        await connection.execute("select chain.enter_tenant($1)", one.tenant)
        assert {row["tenant_id"] for row in await connection.fetch(rows)} <= {one.tenant}
    async with pool.acquire() as connection:
        assert await connection.fetch(rows) == []


@pytest.mark.parametrize(
    "statement",
    [
        "select * from router.email_claim",
        "update router.organization set desk_name = 'x'",
        "update router.membership set applied = true",
        "update chain.sync set done_version = version",
        "delete from router.account",
        "insert into router.email_claim values (gen_random_uuid(), '', gen_random_uuid(), gen_random_uuid())",
        "select sealed_credentials from console.desk",
        "update ingest.person set active = true",
    ],
)
async def test_what_is_not_the_routers_is_refused(pool: Pool, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(statement)


async def test_a_mark_for_a_tenant_that_was_not_entered_is_refused(world: Arranger, pool: Pool) -> None:
    one, other = await world.customer(), await world.customer()
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select chain.enter_tenant($1)", one.tenant)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                "select chain.mark_each('account', $1, $2, array[$1::uuid], '{1}', '{null}')",
                other.tenant,
                other.desk,
            )


async def test_a_refused_claim_names_nobody(world: Arranger, pool: Pool) -> None:
    one, other = await world.customer(), await world.customer()
    claim = "select router.claim_emails(array[$1::uuid], array[$2::bytea], array[$3::uuid], array[$4::uuid])"
    digest = bytes(32)
    assert await pool.fetchval(claim, world.desk, digest, one.tenant, one.tenant) == [one.tenant]
    assert await pool.fetchval(claim, world.desk, digest, other.tenant, other.tenant) == []
    assert await pool.fetchval(claim, world.desk, digest, one.tenant, one.tenant) == [one.tenant]


async def test_nothing_personal_stands_in_marks_cases_or_the_timeline(
    world: Arranger, deciding: Deciding
) -> None:
    one, other = await world.customer(), await world.customer()
    for customer in (one, other):
        ada = await world.person(customer, "ada", email="secret@customer.example", displayName="Secret")
        await deciding.handle(deliveries(ada))
    told = await world.connection.fetchval(
        "select json_build_array((select json_agg(s) from chain.sync s), "
        "(select json_agg(t) from chain.timeline t), "
        '(select json_agg(c) from router."case" c), (select json_agg(e) from router.email_claim e))::text'
    )
    assert len(json.loads(told)) == 4
    assert "secret" not in told.lower()
