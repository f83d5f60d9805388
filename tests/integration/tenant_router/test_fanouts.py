"""Wide changes: everybody concerned is judged anew, in chunks, and what a pause had put to sleep is woken."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.tenant_router.arranging import Arranger, Customer, deliveries
from tests.stack import Database
from vestibule.database.pool import Pool, open_pool
from vestibule.database.sync import Expanded, expand_fanout
from vestibule.domain.identifiers import Kind
from vestibule.messages.envelope import Key
from vestibule_tenant_router.deciding import Deciding


@pytest.fixture
async def relay(database: Database) -> AsyncIterator[Pool]:
    """The relay's pool: it expands, and sees nothing of what it expands."""
    opened = await open_pool(database.url("vestibule_relay"), 2, "fanout-test")
    yield opened
    await opened.close()


async def mark_wide(
    world: Arranger, customer: Customer, scope: str, target: Key | None = None, *further: Key
) -> None:
    """What a mode switch or a big group's change writes."""
    async with world.connection.transaction():
        await world.connection.execute("select chain.enter_tenant($1)", customer.tenant)
        await world.connection.execute(
            "select chain.mark_wide($1, $2, $3, $4, $5, 2::smallint, null, $6)",
            customer.tenant,
            customer.desk,
            customer.connection,
            scope,
            customer.connection if target is None else target.id,
            [group.id for group in further],
        )


async def expand_all(relay: Pool, chunk: int) -> int:
    """Expand until nothing is open; returns the keys touched."""
    touched = 0
    while (now := await expand_fanout(relay, chunk)) is not None:
        assert now.failure is None
        touched += now.touched
    return touched


async def versions(world: Arranger, keys: list[Key]) -> list[int]:
    """The version of each key."""
    return [(await world.sync(key.kind.value, key.id))["version"] for key in keys]


async def test_a_resumed_connection_is_judged_anew_in_chunks_and_others_are_left_alone(
    world: Arranger, deciding: Deciding, relay: Pool
) -> None:
    customer, other = await world.customer(mode="paused"), await world.customer()
    people = [await world.person(customer, f"p{number}") for number in range(7)]
    groups = [await world.group(customer, "IT", people[:3])]
    stranger = await world.person(other, "eve")
    await deciding.handle(deliveries(*people, *groups, stranger))
    assert await world.decision(people[0]) == ("hold", "paused")

    await world.set_mode(customer, "live")
    await mark_wide(world, customer, "connection")
    assert await expand_all(relay, 3) == 8  # nothing was paused at the desk: no account, no organization
    assert await versions(world, [*people, *groups]) == [2] * 8
    assert await versions(world, [stranger]) == [1]

    await deciding.handle(deliveries(*people, *groups))
    assert await world.decision(people[0]) == ("want", None)
    assert await world.organizations(people[0]) == {customer.tenant, groups[0].id}


async def test_account_work_that_a_pause_put_to_sleep_is_woken_and_other_waits_stay(
    world: Arranger, deciding: Deciding, relay: Pool
) -> None:
    customer = await world.customer()
    ada, bob = await world.person(customer, "ada"), await world.person(customer, "bob")
    await deciding.handle(deliveries(ada, bob))
    asleep, later = await world.account(ada), await world.account(bob)
    assert asleep is not None
    assert later is not None
    await world.connection.execute(
        "update chain.sync set not_before = case when id = $1 then 'infinity' "
        "else now() + interval '1 hour' end, code = 'paused' where kind = 'account'",
        asleep["id"],
    )
    await mark_wide(world, customer, "connection")
    await expand_all(relay, 1000)
    woken = await world.sync("account", asleep["id"])
    waiting = await world.sync("account", later["id"])
    assert (woken["not_before"], woken["code"]) == (None, None)
    assert waiting["not_before"] is not None
    assert (await world.sync("organization", customer.tenant))["version"] == 2


async def test_members_of_a_wide_group_are_told_once_each_and_those_who_left_are_purged(
    world: Arranger, deciding: Deciding, relay: Pool
) -> None:
    customer = await world.customer()
    people = [await world.person(customer, f"p{number}") for number in range(5)]
    group = await world.group(customer, "IT", people)
    await deciding.handle(deliveries(*people, group))
    await world.connection.execute(
        "update ingest.group_member set removed_at = clock_timestamp() where person_id = any($1)",
        [person.id for person in people[:2]],
    )
    await mark_wide(world, customer, "group_members", group)
    assert await expand_all(relay, 2) == 5
    assert await versions(world, people) == [2] * 5
    left = await world.row("select count(*) as n from ingest.group_member")
    assert left == {"n": 3}

    await deciding.handle(deliveries(*people))
    assert await world.organizations(people[0]) == {customer.tenant}
    assert await world.organizations(people[4]) == {customer.tenant, group.id}


