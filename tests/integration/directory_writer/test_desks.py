"""A desk in trouble, a changed desk, a desk that cannot be opened: nobody's own fault, and no restart."""

from collections.abc import Callable
from dataclasses import replace

import orjson
import pytest

from tests.integration.directory_writer.rig import Clock, Rig
from vestibule.database.pool import json_text
from vestibule.domain.desks import credentials_context
from vestibule.domain.identifiers import DeskId
from vestibule.sealing import new_key_pair, seal
from vestibule_directory_writer.connectors.failures import (
    DeskRefusesCredentials,
    DeskUnreachable,
    OutcomeUnknown,
    Scope,
    Throttled,
)
from vestibule_directory_writer.connectors.memory import Fault
from vestibule_directory_writer.work import Means


def with_clock(clock: Clock) -> Callable[[Means], Means]:
    def change(means: Means) -> Means:
        return replace(means, clock=clock)

    return change


def bound_to(rig: Rig) -> bytes:
    """What credentials for the rig's desk are sealed with."""
    return credentials_context(DeskId(rig.desk_id), "memory", {})


async def test_a_desk_that_does_not_answer_costs_nobody_an_attempt_and_closes_its_window(rig: Rig) -> None:
    customer = await rig.customer()
    people = [await rig.want(customer) for _ in range(6)]
    for _ in range(6):
        rig.memory.faults.append(Fault("create_customer", DeskUnreachable("connect_failed")))
    writer = rig.writer()
    for work in await rig.pick(kind="account"):
        await writer.reconcile([work])
    for person in people:
        outcome = await rig.outcome(person)
        assert (outcome["waits"], outcome["attempts"]) == ("desk_unreachable", 0)
        assert 0 < outcome["wait"] <= 5
        assert outcome["parked_at"] is None
    flow = await rig.flow()
    assert flow["probing"]
    assert flow["faults"] >= 3
    await rig.wake()
    await rig.settle(writer)
    flow = await rig.flow()
    assert (flow["probing"], flow["faults"]) == (False, 0)
    assert len(rig.memory.state.customers) == 6


async def test_many_failures_at_one_moment_are_told_once(rig: Rig) -> None:
    customer = await rig.customer()
    for _ in range(30):
        await rig.want(customer)
        rig.memory.faults.append(Fault("create_customer", DeskUnreachable("connect_failed")))
    await rig.writer().reconcile(await rig.pick(kind="account"))
    assert (await rig.flow())["faults"] < 10


async def test_unanswered_creates_at_a_desk_in_trouble_are_not_counted(rig: Rig) -> None:
    customer = await rig.customer()
    await rig.settle()
    ann = await rig.want(customer)
    await rig.admin.execute("update chain.desk_flow set faults = 3, probing = true")
    rig.memory.faults.append(Fault("create_customer", OutcomeUnknown("timed_out")))
    await rig.writer().reconcile(await rig.pick(kind="account"))
    outcome = await rig.outcome(ann)
    assert (outcome["waits"], outcome["attempts"]) == ("unknown_outcome", 0)


async def test_refused_credentials_pause_the_whole_desk_until_new_ones_come(rig: Rig) -> None:
    customer = await rig.customer()
    await rig.settle()
    ann = await rig.want(customer)
    clock = Clock()
    writer = rig.writer(means=with_clock(clock))
    rig.memory.faults.append(Fault("create_customer", DeskRefusesCredentials("unauthorized")))
    await writer.reconcile(await rig.pick(kind="account"))
    outcome, flow = await rig.outcome(ann), await rig.flow()
    assert (outcome["waits"], outcome["attempts"]) == ("desk_unauthorized", 0)
    assert flow["code"] == "desk_unauthorized"
    blocked = await rig.admin.fetchval(
        "select extract(epoch from blocked_until - clock_timestamp())::float from chain.desk_flow"
    )
    assert blocked > 200
    bob = await rig.want(customer)
    assert await rig.pick(kind="account") == []  # the window is closed
    sealed = seal(rig.keys.public, orjson.dumps({"secret": "new"}), bound_to(rig))
    await rig.admin.execute("update console.desk set sealed_credentials = $1", sealed.box)
    await rig.admin.execute("update chain.sync set not_before = null")
    clock.now += 6.0
    # A message that is on its way meets the new credentials.
    rows = await rig.admin.fetch("select id, tenant_id, version from chain.sync where kind = 'account'")
    await writer.reconcile([rig.work("account", row) for row in rows])
    assert rig.built[-1]["credentials"] == {"secret": "new"}
    assert (await rig.flow())["blocked_until"] is None
    await rig.settle(writer)
    for person in (ann, bob):
        assert (await rig.outcome(person))["form"] == "access"


async def test_while_the_desk_wants_a_pause_nothing_is_claimed_or_called(rig: Rig) -> None:
    customer = await rig.customer()
    await rig.settle()
    people = [await rig.want(customer) for _ in range(2)]
    writer = rig.writer()
    first, second = await rig.pick(kind="account")
    rig.memory.faults.append(Fault("create_customer", Throttled("throttled_quota", 60.0, Scope.DESK)))
    await writer.reconcile([first])
    await writer.reconcile([second])
    assert rig.memory.state.customers == {}
    for person in people:
        outcome = await rig.outcome(person)
        assert (outcome["waits"], outcome["attempts"]) == ("throttled", 0)
        assert outcome["wait"] > 55
        assert outcome["claim_worker"] is None
    assert (await rig.flow())["faults"] >= 1


