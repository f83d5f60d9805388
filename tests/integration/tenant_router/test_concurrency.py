"""Crashes, duplicates, reversed and stale messages, several routers at once: nothing newer is ever undone."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.integration.tenant_router.arranging import (
    EMAIL_KEY,
    Arranger,
    deciding_over,
    deliveries,
)
from vestibule.database.decisions import (
    Decided,
    GroupWork,
    Judgement,
    PersonWork,
    Postponed,
    Result,
    Work,
)
from vestibule.database.pool import Pool
from vestibule.domain.identifiers import ConnectionId, TenantId
from vestibule.mapping.rules import default_mapping
from vestibule.messages.envelope import Key
from vestibule_tenant_router.deciding import Deciding
from vestibule_tenant_router.judging import judge_group, judge_person
from vestibule_tenant_router.worker import Database

ROUNDS = 12


class Paused:
    """A database behind which a router waits between reading and deciding, until it is let go."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.read = asyncio.Event()
        self.let_go = asyncio.Event()
        self.results: list[Result] = []

    async def read_work(self, keys: Sequence[Key]) -> list[Work]:
        work = await self._database.read_work(keys)
        self.read.set()
        await asyncio.wait_for(self.let_go.wait(), 30)
        return work

    async def decide(self, judgements: Sequence[Judgement]) -> list[Decided]:
        decided = await self._database.decide(judgements)
        self.results += [item.result for item in decided]
        return decided

    async def postpone(self, late: Sequence[Postponed]) -> None:
        await self._database.postpone(late)

    async def read_mapping(self, tenant: TenantId, connection: ConnectionId, version: int) -> object | None:
        return await self._database.read_mapping(tenant, connection, version)


def slow_router(database: Database) -> tuple[Paused, Deciding]:
    """A router that stops after its read."""
    paused = Paused(database)
    return paused, deciding_over(paused)


@asynccontextmanager
async def overtaken(database: Database, key: Key) -> AsyncIterator[Paused]:
    """A router that has read the key before this block and decides only after it."""
    paused, late = slow_router(database)
    task = asyncio.create_task(late.handle(deliveries(key)))
    await asyncio.wait_for(paused.read.wait(), 30)
    try:
        yield paused
    finally:
        paused.let_go.set()
        await asyncio.wait_for(task, 30)


async def test_a_crash_between_read_and_decide_costs_nothing(world: Arranger, pool: Pool) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada")
    paused, dying = slow_router(Database(pool))
    task = asyncio.create_task(dying.handle(deliveries(ada)))
    await asyncio.wait_for(paused.read.wait(), 30)
    task.cancel()
    await asyncio.wait({task})

    assert await world.decision(ada) is None
    await deciding_over(Database(pool)).handle(deliveries(ada))
    assert await world.decision(ada) == ("want", None)


async def test_a_judgement_of_an_older_state_is_dropped_with_its_claim(world: Arranger, pool: Pool) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada", email="before@customer.example")
    async with overtaken(Database(pool), ada) as paused:
        newer = await world.change(customer, ada, "ada", email="after@customer.example")
        await deciding_over(Database(pool)).handle(deliveries(newer))

    account = await world.account(ada)
    assert account is not None
    assert paused.results == [Result.STALE]
    assert account["email"] == "after@customer.example"
    assert await world.row("select count(*) as n from router.email_claim") == {"n": 1}
    assert (await world.sync("person", ada.id))["done_version"] == 2


async def test_a_group_judged_by_an_older_state_keeps_its_newer_name(world: Arranger, pool: Pool) -> None:
    customer = await world.customer()
    group = await world.group(customer, "IT")
    async with overtaken(Database(pool), group):
        newer = await world.rename_group(customer, group, "Operations")
        await deciding_over(Database(pool)).handle(deliveries(newer))
    found = await world.row("select wanted_name from router.organization where id = $1", group.id)
    assert found == {"wanted_name": "Operations"}


async def test_a_judgement_based_on_an_account_that_changed_meanwhile_is_made_anew(
    world: Arranger, pool: Pool
) -> None:
    """The second router read before the first had made the account: it saw no change of an address."""
    customer = await world.customer()
    ada = await world.person(customer, "ada", email="before@customer.example")
    (first,) = await Database(pool).read_work([ada])
    assert isinstance(first, PersonWork)
    newer = await world.change(customer, ada, "ada", email="after@customer.example")
    async with overtaken(Database(pool), newer) as paused:
        await Database(pool).decide([judge_person(first, default_mapping(), EMAIL_KEY)])
        await world.at_desk(ada)

    account = await world.account(ada)
    assert account is not None
    assert paused.results == [Result.AGAIN, Result.CHANGED]
    assert await world.decision(ada) == ("hold", "rename")
    assert account["email"] == "before@customer.example"


