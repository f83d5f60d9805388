"""Who a customer belongs to: made once, never taken silently, found again after a call without an answer."""

import asyncio
from dataclasses import replace

import pytest

from tests.integration.directory_writer.rig import Person, Rig
from vestibule_directory_writer.connectors.failures import (
    DeskUnreachable,
    OutcomeUnknown,
    Refused,
    Scope,
    Throttled,
)
from vestibule_directory_writer.connectors.memory import Fault
from vestibule_directory_writer.connectors.service_desk import DeskCustomer, DeskOrganization, Kind


def there_before(rig: Rig, email: str, kind: Kind = Kind.PORTAL_ONLY, *, active: bool = True) -> DeskCustomer:
    """A customer whom nobody of ours made."""
    customer = DeskCustomer(rig.memory.state.next_id("qm:"), email, "Somebody", active, kind)
    rig.memory.state.customers[customer.id] = customer
    return customer


def unanswered(rig: Rig, *, after_effect: bool) -> None:
    """The next create gets no answer."""
    rig.memory.faults.append(Fault("create_customer", OutcomeUnknown("timed_out"), after_effect))


async def again(rig: Rig) -> None:
    """Time passes, and the chain comes to rest."""
    await rig.wake()
    await rig.settle()


async def held_for_adoption(rig: Rig, person: Person) -> bool:
    outcome = await rig.outcome(person)
    cases = await rig.cases(person)
    return outcome["held"] == "adoption" and outcome["parked_at"] is not None and len(cases) == 1


async def test_a_customer_who_was_there_is_held_with_a_case_and_not_touched(rig: Rig) -> None:
    before = there_before(rig, "ann@acme.example")
    ann = await rig.want(await rig.customer(), "ann@acme.example")
    await rig.settle()
    assert await held_for_adoption(rig, ann)
    assert rig.memory.state.customers == {before.id: before}
    identity = await rig.identity(ann)
    assert identity is not None
    assert (identity["state"], identity["desk_account_id"]) == ("idle", None)


async def test_a_replay_asks_again_and_is_held_again_while_the_customer_is_there(rig: Rig) -> None:
    before = there_before(rig, "ann@acme.example")
    customer = await rig.customer()
    ann = await rig.want(customer, "ann@acme.example")
    await rig.settle()
    await rig.replay(customer.tenant)
    await rig.settle()
    assert await held_for_adoption(rig, ann)
    del rig.memory.state.customers[before.id]
    await rig.replay(customer.tenant)
    await rig.settle()
    outcome = await rig.outcome(ann)
    assert (outcome["form"], outcome["held"]) == ("access", None)
    assert await rig.cases(ann) == []


@pytest.mark.parametrize(
    "failure", [Throttled("throttled", 1.0, Scope.ENDPOINT), DeskUnreachable("connect_failed")]
)
async def test_a_call_that_had_no_effect_does_not_make_a_stranger_ours(rig: Rig, failure: Exception) -> None:
    there_before(rig, "ann@acme.example")
    assert isinstance(failure, Throttled | DeskUnreachable)
    rig.memory.faults.append(Fault("create_customer", failure))
    ann = await rig.want(await rig.customer(), "ann@acme.example")
    await rig.settle()
    assert (await rig.outcome(ann))["attempts"] == 0
    await again(rig)
    assert await held_for_adoption(rig, ann)


async def test_an_unanswered_create_that_took_effect_is_found_and_ours(rig: Rig) -> None:
    unanswered(rig, after_effect=True)
    ann = await rig.want(await rig.customer(), "ann@acme.example")
    await rig.settle()
    identity = await rig.identity(ann)
    assert identity is not None
    assert identity["state"] == "unknown"
    await again(rig)
    assert len(rig.memory.state.customers) == 1
    assert (await rig.outcome(ann))["form"] == "access"
    assert rig.memory.state.effects.count(("customer_created", await rig.desk_account(ann))) == 1


async def test_an_unanswered_create_without_effect_is_called_again(rig: Rig) -> None:
    unanswered(rig, after_effect=False)
    ann = await rig.want(await rig.customer(), "ann@acme.example")
    await rig.settle()
    assert (await rig.outcome(ann))["waits"] == "unknown_outcome"
    await again(rig)
    assert len(rig.memory.state.customers) == 1
    assert (await rig.outcome(ann))["form"] == "access"


async def test_a_crash_between_intent_and_record_is_an_unanswered_create(rig: Rig) -> None:
    ann = await rig.want(await rig.customer(), "ann@acme.example")
    await rig.admin.execute(
        "insert into writer.desk_identity (tenant_id, id, desk_id, account_id, state, email) "
        "values ($1, gen_random_uuid(), $2, $3, 'intent', 'ann@acme.example')",
        ann.tenant,
        rig.desk_id,
        ann.id,
    )
    made = there_before(rig, "ann@acme.example")
    await rig.settle()
    assert await rig.desk_account(ann) == made.id
    assert rig.memory.state.customers[made.id].display_name == "Ann Example"


async def test_while_an_unanswered_create_may_still_act_nobody_else_works_on_the_key(rig: Rig) -> None:
    customer = await rig.customer()
    unanswered(rig, after_effect=False)
    ann = await rig.want(customer, "ann@acme.example")
    await rig.settle()
    await rig.want(customer, name="Ann Newer", person=ann)
    await rig.settle()
    outcome = await rig.outcome(ann)
    assert outcome["claimed"]
    assert rig.memory.state.customers == {}
    await again(rig)
    assert rig.memory.state.customers[await rig.desk_account(ann)].display_name == "Ann Newer"


