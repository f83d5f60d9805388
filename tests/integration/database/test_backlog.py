"""The chain's rows on a real PostgreSQL: coalescing, fairness, leases, windows, fan-outs."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from tests.integration.database.chains import Chain, finish
from tests.stack import Database
from tests.tenants import Customer, make_customer, make_desk
from vestibule.database.pool import Connection, Pool, open_pool
from vestibule.database.sync import Windows, expand_fanout, pick, read_backlog, sweep, unpick
from vestibule.messages.topology import Stage

WIDE = Windows(total=100, tenant=70, urgent_reserve=20)
AT_ONCE = timedelta(0)
LONG = timedelta(minutes=10)


async def mark(
    connection: Connection, customer: Customer, ids: Sequence[UUID], *, kind: str = "person", prio: int = 1
) -> None:
    await Chain(connection).mark(customer, kind, ids, prio)


async def relay_pool(database: Database) -> Pool:
    return await open_pool(database.url("vestibule_relay"), 3, "test-relay")


async def test_ten_quick_changes_are_one_piece_of_work(database: Database) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        acme = await make_customer(admin, await make_desk(admin))
        person = uuid4()
        for _ in range(10):
            await mark(admin, acme, [person])
        picked = await pick(relay, Stage.ROUTER, WIDE)
        assert [(one.key.id, one.key.version) for one in picked] == [(person, 10)]
        assert await pick(relay, Stage.ROUTER, WIDE) == []


async def test_what_changes_while_it_is_in_flight_stays_dirty_and_goes_again(database: Database) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        acme = await make_customer(admin, await make_desk(admin))
        person = uuid4()
        await mark(admin, acme, [person])
        first = await pick(relay, Stage.ROUTER, WIDE)
        await mark(admin, acme, [person])
        await finish(admin, first)
        again = await pick(relay, Stage.ROUTER, WIDE)
        assert [one.key.version for one in again] == [2]
        await finish(admin, again)
        assert [one.dirty for one in await read_backlog(relay)] == [0, 0]


async def test_a_late_finish_of_an_older_version_never_lowers_what_is_done(database: Database) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        acme = await make_customer(admin, await make_desk(admin))
        person = uuid4()
        await mark(admin, acme, [person])
        first = await pick(relay, Stage.ROUTER, WIDE)
        await sweep(relay, AT_ONCE, AT_ONCE)
        await mark(admin, acme, [person])
        second = await pick(relay, Stage.ROUTER, WIDE)
        await finish(admin, second)
        await finish(admin, first)
        assert await admin.fetchval("select done_version from chain.sync where id = $1", person) == 2


async def test_a_light_tenant_goes_in_the_same_round_as_a_heavy_one(database: Database) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        desk = await make_desk(admin)
        heavy, light = await make_customer(admin, desk), await make_customer(admin, desk)
        for _ in range(5):
            await mark(admin, heavy, [uuid4() for _ in range(1000)])
        first = await pick(relay, Stage.ROUTER, Windows(total=60, tenant=40, urgent_reserve=10))
        assert len(first) == 40
        await mark(admin, light, [uuid4()])
        second = await pick(relay, Stage.ROUTER, Windows(total=60, tenant=40, urgent_reserve=10))
        assert [one.key.tenant for one in second] == [light.tenant]


async def test_tenants_take_turns(database: Database) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        desk = await make_desk(admin)
        customers = [await make_customer(admin, desk) for _ in range(5)]
        for customer in customers:
            await mark(admin, customer, [uuid4() for _ in range(100)])
        picked = await pick(relay, Stage.ROUTER, Windows(total=50, tenant=40, urgent_reserve=0))
        shares = Counter(one.key.tenant for one in picked)
        assert set(shares.values()) == {10}


async def test_a_leaver_goes_first_and_passes_a_full_window(database: Database) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        desk = await make_desk(admin)
        heavy, light = await make_customer(admin, desk), await make_customer(admin, desk)
        await mark(admin, heavy, [uuid4() for _ in range(500)])
        await pick(relay, Stage.ROUTER, Windows(total=50, tenant=50, urgent_reserve=10))
        leaver = uuid4()
        await mark(admin, light, [leaver], prio=0)
        picked = await pick(relay, Stage.ROUTER, Windows(total=50, tenant=50, urgent_reserve=10))
        assert [(one.key.id, one.urgent) for one in picked] == [(leaver, True)]


async def test_a_leaver_is_published_over_its_own_queued_older_version(database: Database) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        acme = await make_customer(admin, await make_desk(admin))
        person = uuid4()
        await mark(admin, acme, [person])
        await pick(relay, Stage.ROUTER, WIDE)
        await mark(admin, acme, [person], prio=0)
        picked = await pick(relay, Stage.ROUTER, WIDE)
        assert [(one.key.version, one.urgent) for one in picked] == [(2, True)]
        assert await pick(relay, Stage.ROUTER, WIDE) == []


async def test_a_message_lost_is_published_again_after_its_lease(database: Database) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        acme = await make_customer(admin, await make_desk(admin))
        await mark(admin, acme, [uuid4()])
        first = await pick(relay, Stage.ROUTER, WIDE)
        assert await sweep(relay, LONG, LONG) == (0, 0)
        assert await sweep(relay, AT_ONCE, AT_ONCE) == (1, 0)
        assert [one.key for one in await pick(relay, Stage.ROUTER, WIDE)] == [one.key for one in first]


async def test_what_could_not_be_published_goes_again_at_once(database: Database) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        acme = await make_customer(admin, await make_desk(admin))
        await mark(admin, acme, [uuid4(), uuid4()])
        first = await pick(relay, Stage.ROUTER, WIDE)
        assert await unpick(relay, [one.key for one in first]) == 2
        assert len(await pick(relay, Stage.ROUTER, WIDE)) == 2


async def test_a_dead_desk_keeps_one_probe_and_leaves_the_others_alone(database: Database) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        dead, well = await make_desk(admin), await make_desk(admin)
        a, b = await make_customer(admin, dead), await make_customer(admin, well)
        await mark(admin, a, [uuid4() for _ in range(50)], kind="account")
        await mark(admin, b, [uuid4() for _ in range(50)], kind="account")
        for _ in range(3):
            await admin.execute("select chain.report_desk($1, false, null, 'unreachable')", dead)
        blocked = await pick(relay, Stage.WRITER, WIDE)
        assert {one.key.tenant for one in blocked} == {b.tenant}
        await admin.execute("update chain.desk_flow set blocked_until = now() where desk_id = $1", dead)
        probe = await pick(relay, Stage.WRITER, WIDE)
        assert [one.key.tenant for one in probe] == [a.tenant]
        await admin.execute("select chain.report_desk($1, true, null, null)", dead)
        assert len(await pick(relay, Stage.WRITER, WIDE)) == 49


async def test_deciding_goes_on_while_a_desk_is_down(database: Database) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        dead = await make_desk(admin)
        acme = await make_customer(admin, dead)
        await mark(admin, acme, [uuid4()])
        for _ in range(3):
            await admin.execute("select chain.report_desk($1, false, null, 'unreachable')", dead)
        assert len(await pick(relay, Stage.ROUTER, WIDE)) == 1


async def test_a_deferred_row_waits_and_is_woken(database: Database) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        acme = await make_customer(admin, await make_desk(admin))
        person = uuid4()
        await mark(admin, acme, [person])
        await pick(relay, Stage.ROUTER, WIDE)
        await admin.execute(
            "select chain.postpone(array['person'], array[$2::uuid], array[$1::uuid], array[1], "
            "array[3600.0::float8], array['busy'], array[true], array[false])",
            person,
            acme.tenant,
        )
        assert await pick(relay, Stage.ROUTER, WIDE) == []
        await admin.execute("update chain.sync set not_before = clock_timestamp() where id = $1", person)
        assert await sweep(relay, LONG, LONG) == (0, 1)
        assert len(await pick(relay, Stage.ROUTER, WIDE)) == 1


async def test_a_parked_row_waits_for_a_new_version_or_for_replay(database: Database) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        acme = await make_customer(admin, await make_desk(admin))
        first, second = uuid4(), uuid4()
        await mark(admin, acme, [first, second])
        await pick(relay, Stage.ROUTER, WIDE)
        await admin.execute(
            "select chain.postpone(array['person','person'], array[$2::uuid,$2], $1, array[1,1], "
            "array[0.0::float8,0.0], array['poison','poison'], array[true,true], array[true,true])",
            [first, second],
            acme.tenant,
        )
        await sweep(relay, AT_ONCE, AT_ONCE)
        assert await pick(relay, Stage.ROUTER, WIDE) == []
        await mark(admin, acme, [first])
        assert [one.key.id for one in await pick(relay, Stage.ROUTER, WIDE)] == [first]
        assert await admin.fetchval("select chain.replay($1, null, null)", acme.tenant) == 1
        assert [one.key.id for one in await pick(relay, Stage.ROUTER, WIDE)] == [second]


async def test_an_id_of_another_tenant_is_never_marked(database: Database) -> None:
    async with database.administrator() as admin:
        desk = await make_desk(admin)
        a, b = await make_customer(admin, desk), await make_customer(admin, desk)
        person = uuid4()
        await mark(admin, a, [person])
        await mark(admin, b, [person])
        row = await admin.fetchrow("select tenant_id, version from chain.sync where id = $1", person)
        assert row is not None
        assert (row["tenant_id"], row["version"]) == (a.tenant, 1)


async def test_marking_without_entering_the_tenant_is_refused(database: Database) -> None:
    async with database.administrator() as admin:
        acme = await make_customer(admin, await make_desk(admin))
        ingest = await open_pool(database.url("vestibule_ingest"), 1, "test-ingest")
        with pytest.raises(Exception, match="tenant was not entered"):
            await ingest.execute(
                "select chain.mark('person', $1, $2, array[$3::uuid], 1::smallint, null)",
                acme.tenant,
                acme.desk,
                uuid4(),
            )
        await ingest.close()


async def test_two_relays_never_pick_the_same_row(database: Database) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        acme = await make_customer(admin, await make_desk(admin))
        await mark(admin, acme, [uuid4() for _ in range(200)])
        picks = await asyncio.gather(*(pick(relay, Stage.ROUTER, WIDE) for _ in range(6)))
        ids = [one.key.id for picked in picks for one in picked]
        assert len(ids) == len(set(ids)) > 0


async def test_a_wide_group_change_reaches_every_member_in_chunks(database: Database) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        acme = await make_customer(admin, await make_desk(admin))
        group = uuid4()
        await admin.execute(
            'insert into ingest."group" (tenant_id, connection_id, id, display_name_ci, document) '
            "values ($1, $2, $3, 'g', '{}')",
            acme.tenant,
            acme.connection,
            group,
        )
        await admin.execute(
            "with p as (insert into ingest.person "
            "(tenant_id, connection_id, id, user_name_ci, active, document) "
            "select $1, $2, gen_random_uuid(), 'u' || n, true, '{}' from generate_series(1, 2500) n "
            "returning id) "
            "insert into ingest.group_member (tenant_id, connection_id, group_id, person_id, removed_at) "
            "select $1, $2, $3, p.id, now() from p",
            acme.tenant,
            acme.connection,
            group,
        )
        await Chain(admin).mark_wide(acme, "group_members", group)
        rounds = 0
        while await expand_fanout(relay, 1000) is not None:
            rounds += 1
            assert rounds < 10
        assert await admin.fetchval("select count(*) from chain.sync where kind = 'person'") == 2500
        assert await admin.fetchval("select count(*) from ingest.group_member") == 0
        assert await admin.fetchval("select count(*) from chain.fanout where finished_at is null") == 0
