"""Who goes next: desks that are full or dead take no place from others, leavers pass, urgency ends."""

from uuid import UUID, uuid4

import pytest

from tests.integration.database.chains import Chain, finish
from tests.stack import Database
from tests.tenants import Customer, make_customer, make_desk
from vestibule.database.pool import Connection, Pool, open_pool
from vestibule.database.sync import Windows, pick
from vestibule.messages.topology import Stage

WINDOWS = Windows(total=150, tenant=100, urgent_reserve=38)
DESK_WINDOW = 128


async def relay_pool(database: Database) -> Pool:
    return await open_pool(database.url("vestibule_relay"), 2, "test-relay")


async def crowd(admin: Connection, count: int, each: int) -> tuple[UUID, list[Customer]]:
    """A desk with so many tenants that each wait with so many accounts."""
    desk = await make_desk(admin)
    customers = [await make_customer(admin, desk) for _ in range(count)]
    for customer in customers:
        await Chain(admin).mark(customer, "account", [uuid4() for _ in range(each)])
    return desk, customers


async def test_what_waits_at_a_full_desk_takes_no_place_from_another_desk(database: Database) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        await crowd(admin, 70, 6)
        assert len(await pick(relay, Stage.WRITER, WINDOWS)) == DESK_WINDOW
        free = await make_customer(admin, await make_desk(admin))
        await Chain(admin).mark(free, "account", [uuid4() for _ in range(100)])
        for _ in range(4):  # 22 places are left, and the free desk gets them all each time
            picked = await pick(relay, Stage.WRITER, WINDOWS)
            assert [one.key.tenant for one in picked] == [free.tenant] * 22
            await finish(admin, picked)


async def test_a_leaver_of_a_busy_tenant_is_picked_before_anybody_who_waits_at_a_full_desk(
    database: Database,
) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        chain = Chain(admin)
        await crowd(admin, 210, 2)  # 128 tenants have one in flight, 82 have none: more than a round looks at
        assert len(await pick(relay, Stage.WRITER, WINDOWS)) == DESK_WINDOW
        other = await make_customer(admin, await make_desk(admin))
        await chain.mark(other, "account", [uuid4()])
        assert len(await pick(relay, Stage.WRITER, WINDOWS)) == 1
        leaver = uuid4()
        await chain.mark(other, "account", [leaver], prio=0)
        assert [one.key.id for one in await pick(relay, Stage.WRITER, WINDOWS)] == [leaver]


async def test_a_probe_of_a_dead_desk_is_one_also_where_leavers_wait(database: Database) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        chain = Chain(admin)
        customer = await make_customer(admin, await make_desk(admin))
        await chain.mark(customer, "account", [uuid4() for _ in range(20)], prio=0)
        await admin.execute("update chain.desk_flow set probing = true where desk_id = $1", customer.desk)
        assert len(await pick(relay, Stage.WRITER, WINDOWS)) == 1
        assert await pick(relay, Stage.WRITER, WINDOWS) == []


async def test_a_dead_desk_takes_no_leavers_lane_from_its_tenants_at_the_router(database: Database) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        chain = Chain(admin)
        customer = await make_customer(admin, await make_desk(admin))
        small = Windows(total=10, tenant=10, urgent_reserve=5)
        await chain.mark(customer, "person", [uuid4() for _ in range(20)])
        await admin.execute("update chain.desk_flow set probing = true where desk_id = $1", customer.desk)
        assert len(await pick(relay, Stage.ROUTER, small)) == 10
        leaver = uuid4()
        await chain.mark(customer, "person", [leaver], prio=0)
        assert [one.key.id for one in await pick(relay, Stage.ROUTER, small)] == [leaver]


async def just_done(admin: Connection, customer: Customer, organization: UUID, prio: int) -> None:
    """An organization that was brought right this moment and has something to do again."""
    chain = Chain(admin)
    await chain.mark(customer, "organization", [organization])
    await admin.execute(
        "select chain.finish(array['organization'], array[$1::uuid], array[$2::uuid], array[1::bigint])",
        customer.tenant,
        organization,
    )
    await chain.mark(customer, "organization", [organization], prio)


@pytest.mark.parametrize(
    ("prio", "joining", "ago", "goes"),
    [
        pytest.param(1, True, 0, False, id="it rests while accounts of its tenant are on their way"),
        pytest.param(1, True, 2, True, id="for a second at most"),
        pytest.param(1, False, 0, True, id="and not where nobody is on the way"),
        pytest.param(0, True, 0, True, id="and never where a leaver waits"),
    ],
)
async def test_an_organization_rests_so_that_joins_go_together(
    database: Database, prio: int, joining: bool, ago: int, goes: bool
) -> None:
    async with database.administrator() as admin, await relay_pool(database) as relay:
        chain = Chain(admin)
        desk = await make_desk(admin)
        acme, other = await make_customer(admin, desk), await make_customer(admin, desk)
        await chain.mark(acme if joining else other, "account", [uuid4()])
        assert len(await pick(relay, Stage.WRITER, WINDOWS)) == 1
        organization = uuid4()
        await just_done(admin, acme, organization, prio)
        await admin.execute(
            "update chain.sync set done_at = done_at - $2 * interval '1 second' where id = $1",
            organization,
            ago,
        )
        picked = await pick(relay, Stage.WRITER, WINDOWS)
        assert [one.key.id for one in picked] == ([organization] if goes else [])


@pytest.mark.parametrize("function", ["mark", "mark_each"])
async def test_urgency_ends_with_the_version_that_was_urgent(database: Database, function: str) -> None:
    """A home organization in a first load is never clean: one leaver must not make each later join urgent."""
    async with database.administrator() as admin:
        chain = Chain(admin)
        acme = await make_customer(admin, await make_desk(admin))
        organization = uuid4()

        async def mark(prio: int) -> None:
            if function == "mark":
                await chain.mark(acme, "organization", [organization], prio)
                return
            async with admin.transaction():
                await admin.execute("select chain.enter_tenant($1)", acme.tenant)
                await admin.execute(
                    "select chain.mark_each('organization', $1, $2, array[$3::uuid], array[$4::smallint], "
                    "array[null])",
                    acme.tenant,
                    acme.desk,
                    organization,
                    prio,
                )

        async def done(version: int) -> None:
            await admin.execute(
                "select chain.finish(array['organization'], array[$1::uuid], array[$2::uuid], "
                "array[$3::bigint])",
                acme.tenant,
                organization,
                version,
            )

        async def prio() -> int:
            found: int = (await chain.row("organization", organization))["prio"]
            return found

        await mark(1)
        await mark(0)
        await mark(1)
        assert await prio() == 0
        await done(1)
        assert await prio() == 0  # the leaver's version is not done yet
        await done(2)
        assert await prio() == 1
        await mark(1)
        await mark(0)
        await done(3)
        assert await prio() == 0  # another leaver
