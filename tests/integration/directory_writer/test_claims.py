"""One worker per key: what is newer, paused or another's is never called for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.integration.directory_writer.rig import Person, Rig
from tests.tenants import Customer
from vestibule.database.pool import Pool
from vestibule.database.statements import statements
from vestibule.domain.identifiers import Kind
from vestibule_directory_writer.connectors.memory import MemoryDesk
from vestibule_directory_writer.connectors.pacing import Pacing
from vestibule_directory_writer.work import Means


class Interrupted:
    """A pool that lets something happen right before one statement, once."""

    def __init__(self, pool: Pool, statement: str, happens: Callable[[], Awaitable[object]]) -> None:
        self._pool = pool
        self._statement = statement
        self._happens = happens
        self.times = 0

    async def fetch(self, statement: str, *arguments: Any) -> Any:
        if statement == self._statement and self.times == 0:
            self.times += 1
            await self._happens()
        return await self._pool.fetch(statement, *arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


def before(rig: Rig, name: str, happens: Callable[[], Awaitable[object]]) -> Callable[[Means], Means]:
    """Means whose database is interrupted right before that statement of `outcomes`."""

    def change(means: Means) -> Means:
        pool = cast(Pool, Interrupted(rig.pool, statements("outcomes")[name], happens))
        return replace(means, pool=pool)

    return change


class Interrupting(MemoryDesk):
    """A desk at which something else happens in the moment of a create."""

    happens: Callable[[], Awaitable[object]]
    times: list[int]

    async def create_customer(self, email: str, display_name: str) -> Any:
        made = await super().create_customer(email, display_name)
        if not self.times:
            self.times.append(1)
            await self.happens()
        return made

    def paced_by(self, pacing: Pacing) -> "Interrupting":
        copy = Interrupting(self.capabilities, pacing, self.state, self.faults)
        copy.happens, copy.times = self.happens, self.times
        return copy


def interrupting(rig: Rig, happens: Callable[[], Awaitable[object]]) -> None:
    desk = Interrupting()
    desk.happens, desk.times = happens, []
    rig.memory = desk


async def calls(rig: Rig) -> int:
    return len(rig.memory.state.effects)


async def test_something_newer_between_claim_and_intent_stops_before_the_call(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer, "ann@acme.example", name="Ann Old")

    async def newer() -> None:
        await rig.want(customer, name="Ann New", person=ann)

    work = await rig.pick(kind="account")
    await rig.writer(means=before(rig, "save_intents", newer)).reconcile(work)
    assert rig.memory.state.customers == {}
    assert await rig.identity(ann) is None
    assert not (await rig.outcome(ann))["claimed"]
    await rig.settle()
    assert [made.display_name for made in rig.memory.state.customers.values()] == ["Ann New"]


@pytest.mark.parametrize("what", ["connection", "tenant", "desk"])
async def test_a_pause_between_claim_and_intent_calls_nobody(rig: Rig, what: str) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer, "ann@acme.example")

    async def pause() -> None:
        await switch(rig, customer, what, on=False)

    work = await rig.pick(kind="account")
    await rig.writer(means=before(rig, "save_intents", pause)).reconcile(work)
    await rig.wake()
    await rig.settle()
    assert rig.memory.state.customers == {}
    await switch(rig, customer, what, on=True)
    await rig.wake()
    await rig.settle()
    assert (await rig.outcome(ann))["form"] == "access"


async def switch(rig: Rig, customer: Customer, what: str, *, on: bool) -> None:
    if what == "connection":
        await rig.mode(customer, "live" if on else "paused")
    elif what == "tenant":
        state = "active" if on else "suspended"
        await rig.admin.execute("update console.tenant set state = $2 where id = $1", customer.tenant, state)
    else:
        state = "active" if on else "disabled"
        await rig.admin.execute("update console.desk set state = $2 where id = $1", rig.desk_id, state)


@pytest.mark.parametrize(
    ("what", "code"), [("connection", "paused"), ("tenant", "suspended"), ("desk", "disabled")]
)
async def test_what_was_queued_before_a_pause_calls_nobody(rig: Rig, what: str, code: str) -> None:
    customer = await rig.customer()
    group = await rig.organization(customer, "IT")
    ann = await rig.want(customer, "ann@acme.example", organizations=(group,))
    work = await rig.pick()
    await switch(rig, customer, what, on=False)
    await rig.writer().reconcile(work)
    names = [made.name for made in rig.memory.state.organizations.values()]
    assert rig.memory.state.customers == {}
    assert not any("IT" in name for name in names)
    outcome = await rig.outcome(ann)
    assert (outcome["waits"], outcome["attempts"], outcome["parked_at"]) == (code, 0, None)
    await switch(rig, customer, what, on=True)
    await rig.wake()
    await rig.settle()
    assert (await rig.outcome(ann))["form"] == "access"
    assert (await rig.membership(group, ann))["applied"]


async def test_members_of_a_paused_connection_are_not_touched_in_a_shared_organization(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer)
    await rig.settle()
    await rig.mode(customer, "paused")
    await rig.want(customer, access=False, person=ann)
    await rig.settle()
    home = await rig.organization_row(customer.tenant)
    assert await rig.desk_account(ann) in rig.memory.state.members[home["desk_organization_id"]]


async def test_something_newer_after_the_create_is_stopped_for_and_then_done(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer, "ann@acme.example")

    async def leave() -> None:
        await rig.want(customer, access=False, person=ann)

    interrupting(rig, leave)
    work = await rig.pick(kind="account")
    await rig.writer().reconcile(work)
    made = await rig.desk_account(ann)  # what was made is known, whatever came between
    assert made not in rig.memory.state.at_desk
    await rig.settle()
    assert (await rig.outcome(ann))["form"] == "stripped"
    assert len(rig.memory.state.customers) == 1


async def test_a_lost_claim_records_nothing(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer, "ann@acme.example")

    async def lose() -> None:
        await rig.admin.execute(
            "update chain.sync set claim_worker = 'another', claim_until = now() + interval '1 minute' "
            "where id = $1",
            ann.id,
        )

    interrupting(rig, lose)
    registry = rig.registry
    await rig.writer().reconcile(await rig.pick(kind="account"))
    outcome = await rig.outcome(ann)
    assert (outcome["form"], outcome["claim_worker"]) == (None, "another")
    assert outcome["done_version"] == 0
    lost = registry.get_sample_value(
        "vestibule_outcomes_total", {"stage": "writer", "kind": "account", "outcome": "claim_lost"}
    )
    assert lost == 1
    await rig.wake()
    await rig.settle()
    assert len(rig.memory.state.customers) == 1
    assert (await rig.outcome(ann))["form"] == "access"


async def test_a_key_that_another_worker_holds_waits_for_that_claim(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer)
    work = await rig.pick(kind="account")
    await rig.admin.execute(
        "update chain.sync set claim_worker = 'another', claim_until = now() + interval '1 minute' "
        "where id = $1",
        ann.id,
    )
    await rig.writer().reconcile(work)
    outcome = await rig.outcome(ann)
    assert rig.memory.state.customers == {}
    assert outcome["waits"] == "busy"
    assert outcome["wait"] > 30


async def test_a_stale_message_is_nobodys_work(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer)
    work = await rig.pick()
    writer = rig.writer()
    await writer.reconcile(work)
    await rig.settle(writer)
    before_it = await calls(rig)
    await writer.reconcile(work)
    assert await calls(rig) == before_it
    assert (await rig.outcome(ann))["form"] == "access"


async def test_a_mark_in_the_moment_of_the_claim_is_waited_for(rig: Rig) -> None:
    """A claim that skipped the locked row would leave the key to the queue's lease."""
    customer = await rig.customer()
    ann = await rig.want(customer)
    await rig.settle()
    await rig.want(customer, name="Ann Newer", person=ann)
    work = await rig.pick(kind="account")
    async with rig.database.administrator() as router:
        marking = router.transaction()
        await marking.start()
        await router.execute("select from chain.sync where id = $1 for update", ann.id)
        working = asyncio.create_task(rig.writer().reconcile(work))
        await locked(rig)
        assert not working.done()
        await marking.commit()
        await working
    assert rig.memory.state.customers[await rig.desk_account(ann)].display_name == "Ann Newer"


