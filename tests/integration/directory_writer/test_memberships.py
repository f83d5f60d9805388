"""Memberships: in batches, leavers first, a guilty one found and told, theirs never removed."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from uuid import UUID

from tests.integration.directory_writer.rig import Person, Rig
from tests.tenants import Customer
from vestibule.domain.desks import Capabilities
from vestibule_directory_writer.connectors.failures import DeskUnreachable, Scope, Throttled
from vestibule_directory_writer.connectors.memory import EVERYTHING, Fault, MemoryDesk, MemoryState
from vestibule_directory_writer.connectors.pacing import Pacing


async def made(rig: Rig, customer: Customer, count: int) -> list[Person]:
    """Accounts that are at the desk, in the home organization."""
    people = [await rig.want(customer) for _ in range(count)]
    await rig.settle()
    return people


async def members(rig: Rig, organization: object) -> set[str]:
    row = await rig.admin.fetchrow("select * from router.organization where id = $1", organization)
    assert row is not None
    return rig.memory.state.members[row["desk_organization_id"]]


async def leaver_among_joiners(rig: Rig, customer: Customer, people: Sequence[Person]) -> UUID:
    """A group whose one member leaves while all the others wait to come in; the desk takes four at a time."""
    rig.memory.capabilities = replace(rig.memory.capabilities, member_batch=4)
    group = await rig.organization(customer, "IT")
    leaver, *joiners = people
    await rig.want(customer, person=leaver, organizations=(group,))
    await rig.settle()
    for person in joiners:
        await rig.want(customer, person=person, organizations=(group,))
    await rig.want(customer, access=False, person=leaver)
    return group


async def test_members_are_added_in_batches_of_what_the_desk_takes(rig: Rig) -> None:
    rig.memory.capabilities = replace(rig.memory.capabilities, member_batch=7)
    customer = await rig.customer()
    people = await made(rig, customer, 40)
    assert len(await members(rig, customer.tenant)) == len(people)


async def test_a_long_list_gives_others_their_turn_and_is_finished_all_the_same(rig: Rig) -> None:
    rig.memory.capabilities = replace(rig.memory.capabilities, member_batch=1)
    customer = await rig.customer()
    people = [await rig.want(customer) for _ in range(30)]
    work = await rig.pick(kind="account")
    await rig.writer().reconcile(work)
    await rig.wake()
    await rig.admin.execute("update chain.sync set inflight_version = null where kind = 'organization'")
    await rig.settle()
    await rig.wake()  # a turn that was given away is due at the next sweep
    await rig.settle()
    assert len(await members(rig, customer.tenant)) == len(people)


async def test_a_leavers_turn_is_not_spent_on_a_long_list_of_joiners(rig: Rig) -> None:
    customer = await rig.customer()
    people = await made(rig, customer, 30)
    group = await leaver_among_joiners(rig, customer, people)
    rig.memory.state.effects.clear()
    (turn,) = [work for work in await rig.pick() if work.key.id == group]
    writer = rig.writer()
    await writer.reconcile([turn])
    moves = [effect.split(":")[0] for effect, _ in rig.memory.state.effects]
    assert moves[0] == "member_removed"
    assert moves.count("member_added") < 4
    waits = await rig.admin.fetchrow("select prio, claim_worker from chain.sync where id = $1", group)
    assert waits is not None
    assert (waits["prio"], waits["claim_worker"]) == (1, None)
    await rig.wake()
    await rig.settle(writer)
    assert len(await members(rig, group)) == 29


async def test_a_leaver_who_is_marked_meanwhile_keeps_his_urgency(rig: Rig) -> None:
    customer = await rig.customer()
    people = await made(rig, customer, 12)
    group = await leaver_among_joiners(rig, customer, people)
    (turn,) = [work for work in await rig.pick() if work.key.id == group]
    desk = Interrupted(rig.memory.capabilities, state=rig.memory.state)
    rig.memory = desk

    async def leave() -> None:
        await rig.want(customer, access=False, person=people[1])

    desk.meanwhile.append(leave)
    await rig.writer().reconcile([turn])
    assert not desk.meanwhile
    assert await rig.admin.fetchval("select prio from chain.sync where id = $1", group) == 0


class Interrupted(MemoryDesk):
    """Something happens while members are removed."""

    def __init__(
        self,
        capabilities: Capabilities = EVERYTHING,
        pacing: Pacing | None = None,
        state: MemoryState | None = None,
        meanwhile: list[Callable[[], Awaitable[None]]] | None = None,
    ) -> None:
        super().__init__(capabilities, pacing, state)
        self.meanwhile = [] if meanwhile is None else meanwhile

    def paced_by(self, pacing: Pacing) -> MemoryDesk:
        return Interrupted(self.capabilities, pacing, self.state, self.meanwhile)

    async def remove_members(self, organization_id: str, customer_ids: Collection[str]) -> None:
        while self.meanwhile:
            await self.meanwhile.pop()()
        await super().remove_members(organization_id, customer_ids)


async def test_one_member_whom_the_desk_refuses_does_not_keep_the_others_out(rig: Rig) -> None:
    customer = await rig.customer()
    people = await made(rig, customer, 20)
    group = await rig.organization(customer, "IT")
    ghost = await rig.desk_account(people[7])
    gone = rig.memory.state.customers.pop(ghost)
    for person in people:
        await rig.want(customer, person=person, organizations=(group,))
    await rig.settle()
    assert await members(rig, group) == {
        await rig.desk_account(person) for person in people if person is not people[7]
    }
    row = await rig.membership(group, people[7])
    assert (row["applied"], row["code"]) == (False, "member_refused")
    assert (await rig.membership(group, people[8]))["code"] is None
    organization = await rig.organization_row(group)
    assert (organization["waits"], organization["attempts"]) == ("member_refused", 1)
    rig.memory.state.customers[ghost] = gone
    await rig.wake()
    await rig.settle()
    assert ghost in await members(rig, group)
    assert (await rig.membership(group, people[7]))["code"] is None
    organization = await rig.organization_row(group)
    assert (organization["waits"], organization["done_version"]) == (None, organization["version"])


async def test_a_refused_member_is_parked_after_the_ladder_and_replayed(rig: Rig) -> None:
    customer = await rig.customer()
    (ann,) = await made(rig, customer, 1)
    gone = rig.memory.state.customers.pop(await rig.desk_account(ann))
    group = await rig.organization(customer, "IT")
    await rig.want(customer, person=ann, organizations=(group,))
    for _ in range(12):
        await rig.settle()
        if (await rig.organization_row(group))["parked_at"] is not None:
            break
        await rig.wake()
    assert (await rig.organization_row(group))["waits"] == "member_refused"
    assert (await rig.organization_row(group))["parked_at"] is not None
    rig.memory.state.customers[gone.id] = gone
    await rig.admin.execute("update router.membership set applied_at = now() - interval '1 hour'")
    await rig.replay(customer.tenant)
    await rig.settle()
    assert await members(rig, group) == {gone.id}


async def test_leavers_go_before_joiners(rig: Rig) -> None:
    customer = await rig.customer()
    people = await made(rig, customer, 3)
    group = await rig.organization(customer, "IT")
    await rig.want(customer, person=people[0], organizations=(group,))
    await rig.settle()
    rig.memory.state.effects.clear()
    await rig.want(customer, person=people[1], organizations=(group,))
    await rig.want(customer, person=people[2], organizations=(group,))
    await rig.want(customer, person=people[0])
    await rig.settle()
    kinds = [effect.split(":")[0] for effect, _ in rig.memory.state.effects]
    assert kinds == ["member_removed", "member_added", "member_added"]


async def test_what_a_failing_batch_had_done_is_recorded(rig: Rig) -> None:
    customer = await rig.customer()
    people = await made(rig, customer, 2)
    group = await rig.organization(customer, "IT")
    await rig.want(customer, person=people[0], organizations=(group,))
    await rig.settle()
    await rig.want(customer, person=people[0])
    await rig.want(customer, person=people[1], organizations=(group,))
    rig.memory.faults.append(Fault("add_members", DeskUnreachable("connect_failed")))
    await rig.settle()
    assert not (await rig.membership(group, people[0]))["applied"]
    assert not (await rig.membership(group, people[1]))["applied"]
    organization = await rig.organization_row(group)
    assert (organization["waits"], organization["attempts"]) == ("desk_unreachable", 0)
    await rig.wake()
    await rig.settle()
    assert await members(rig, group) == {await rig.desk_account(people[1])}


async def test_a_throttled_batch_waits_as_long_as_the_desk_asked(rig: Rig) -> None:
    customer = await rig.customer()
    (ann,) = await made(rig, customer, 1)
    group = await rig.organization(customer, "IT")
    await rig.settle()
    await rig.want(customer, person=ann, organizations=(group,))
    rig.memory.faults.append(Fault("add_members", Throttled("throttled", 30.0, Scope.ENDPOINT)))
    await rig.settle()
    waits = await rig.admin.fetchval(
        "select extract(epoch from not_before - clock_timestamp())::float from chain.sync where id = $1",
        group,
    )
    assert 25 < waits <= 36
    await rig.wake()
    await rig.settle()
    assert await members(rig, group) == {await rig.desk_account(ann)}


async def test_members_that_the_desk_has_by_hand_stay(rig: Rig) -> None:
    customer = await rig.customer()
    (ann,) = await made(rig, customer, 1)
    (await members(rig, customer.tenant)).add("qm:by-hand")
    await rig.want(customer, access=False, person=ann)
    await rig.settle()
    assert await members(rig, customer.tenant) == {"qm:by-hand"}


async def test_members_without_an_account_wait_and_are_woken_by_its_record(rig: Rig) -> None:
    customer = await rig.customer()
    await rig.settle()
    ann = await rig.want(customer)
    work = await rig.pick()
    writer = rig.writer()
    await writer.reconcile([one for one in work if one.key.kind == "organization"])
    assert (await rig.membership(customer.tenant, ann))["ready"] is False
    home = await rig.organization_row(customer.tenant)
    assert home["done_version"] == home["version"]
    await writer.reconcile([one for one in work if one.key.kind == "account"])
    assert (await rig.membership(customer.tenant, ann))["ready"] is True
    await rig.settle(writer)
    assert await members(rig, customer.tenant) == {await rig.desk_account(ann)}
