"""An account's life at the desk: made, renamed, left, returned; held where the desk cannot do it."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.integration.directory_writer.rig import Rig, open_rig
from tests.stack import Database
from vestibule.domain.accounts import wanted_hash
from vestibule_directory_writer.connectors.memory import EVERYTHING


@pytest.fixture
async def plain_rig(database: Database) -> AsyncIterator[Rig]:
    """A desk that can rename nothing and is open to everybody, as Jira without its newer API."""
    able = replace(EVERYTHING, rename_person=False, rename_organization=False, closed_desk=False)
    async with open_rig(database, able) as opened:
        yield opened


async def test_a_wanted_account_is_made_and_confirmed(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer, "ann@acme.example")
    await rig.settle()
    outcome, identity = await rig.outcome(ann), await rig.identity(ann)
    assert identity is not None
    made = rig.memory.state.customers[identity["desk_account_id"]]
    assert (made.email, made.display_name) == ("ann@acme.example", "Ann Example")
    assert made.id in rig.memory.state.at_desk
    assert (outcome["form"], outcome["applied_hash"]) == ("access", wanted_hash(ann.wanted))
    assert outcome["done_version"] == outcome["version"]
    assert outcome["confirmed_at"] is not None
    assert identity["state"] == "present"
    home = await rig.organization_row(customer.tenant)
    assert rig.memory.state.members[home["desk_organization_id"]] == {made.id}
    assert (await rig.membership(customer.tenant, ann))["origin"] == "ours"


async def test_a_batch_of_several_tenants_is_made_in_one_go(rig: Rig) -> None:
    customers = [await rig.customer() for _ in range(3)]
    people = [await rig.want(customer) for customer in customers for _ in range(30)]
    await rig.settle()
    assert len(rig.memory.state.customers) == 90
    for person in people:
        assert (await rig.outcome(person))["form"] == "access"
    for customer in customers:
        home = await rig.organization_row(customer.tenant)
        assert len(rig.memory.state.members[home["desk_organization_id"]]) == 30


async def test_an_unchanged_account_calls_nobody(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer)
    await rig.settle()
    before = list(rig.memory.state.effects)
    await rig.want(customer, person=ann)
    await rig.settle()
    assert rig.memory.state.effects == before
    assert (await rig.outcome(ann))["form"] == "access"


async def test_a_leaver_is_stripped_and_never_shown_as_blocked(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer)
    await rig.settle()
    await rig.want(customer, access=False, person=ann)
    await rig.settle()
    desk_account = await rig.desk_account(ann)
    assert (await rig.outcome(ann))["form"] == "stripped"
    assert desk_account in rig.memory.state.customers
    assert desk_account not in rig.memory.state.at_desk
    assert not any(desk_account in members for members in rig.memory.state.members.values())
    row = await rig.membership(customer.tenant, ann)
    assert (row["wanted"], row["applied"]) == (False, False)


async def test_a_return_restores_access_and_memberships_under_the_same_desk_id(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer)
    await rig.settle()
    desk_account = await rig.desk_account(ann)
    for access in (False, True):
        await rig.want(customer, access=access, person=ann)
        await rig.settle()
    assert await rig.desk_account(ann) == desk_account
    assert (await rig.outcome(ann))["form"] == "access"
    assert desk_account in rig.memory.state.at_desk
    home = await rig.organization_row(customer.tenant)
    assert desk_account in rig.memory.state.members[home["desk_organization_id"]]
    assert len(rig.memory.state.customers) == 1


async def test_who_never_had_an_account_leaves_as_absent(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer, access=False)
    await rig.settle()
    assert (await rig.outcome(ann))["form"] == "absent"
    assert rig.memory.state.customers == {}


async def test_a_new_name_is_given_to_the_same_account(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer, name="Ann Example")
    await rig.settle()
    renamed = await rig.want(customer, name="Ann Married", person=ann)
    await rig.settle()
    assert rig.memory.state.customers[await rig.desk_account(ann)].display_name == "Ann Married"
    assert (await rig.outcome(ann))["applied_hash"] == wanted_hash(renamed.wanted)


async def test_a_name_that_the_desk_cannot_change_is_held_and_all_else_applied(plain_rig: Rig) -> None:
    customer = await plain_rig.customer()
    ann = await plain_rig.want(customer, name="Ann Example")
    await plain_rig.settle()
    first = await plain_rig.outcome(ann)
    group = await plain_rig.organization(customer, "Sales")
    await plain_rig.want(customer, name="Ann Married", person=ann, organizations=(group,))
    await plain_rig.settle()
    outcome = await plain_rig.outcome(ann)
    assert (outcome["held"], outcome["applied_hash"]) == ("unsupported_display_name", first["applied_hash"])
    assert outcome["done_version"] == outcome["version"]
    assert plain_rig.memory.state.customers[await plain_rig.desk_account(ann)].display_name == "Ann Example"
    row = await plain_rig.organization_row(group)
    assert await plain_rig.desk_account(ann) in plain_rig.memory.state.members[row["desk_organization_id"]]
    await plain_rig.want(customer, name="Ann Example", person=ann)
    await plain_rig.settle()
    assert (await plain_rig.outcome(ann))["held"] is None


async def test_a_leaver_is_not_held_for_a_name_that_cannot_be_changed(plain_rig: Rig) -> None:
    customer = await plain_rig.customer()
    ann = await plain_rig.want(customer, name="Ann Example")
    await plain_rig.settle()
    await plain_rig.want(customer, name="Ann Gone", access=False, person=ann)
    await plain_rig.settle()
    outcome = await plain_rig.outcome(ann)
    assert (outcome["form"], outcome["held"]) == ("stripped", None)


async def test_another_address_is_held_and_nothing_is_called(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer, "ann@acme.example")
    await rig.settle()
    before = list(rig.memory.state.effects)
    await rig.want(customer, "ann.married@acme.example", person=ann)
    await rig.settle()
    outcome = await rig.outcome(ann)
    assert (outcome["held"], outcome["done_version"]) == ("rename", outcome["version"])
    assert rig.memory.state.effects == before


async def test_a_leaver_with_another_address_is_stripped_all_the_same(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer, "ann@acme.example")
    await rig.settle()
    await rig.want(customer, "ann.married@acme.example", access=False, person=ann)
    await rig.settle()
    assert (await rig.outcome(ann))["form"] == "stripped"
    assert await rig.desk_account(ann) not in rig.memory.state.at_desk


async def test_what_happened_is_on_the_timeline_in_codes(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer)
    await rig.settle()
    rows = await rig.admin.fetch("select * from chain.timeline where subject_id = $1 order by id", ann.id)
    assert [(row["stage"], row["code"]) for row in rows] == [("done", "applied")]
