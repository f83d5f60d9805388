"""No service role sees a tenant that it did not enter, whatever it asks."""

from uuid import uuid4

import asyncpg
import pytest

from tests.stack import Database
from tests.tenants import Customer, make_customer, make_desk
from vestibule.database.migrations import SERVICE_ROLES
from vestibule.database.pool import Connection, UnsafeRole, open_pool, refuse_unsafe_role

WITH_TENANT = """
select n.nspname || '.' || quote_ident(c.relname) as name, n.nspname as schema, c.oid,
       c.relrowsecurity as enabled, c.relforcerowsecurity as forced,
       case when n.nspname = 'console' and c.relname = 'tenant' then 'id' else 'tenant_id' end as key
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r' and n.nspname in ('console', 'ingest', 'router', 'writer', 'chain')
   and (c.relname = 'tenant' or exists (
        select from pg_attribute a
         where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped))
 order by 1
"""

# What enter_tenant does, for roles too that have no need of it.
ENTER = "select set_config('app.tenant', $1, true)"

# design.md, "Isolation and security": these hold ids, hashes and numbers only.
OUTSIDE = {"chain.sync", "chain.fanout", "console.token", "router.email_claim"}

SEED = """
with ids as (select $1::uuid as tenant, $2::uuid as connection, $3::uuid as desk, gen_random_uuid() as x,
                    gen_random_uuid() as y)
, schemas as (insert into console.schemas_version (tenant_id, version, document)
    select tenant, 1, '[]' from ids returning 1)
, person as (insert into ingest.person (tenant_id, connection_id, id, user_name_ci, active, document)
    select tenant, connection, x, 'someone', true, '{}' from ids returning 1)
, grp as (insert into ingest."group" (tenant_id, connection_id, id, display_name_ci, document)
    select tenant, connection, z.id, z.id, '{}' from ids, lateral (values (x), (y)) as z (id) returning 1)
, subgroup as (insert into ingest.subgroup (tenant_id, connection_id, group_id, member_id)
    select tenant, connection, x, y from ids returning 1)
, enclosure as (insert into ingest.enclosure (tenant_id, connection_id, inner_id, outer_id)
    select tenant, connection, y, x from ids returning 1)
, parked_member as (insert into ingest.parked_member (tenant_id, connection_id, group_id, value)
    select tenant, connection, x, 'somebody' from ids returning 1)
, member as (insert into ingest.group_member (tenant_id, connection_id, group_id, person_id)
    select tenant, connection, x, x from ids returning 1)
, milestone as (insert into ingest.milestone (tenant_id, connection_id, id, position)
    select tenant, connection, x, 1 from ids returning 1)
, fingerprint as (insert into ingest.fingerprint
        (tenant_id, connection_id, trait, code, requests, first_at, last_at)
    select tenant, connection, 'client', 'okta', 1, now(), now() from ids returning 1)
, refusal as (insert into ingest.refusal (tenant_id, connection_id, operation, status, code)
    select tenant, connection, 'create', 409, 'uniqueness' from ids returning 1)
, decision as (insert into router.decision
        (tenant_id, person_id, connection_id, account_id, verdict, mapping_version, seen_version)
    select tenant, x, connection, x, 'want', 1, 1 from ids returning 1)
, account as (insert into router.account
        (tenant_id, id, desk_id, connection_id, email, email_hmac, display_name, access, wanted_hash)
    select tenant, x, desk, connection, 'someone@a.example', decode(repeat('00', 32), 'hex'), 'Someone', true,
           'h' from ids returning 1)
, cases as (insert into router."case" (tenant_id, kind, subject_id)
    select tenant, 'collision', x from ids returning 1)
, organization as (insert into router.organization (tenant_id, id, desk_id, source)
    select tenant, x, desk, 'home' from ids returning 1)
, membership as (insert into router.membership (tenant_id, organization_id, account_id, wanted)
    select tenant, x, x, true from ids returning 1)
, identity as (insert into writer.desk_identity (tenant_id, id, desk_id, account_id, state, email)
    select tenant, x, desk, x, 'intent', 'someone@a.example' from ids returning 1)
, outcome as (insert into writer.outcome (tenant_id, account_id) select tenant, x from ids returning 1)
, timeline as (insert into chain.timeline (tenant_id, subject_id, stage, code)
    select tenant, x, 'received', 'create' from ids returning 1)
insert into console.audit (tenant_id, actor, action) select tenant, 'test', 'seed' from ids
"""


async def two_customers(admin: Connection) -> tuple[Customer, Customer]:
    desk = await make_desk(admin)
    pair = (await make_customer(admin, desk), await make_customer(admin, desk))
    for customer in pair:
        await admin.execute(SEED, customer.tenant, customer.connection, desk)
    return pair