@pytest.mark.parametrize("state", ["full_account", "in_an_organization", "inactive"])
async def test_after_an_unanswered_create_who_cannot_be_ours_is_held(rig: Rig, state: str) -> None:
    unanswered(rig, after_effect=False)
    ann = await rig.want(await rig.customer(), "ann@acme.example")
    await rig.settle()
    kind = Kind.OTHER if state == "full_account" else Kind.PORTAL_ONLY
    stranger = there_before(rig, "ann@acme.example", kind)
    if state == "in_an_organization":
        rig.memory.state.organizations["900"] = DeskOrganization("900", "Theirs", False)
        rig.memory.state.members["900"] = {stranger.id}
    if state == "inactive":
        rig.memory.state.customers[stranger.id] = replace(stranger, active=False)
    await again(rig)
    outcome = await rig.outcome(ann)
    if state == "inactive":  # look-ups hide the inactive: it is there and not to be seen
        assert outcome["waits"] == "exists_not_visible"
        return
    assert outcome["held"] == ("not_portal_only" if state == "full_account" else "adoption")
    assert len(await rig.cases(ann)) == 1
    assert rig.memory.state.customers == {stranger.id: stranger}


async def test_who_is_not_visible_is_looked_for_a_few_times_and_then_parked(rig: Rig) -> None:
    unanswered(rig, after_effect=True)
    ann = await rig.want(await rig.customer(), "ann@acme.example")
    await rig.settle()
    for key, hidden in list(rig.memory.state.customers.items()):
        rig.memory.state.customers[key] = replace(hidden, active=False)
    waits = []
    for _ in range(10):
        outcome = await rig.outcome(ann)
        if outcome["parked_at"] is not None:
            break
        waits.append(outcome["wait"])
        await again(rig)
    outcome = await rig.outcome(ann)
    assert outcome["waits"] == "exists_not_visible"
    assert outcome["parked_at"] is not None
    assert 3 <= len(waits) <= 6


async def test_a_customer_that_another_account_owns_is_never_taken(rig: Rig) -> None:
    """Two tenants' equal addresses are the router's to hold; should it fail, the desk's id has one owner."""
    first, second = await rig.customer(), await rig.customer()
    await rig.settle()
    ann = await rig.want(first, "ann@acme.example")
    work = await rig.pick(kind="account")
    await rig.writer().reconcile(work)
    unanswered(rig, after_effect=False)
    eve = await rig.want(second, "ann@acme.example")
    work = await rig.pick(kind="account")
    await rig.writer().reconcile(work)
    await rig.wake()
    owned = await rig.desk_account(ann)
    await rig.writer().reconcile(await rig.pick(kind="account"))
    assert await held_for_adoption(rig, eve)
    assert await rig.desk_account(ann) == owned
    identity = await rig.identity(eve)
    assert identity is not None
    assert (identity["state"], identity["desk_account_id"]) == ("unknown", None)


async def test_a_leaver_whose_create_was_not_answered_is_looked_up_and_stripped(rig: Rig) -> None:
    customer = await rig.customer()
    unanswered(rig, after_effect=True)
    ann = await rig.want(customer, "ann@acme.example")
    await rig.settle()
    await rig.want(customer, access=False, person=ann)
    await again(rig)
    assert (await rig.outcome(ann))["form"] == "stripped"
    assert await rig.desk_account(ann) in rig.memory.state.customers


async def test_a_leaver_whose_create_left_nothing_is_absent_after_several_looks(rig: Rig) -> None:
    customer = await rig.customer()
    unanswered(rig, after_effect=False)
    ann = await rig.want(customer, "ann@acme.example")
    await rig.settle()
    await rig.want(customer, access=False, person=ann)
    looks = 0
    while (await rig.outcome(ann))["form"] is None and looks < 10:
        looks += 1
        await again(rig)
    assert looks == 5
    assert (await rig.outcome(ann))["form"] == "absent"
    assert rig.memory.state.customers == {}


async def test_a_leaver_whom_look_ups_show_late_is_stripped_and_not_taken_for_absent(rig: Rig) -> None:
    customer = await rig.customer()
    unanswered(rig, after_effect=True)
    ann = await rig.want(customer, "ann@acme.example")
    await rig.settle()
    ((key, made),) = rig.memory.state.customers.items()
    rig.memory.state.customers[key] = replace(made, active=False)  # look-ups do not show it yet
    await rig.want(customer, access=False, person=ann)
    await again(rig)
    outcome = await rig.outcome(ann)
    assert (outcome["form"], outcome["applied_hash"]) == (None, None)
    rig.memory.state.customers[key] = made
    await again(rig)
    assert (await rig.outcome(ann))["form"] == "stripped"
    assert await rig.desk_account(ann) == key


async def test_an_address_that_the_desk_refuses_climbs_the_ladder_and_is_parked_as_refused(rig: Rig) -> None:
    ann = await rig.want(await rig.customer(), "ann@acme.example")
    for _ in range(12):
        rig.memory.faults.append(Fault("create_customer", Refused("create_customer_400")))
        await again(rig)
        if (await rig.outcome(ann))["parked_at"] is not None:
            break
    outcome = await rig.outcome(ann)
    assert (outcome["waits"], outcome["attempts"]) == ("refused:email", 7)
    assert rig.memory.state.customers == {}


async def test_two_writers_at_once_make_one_customer(rig: Rig) -> None:
    customer = await rig.customer()
    people = [await rig.want(customer) for _ in range(20)]
    work = await rig.pick()
    one, two = rig.writer(), rig.writer()
    await asyncio.gather(one.reconcile(work), two.reconcile(work), one.reconcile(work))
    await again(rig)
    created = [subject for effect, subject in rig.memory.state.effects if effect == "customer_created"]
    assert len(created) == len(set(created)) == len(people)
    for person in people:
        assert (await rig.outcome(person))["form"] == "access"