async def test_a_change_of_groups_in_a_group_goes_through_one_after_the_other(
    world: Arranger, relay: Pool
) -> None:
    customer = await world.customer()
    people = [await world.person(customer, f"p{number}") for number in range(7)]
    first = await world.group(customer, "First", people[:3])
    empty = await world.group(customer, "Empty")
    last = await world.group(customer, "Last", people[2:6])
    await world.connection.execute(
        "update ingest.group_member set removed_at = clock_timestamp() "
        "where group_id = $1 and person_id = $2",
        last.id,
        people[5].id,
    )
    await mark_wide(world, customer, "group_members", first, empty, last)
    assert await expand_fanout(relay, 2) == Expanded(2, None)
    waiting = await world.row("select target_id, further from chain.fanout where finished_at is null")
    assert waiting == {"target_id": first.id, "further": [empty.id, last.id]}
    assert await expand_all(relay, 2) == 5
    assert await versions(world, people) == [2, 2, 3, 2, 2, 2, 1]
    assert await world.row("select count(*) as n from ingest.group_member where removed_at is not null") == {
        "n": 0
    }


async def test_two_open_fan_outs_take_turns(world: Arranger, relay: Pool) -> None:
    customers = [await world.customer(), await world.customer()]
    people = {
        customer.tenant: [await world.person(customer, f"p{number}") for number in range(4)]
        for customer in customers
    }
    for customer in customers:
        await mark_wide(world, customer, "connection")
    for _ in range(2):
        assert await expand_fanout(relay, 2) == Expanded(2, None)
    for keys in people.values():
        assert sorted(await versions(world, keys)) == [1, 1, 2, 2]
    assert {key.kind for keys in people.values() for key in keys} == {Kind.PERSON}


async def test_tenants_take_turns_whatever_number_of_fan_outs_each_has(world: Arranger, relay: Pool) -> None:
    busy, calm = await world.customer(), await world.customer()
    hers = [await world.person(busy, f"p{number}") for number in range(6)]
    his = [await world.person(calm, f"p{number}") for number in range(6)]
    for _ in range(5):
        await mark_wide(world, busy, "connection")
    await mark_wide(world, calm, "connection")
    for _ in range(6):
        assert await expand_fanout(relay, 2) == Expanded(2, None)
    assert await versions(world, hers) == [2] * 6  # the oldest of hers, not one chunk of each
    assert await versions(world, his) == [2] * 6


async def test_a_fan_out_that_fails_waits_and_keeps_nobody_else_waiting(world: Arranger, relay: Pool) -> None:
    broken, well = await world.customer(), await world.customer()
    lost = await world.person(broken, "ada")
    people = [await world.person(well, f"p{number}") for number in range(3)]
    await mark_wide(world, broken, "connection")
    await mark_wide(world, well, "connection")
    await world.connection.execute(
        "update chain.fanout set desk_id = gen_random_uuid() where tenant_id = $1", broken.tenant
    )
    failure = await expand_fanout(relay, 100)
    assert failure == Expanded(0, "42501")
    assert await expand_fanout(relay, 100) == Expanded(3, None)
    assert await versions(world, people) == [2] * 3
    waiting = await world.row(
        "select attempts, code, not_before > clock_timestamp() as waits from chain.fanout "
        "where tenant_id = $1",
        broken.tenant,
    )
    assert waiting == {"attempts": 1, "code": "sqlstate:42501", "waits": True}

    await expand_all(relay, 100)
    await world.connection.execute(
        "update chain.fanout set desk_id = $2, not_before = clock_timestamp() where tenant_id = $1",
        broken.tenant,
        broken.desk,
    )
    await expand_all(relay, 100)
    assert await versions(world, [lost]) == [2]
    assert await world.row("select count(*) as n from chain.fanout where finished_at is null") == {"n": 0}


async def test_a_fan_out_gives_up_a_lock_that_somebody_keeps(world: Arranger, relay: Pool) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada")
    await mark_wide(world, customer, "connection")
    async with world.connection.transaction():
        await world.connection.execute("select from chain.sync where id = $1 for update", ada.id)
        assert await expand_fanout(relay, 100) == Expanded(0, "55P03")


async def test_who_left_during_a_pause_goes_first_when_it_ends(
    world: Arranger, deciding: Deciding, relay: Pool
) -> None:
    customer = await world.customer()
    ada, bob, eve = [await world.person(customer, name) for name in ("ada", "bob", "eve")]
    await deciding.handle(deliveries(ada, bob))
    await world.set_mode(customer, "paused")
    left = await world.change(customer, ada, "ada", active=False)
    newcomer = await world.change(customer, eve, "eve", active=False)  # has nothing to lose
    await deciding.handle(deliveries(left, newcomer))
    assert await world.decision(ada) == ("hold", "paused")

    await world.set_mode(customer, "live")
    await mark_wide(world, customer, "connection")
    await expand_all(relay, 100)
    assert [(await world.sync("person", key.id))["prio"] for key in (ada, bob, eve)] == [0, 2, 2]

    await deciding.handle(deliveries(ada))
    account = await world.account(ada)
    assert account is not None
    assert account["access"] is False
    assert (await world.sync("account", account["id"]))["prio"] == 0