async def locked(rig: Rig) -> None:
    """Return once a session of the writer waits for a lock."""
    async with asyncio.timeout(10):
        while not await rig.admin.fetchval(  # noqa: ASYNC110  the event is in the database
            "select exists (select from pg_stat_activity where application_name = 'test-writer' "
            "and wait_event_type = 'Lock')"
        ):
            await asyncio.sleep(0)


async def test_a_writer_that_stops_begins_nothing_more_and_leaves_no_claim_behind(rig: Rig) -> None:
    stopping = asyncio.Event()

    async def stop() -> None:
        stopping.set()

    interrupting(rig, stop)
    await rig.settings(concurrency=1)
    customer = await rig.customer()
    people = [await rig.want(customer) for _ in range(5)]
    work = await rig.pick()
    writer = rig.writer(means=lambda means: replace(means, stopping=stopping))
    for kind in (Kind.ACCOUNT, Kind.ORGANIZATION):
        await writer.reconcile([one for one in work if one.key.kind is kind])
    assert len(rig.memory.state.customers) == 1
    assert rig.memory.state.organizations == {}
    held = await rig.admin.fetchval("select count(*) from chain.sync where claim_worker is not null")
    assert held == 0
    for person in people:
        identity = await rig.identity(person)
        assert identity is not None
        assert identity["state"] in ("present", "idle")  # nobody need be looked for
    await rig.wake()
    await rig.settle()
    for person in people:
        assert (await rig.outcome(person))["form"] == "access"


async def test_a_bug_about_one_account_harms_no_other(rig: Rig) -> None:
    class Broken(MemoryDesk):
        async def create_customer(self, email: str, display_name: str) -> Any:
            if email.startswith("bad"):
                raise KeyError("bug")
            return await super().create_customer(email, display_name)

        def paced_by(self, pacing: Pacing) -> "Broken":
            return Broken(self.capabilities, pacing, self.state, self.faults)

    rig.memory = Broken()
    customer = await rig.customer()
    people: list[Person] = [await rig.want(customer) for _ in range(5)]
    bad = await rig.want(customer, "bad@acme.example")
    await rig.settle()
    outcome = await rig.outcome(bad)
    assert (outcome["waits"], outcome["attempts"]) == ("bug", 1)
    for person in people:
        assert (await rig.outcome(person))["form"] == "access"