async def test_a_new_address_for_an_account_that_came_to_the_desk_meanwhile_is_judged_anew(
    world: Arranger, pool: Pool
) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada", email="before@customer.example")
    await deciding_over(Database(pool)).handle(deliveries(ada))
    newer = await world.change(customer, ada, "ada", email="after@customer.example")
    async with overtaken(Database(pool), newer) as paused:
        await world.at_desk(ada, "intent")
    account = await world.account(ada)
    assert account is not None
    assert paused.results == [Result.AGAIN, Result.CHANGED]
    assert await world.decision(ada) == ("hold", "rename")
    assert account["email"] == "before@customer.example"


async def test_an_intent_that_is_saved_while_a_new_address_is_stored_is_seen_before_the_end(
    world: Arranger, pool: Pool
) -> None:
    """The writer holds the account's key with an intent that is not committed yet when the router looks."""
    customer = await world.customer()
    ada = await world.person(customer, "ada", email="before@customer.example")
    await deciding_over(Database(pool)).handle(deliveries(ada))
    account = await world.account(ada)
    assert account is not None
    newer = await world.change(customer, ada, "ada", email="after@customer.example")
    async with world.connection.transaction():
        await world.connection.execute("select from chain.sync where id = $1 for update", account["id"])
        await world.at_desk(ada, "intent")
        task = asyncio.create_task(deciding_over(Database(pool)).handle(deliveries(newer)))
        async with asyncio.timeout(30):
            while not await world.connection.fetchval(  # noqa: ASYNC110  the server's locks tell nobody
                "select exists (select from pg_stat_activity "
                "where pg_backend_pid() = any (pg_blocking_pids(pid)))"
            ):
                await asyncio.sleep(0.01)
    await asyncio.wait_for(task, 30)
    account = await world.account(ada)
    assert account is not None
    assert await world.decision(ada) == ("hold", "rename")
    assert account["email"] == "before@customer.example"


async def test_a_group_judged_by_an_older_state_does_not_come_back_after_its_removal(
    world: Arranger, pool: Pool
) -> None:
    """Nobody was in the group, so its removal left no organization that could tell the older judgement."""
    customer = await world.customer()
    group = await world.group(customer, "IT")
    async with overtaken(Database(pool), group) as paused:
        await deciding_over(Database(pool)).handle(deliveries(await world.remove(customer, group)))
    assert paused.results == [Result.STALE]
    assert await world.row("select count(*) as n from router.organization") == {"n": 0}
    assert (await world.sync("group", group.id))["done_version"] == 2


async def test_routers_that_work_on_the_same_keys_in_any_order_end_with_the_newest_state(
    world: Arranger, pool: Pool
) -> None:
    """Three routers, two tenants, shared addresses, random batches, repeats; compared with one calm pass."""
    chance = random.Random(11)  # noqa: S311  repeatable, no secret
    customers = [await world.customer(), await world.customer()]
    await world.set_capability("rename_email", True)
    people = [
        (customer, f"p{number}", await world.person(customer, f"p{number}"))
        for customer in customers
        for number in range(12)
    ]
    groups = [
        (customer, await world.group(customer, "IT", [key for owner, _, key in people if owner is customer]))
        for customer in customers
    ]
    keys = [key for _, _, key in people] + [group for _, group in groups]
    routers = [deciding_over(Database(pool)) for _ in range(3)]

    async def work(router: Deciding) -> None:
        for _ in range(ROUNDS):
            await router.handle(deliveries(*chance.choices(keys, k=len(keys))))

    async def change() -> None:
        for number in range(ROUNDS * 6):
            customer, name, key = chance.choice(people)
            await world.change(
                customer, key, name, active=chance.random() < 0.7, displayName=f"{name} {number}"
            )
            if number % 8 == 0:
                owner, group = chance.choice(groups)
                await world.rename_group(owner, group, f"IT {number}")

    await asyncio.gather(change(), *(work(router) for router in routers))
    await routers[0].handle(deliveries(*keys))

    assert await world.row(
        "select count(*) as n from chain.sync where stage = 'router' and done_version < version"
    ) == {"n": 0}
    await assert_as_judged_now(world, pool, keys)


async def assert_as_judged_now(world: Arranger, pool: Pool, keys: Sequence[Key]) -> None:
    """Everything stored is what judging the present state gives, memberships included."""
    for key in keys:
        await world.connection.execute(
            "update chain.sync set version = version + 1 where kind = $1 and id = $2", key.kind.value, key.id
        )
    for work in await Database(pool).read_work(keys):
        if isinstance(work, GroupWork):
            wanted = judge_group(work, default_mapping())
            stored = await world.row(
                "select wanted_name from router.organization where id = $1", wanted.organization
            )
            assert stored == {"wanted_name": wanted.wanted_name}
            continue
        assert isinstance(work, PersonWork)
        judgement = judge_person(work, default_mapping(), EMAIL_KEY)
        decided = await world.decision(work.row.key)
        if decided == ("hold", "collision"):
            continue
        assert decided == (judgement.verdict, judgement.reason)
        account = await world.account(work.row.key)
        if judgement.want is None:
            assert account is None
            continue
        assert account is not None
        assert (account["display_name"], account["access"]) == (
            judgement.want.account.display_name,
            judgement.want.account.access,
        )
        assert await world.organizations(work.row.key) == {one.id for one in judgement.organizations}
