"""Whom a wide change removed is told before the row goes, whatever the clocks of two changes say."""

import hashlib
from uuid import UUID, uuid4

from tests.integration.database.chains import CHUNK, Chain
from tests.stack import Database
from tests.tenants import Customer, make_customer, make_desk
from vestibule.database.pool import Connection


async def big_group(admin: Connection, customer: Customer, size: int) -> tuple[UUID, list[UUID]]:
    """A group with so many members, in the order of their ids."""
    group = uuid4()
    people = sorted(uuid4() for _ in range(size))
    await admin.execute(
        "insert into ingest.person (tenant_id, connection_id, id, user_name_ci, active, document) "
        "select $1, $2, p, p::text, true, '{}' from unnest($3::uuid[]) as p",
        customer.tenant,
        customer.connection,
        people,
    )
    await admin.execute(
        'insert into ingest."group" (tenant_id, connection_id, id, display_name_ci, document) '
        "values ($1, $2, $3, 'it', '{}')",
        customer.tenant,
        customer.connection,
        group,
    )
    await admin.execute(
        "insert into ingest.group_member (tenant_id, connection_id, group_id, person_id) "
        "select $1, $2, $3, p from unnest($4::uuid[]) as p",
        customer.tenant,
        customer.connection,
        group,
        people,
    )
    return group, people


async def remove(on: Connection, customer: Customer, group: UUID, people: list[UUID]) -> None:
    """One request that removes these members."""
    verdict = await on.fetchval(
        "select verdict "
        "from ingest.change_group($1, $2, $3, null, null, null, null, null, false, "
        "'{}', '{}', '{}', $4, '{}', false, null)",
        customer.path,
        hashlib.sha256(customer.token.encode()).digest(),
        group,
        people,
    )
    assert verdict == "changed"


async def untold(admin: Connection, people: list[UUID]) -> int:
    """How many of these people nobody will judge anew."""
    count: int = await admin.fetchval(
        "select count(*) from unnest($1::uuid[]) as p (id) where not exists (select from chain.sync s "
        "where s.kind = 'person' and s.id = p.id and s.done_version < s.version)",
        people,
    )
    return count


async def test_the_purge_of_one_wide_change_leaves_the_removals_of_another(database: Database) -> None:
    """The second removal's transaction began before the first one's, and waited for the group."""
    async with database.administrator() as admin, database.administrator() as slow:
        chain = Chain(admin)
        acme = await make_customer(admin, await make_desk(admin))
        group, people = await big_group(admin, acme, 2300)
        early, late = people[:1100], people[1100:]
        async with slow.transaction():
            await slow.execute("select now()")
            await remove(admin, acme, group, early)
            while await admin.fetchval("select phase from chain.fanout") != "purge":
                await admin.execute("select chain.expand_fanout($1)", CHUNK)
            assert await untold(admin, early) == 0
            await admin.execute("update chain.sync set done_version = version")  # the router was quick
            await remove(slow, acme, group, late)
        await chain.expand_all()
        assert await untold(admin, late) == 0
        assert await admin.fetchval("select count(*) from ingest.group_member") == 0


async def test_a_purge_goes_in_chunks(database: Database) -> None:
    async with database.administrator() as admin:
        acme = await make_customer(admin, await make_desk(admin))
        group, people = await big_group(admin, acme, 1300)
        await remove(admin, acme, group, people[:1250])
        left = []
        while await admin.fetchval("select finished_at from chain.fanout") is None:
            await admin.execute("select chain.expand_fanout($1)", CHUNK)
            left.append(await admin.fetchval("select count(*) from ingest.group_member"))
        assert left == [1300, 1300, 1300, 800, 300, 50]


async def test_who_comes_back_before_the_purge_stays(database: Database) -> None:
    async with database.administrator() as admin:
        chain = Chain(admin)
        acme = await make_customer(admin, await make_desk(admin))
        group, people = await big_group(admin, acme, 1101)
        await remove(admin, acme, group, people)
        back = people[7]
        await admin.execute("update ingest.group_member set removed_at = null where person_id = $1", back)
        await chain.expand_all()
        assert await admin.fetchval("select array_agg(person_id) from ingest.group_member") == [back]