async def test_a_throttled_endpoint_stops_that_endpoint_only_and_in_every_writer(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer)
    await rig.settle()
    rig.memory.faults.append(Fault("create_customer", Throttled("throttled", 60.0, Scope.ENDPOINT)))
    bob = await rig.want(customer)
    await rig.settle()
    assert (await rig.outcome(bob))["wait"] > 55
    other = rig.writer()
    eve = await rig.want(customer)
    await rig.want(customer, name="Ann Newer", person=ann)
    await rig.settle(other)
    assert (await rig.outcome(eve))["waits"] == "throttled"
    assert (await rig.outcome(eve))["wait"] > 50
    assert len(rig.memory.state.customers) == 1
    assert rig.memory.state.customers[await rig.desk_account(ann)].display_name == "Ann Newer"


async def test_credentials_that_cannot_be_opened_hold_the_desk_and_are_tried_again(rig: Rig) -> None:
    customer = await rig.customer()
    await rig.settle()
    ann = await rig.want(customer)
    stranger = new_key_pair("k9")
    sealed = seal(stranger.public, b"{}", bound_to(rig))
    await rig.admin.execute(
        "update console.desk set sealed_credentials = $1, sealing_key_id = 'k9'", sealed.box
    )
    clock = Clock()
    writer = rig.writer(means=with_clock(clock))
    work = await rig.pick(kind="account")
    await writer.reconcile(work)
    assert (await rig.outcome(ann))["waits"] == "credentials"
    assert (await rig.flow())["code"] == "credentials"
    good = seal(rig.keys.public, b"{}", bound_to(rig))
    await rig.admin.execute(
        "update console.desk set sealed_credentials = $1, sealing_key_id = 'k1'", good.box
    )
    clock.now += 6.0
    await rig.wake()
    await rig.settle(writer)
    assert (await rig.outcome(ann))["form"] == "access"


@pytest.mark.parametrize("setting", ["base_url", "csm_url"])
async def test_credentials_are_not_opened_for_a_host_that_they_were_not_sealed_for(
    rig: Rig, setting: str
) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer)
    await rig.settings(**{setting: "https://elsewhere.example"})
    await rig.writer().reconcile(await rig.pick())
    assert rig.built == []
    assert (await rig.outcome(ann))["waits"] == "credentials"
    sealed = seal(
        rig.keys.public,
        b"{}",
        credentials_context(DeskId(rig.desk_id), "memory", {setting: "https://elsewhere.example"}),
    )
    await rig.admin.execute("update console.desk set sealed_credentials = $1", sealed.box)
    await rig.wake()
    await rig.settle()
    assert (await rig.outcome(ann))["form"] == "access"


async def test_credentials_are_not_opened_for_a_desk_of_another_kind(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer)
    await rig.admin.execute("update console.desk set kind = 'jira'")
    await rig.writer().reconcile(await rig.pick())
    assert rig.built == []
    assert (await rig.outcome(ann))["waits"] == "credentials"


@pytest.mark.parametrize(
    "settings", [{"permits": {"default": {"rate": 0, "burst": 1}}}, {"permits": []}, {"concurrency": 0}]
)
async def test_a_desk_with_unusable_settings_holds_its_work(rig: Rig, settings: dict[str, object]) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer)
    await rig.admin.execute("update console.desk set settings = $1", json_text(settings))
    await rig.writer().reconcile(await rig.pick())
    assert (await rig.outcome(ann))["waits"] == "desk_misconfigured"
    assert rig.memory.state.customers == {}


async def test_changed_settings_are_taken_up_without_a_restart(rig: Rig) -> None:
    clock = Clock()
    writer = rig.writer(means=with_clock(clock))
    customer = await rig.customer()
    await rig.settle(writer)
    await rig.settings(closed_desk=True)
    await rig.want(customer)
    await rig.settle(writer)
    assert len(rig.built) == 1
    clock.now += 6.0
    await rig.want(customer)
    await rig.settle(writer)
    assert [built["settings"] for built in rig.built] == [{}, {"closed_desk": True}]


async def test_permits_bound_the_calls_of_all_writers_together(rig: Rig) -> None:
    await rig.admin.execute(
        "update console.desk set settings = $1",
        json_text({"permits": {"POST create_customer": {"rate": 0.001, "burst": 5}}}),
    )
    customer = await rig.customer()
    people = [await rig.want(customer) for _ in range(12)]
    work = await rig.pick(kind="account")
    one, two = rig.writer(), rig.writer()
    await one.reconcile(work[:6])
    await two.reconcile(work[6:])
    made = len(rig.memory.state.customers)
    assert made == 4  # one of the burst is kept for leavers
    for person in people:
        outcome = await rig.outcome(person)
        assert outcome["form"] == "access" or (outcome["waits"], outcome["attempts"]) == ("permits", 0)