async def tenants_seen(admin: Connection, service: Connection, role: str) -> dict[str, set[object]]:
    """Which tenants a role's connection reads in each table with tenant content that it may read at all."""
    seen: dict[str, set[object]] = {}
    for table in await admin.fetch(WITH_TENANT):
        readable = await admin.fetchval(
            "select has_schema_privilege($1, $2, 'usage') "
            "and has_column_privilege($1, $3::oid, $4, 'select')",
            role,
            table["schema"],
            table["oid"],
            table["key"],
        )
        if readable and table["name"] not in OUTSIDE:
            rows = await service.fetch(f"select {table['key']} as tenant from {table['name']}")  # noqa: S608  names from the catalogue
            seen[table["name"]] = {row["tenant"] for row in rows}
    return seen


async def test_every_table_with_tenant_content_forces_row_level_security(database: Database) -> None:
    async with database.administrator() as admin:
        tables = await admin.fetch(WITH_TENANT)
        loose = {row["name"] for row in tables if not (row["enabled"] and row["forced"])}
        assert loose == OUTSIDE
        assert len(tables) > len(OUTSIDE) + 10


async def test_the_seed_reaches_every_protected_table(database: Database) -> None:
    async with database.administrator() as admin:
        a, b = await two_customers(admin)
        seen = await tenants_seen(admin, admin, "vestibule")
        assert all(tenants >= {a.tenant, b.tenant} for tenants in seen.values()), seen


@pytest.mark.parametrize("role", SERVICE_ROLES)
async def test_a_role_that_entered_no_tenant_sees_nothing(database: Database, role: str) -> None:
    async with database.administrator() as admin:
        await two_customers(admin)
        service = await asyncpg.connect(database.url(role), timeout=10)
        try:
            seen = await tenants_seen(admin, service, role)
            # after a transaction the setting reads '' and not null: still nothing, and no error
            async with service.transaction():
                await service.execute(ENTER, str(uuid4()))
            again = await tenants_seen(admin, service, role)
        finally:
            await service.close()
        assert not any(seen.values()), seen
        assert not any(again.values()), again
        assert seen or role == "vestibule_relay"


@pytest.mark.parametrize("role", SERVICE_ROLES)
async def test_a_role_in_tenant_a_sees_nothing_of_b(database: Database, role: str) -> None:
    async with database.administrator() as admin:
        a, _b = await two_customers(admin)
        service = await asyncpg.connect(database.url(role), timeout=10)
        try:
            async with service.transaction():
                await service.execute(ENTER, str(a.tenant))
                seen = await tenants_seen(admin, service, role)
        finally:
            await service.close()
        assert all(tenants == {a.tenant} for tenants in seen.values()), seen


async def test_a_row_of_another_tenant_cannot_be_written(database: Database) -> None:
    async with database.administrator() as admin:
        a, b = await two_customers(admin)
        ingest = await asyncpg.connect(database.url("vestibule_ingest"), timeout=10)
        try:
            async with ingest.transaction():
                await ingest.execute("select chain.enter_tenant($1)", a.tenant)
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                    await ingest.execute(
                        "insert into ingest.person "
                        "(tenant_id, connection_id, id, user_name_ci, active, document) "
                        "values ($1, $2, gen_random_uuid(), 'intruder', true, '{}')",
                        b.tenant,
                        b.connection,
                    )
        finally:
            await ingest.close()


async def test_a_superuser_is_refused_at_start(database: Database) -> None:
    with pytest.raises(UnsafeRole, match="is a superuser"):
        await open_pool(database.admin_url, 1, "test")


@pytest.mark.parametrize(
    ("change", "undo", "word"),
    [
        ("alter role vestibule_router bypassrls", "alter role vestibule_router nobypassrls", "has BYPASSRLS"),
        (
            "grant vestibule_owner to vestibule_router",
            "revoke vestibule_owner from vestibule_router",
            "may act as the owner",
        ),
    ],
)
async def test_a_role_that_could_pass_row_level_security_is_refused_at_start(
    database: Database, change: str, undo: str, word: str
) -> None:
    async with database.administrator() as admin:
        router = await asyncpg.connect(database.url("vestibule_router"), timeout=10)
        try:
            await refuse_unsafe_role(router)
            await admin.execute(change)
            try:
                with pytest.raises(UnsafeRole, match=word):
                    await refuse_unsafe_role(router)
            finally:
                await admin.execute(undo)
        finally:
            await router.close()


async def test_desk_credentials_can_be_written_but_not_read_by_the_console(database: Database) -> None:
    console = await asyncpg.connect(database.url("vestibule_console"), timeout=10)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await console.fetch("select sealed_credentials from console.desk")
    finally:
        await console.close()
