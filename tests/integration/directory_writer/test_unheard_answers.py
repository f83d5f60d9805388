"""The desk acted and nobody heard of it; then the opposite is wanted: the desk must not keep what it did."""

import pytest

from tests.integration.directory_writer.rig import Rig
from vestibule_directory_writer.connectors.failures import DeskUnreachable
from vestibule_directory_writer.connectors.memory import Fault


def unheard(rig: Rig, operation: str) -> None:
    """The next call of this operation takes effect, and its answer is lost."""
    rig.memory.faults.append(Fault(operation, DeskUnreachable("timed_out"), after_effect=True))


async def again(rig: Rig) -> None:
    """Time passes, and the chain comes to rest."""
    await rig.wake()
    await rig.settle()


async def test_a_membership_that_was_made_unheard_is_taken_back(rig: Rig) -> None:
    customer = await rig.customer()
    group = await rig.organization(customer, "IT")
    ann = await rig.want(customer)
    await rig.settle()
    unheard(rig, "add_members")
    await rig.want(customer, person=ann, organizations=(group,))
    await rig.settle()
    row = await rig.organization_row(group)
    members = rig.memory.state.members[row["desk_organization_id"]]
    assert members == {await rig.desk_account(ann)}
    await rig.want(customer, person=ann)
    await again(rig)
    assert members == set()
    assert (await rig.membership(group, ann))["applied"] is False


async def test_a_membership_that_was_ended_unheard_is_made_again(rig: Rig) -> None:
    customer = await rig.customer()
    group = await rig.organization(customer, "IT")
    ann = await rig.want(customer, organizations=(group,))
    await rig.settle()
    unheard(rig, "remove_members")
    await rig.want(customer, person=ann)
    await rig.settle()
    members = rig.memory.state.members[(await rig.organization_row(group))["desk_organization_id"]]
    assert members == set()
    await rig.want(customer, person=ann, organizations=(group,))
    await again(rig)
    assert members == {await rig.desk_account(ann)}
    assert (await rig.membership(group, ann))["applied"] is True


async def test_a_name_that_was_given_unheard_is_changed_back(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer, name="Ann Li")
    await rig.settle()
    unheard(rig, "rename_customer")
    await rig.want(customer, person=ann, name="Ann Lo")
    await rig.settle()
    account = await rig.desk_account(ann)
    assert rig.memory.state.customers[account].display_name == "Ann Lo"
    await rig.want(customer, person=ann, name="Ann Li")
    await again(rig)
    assert rig.memory.state.customers[account].display_name == "Ann Li"
    assert (await rig.outcome(ann))["form"] == "access"


@pytest.mark.parametrize("leaves_first", [True, False])
async def test_a_way_into_the_closed_desk_that_was_changed_unheard_ends_as_wanted(
    rig: Rig, leaves_first: bool
) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer)
    await rig.settle()
    if not leaves_first:
        await rig.want(customer, person=ann, access=False)
        await rig.settle()
    unheard(rig, "remove_from_desk" if leaves_first else "add_to_desk")
    await rig.want(customer, person=ann, access=not leaves_first)
    await rig.settle()
    account = await rig.desk_account(ann)
    assert (account in rig.memory.state.at_desk) is not leaves_first
    await rig.want(customer, person=ann, access=leaves_first)
    await again(rig)
    assert (account in rig.memory.state.at_desk) is leaves_first


async def test_somebody_made_and_let_in_unheard_who_leaves_is_let_out(rig: Rig) -> None:
    customer = await rig.customer()
    unheard(rig, "add_to_desk")
    ann = await rig.want(customer)
    await rig.settle()
    account = await rig.desk_account(ann)
    assert account in rig.memory.state.at_desk
    await rig.want(customer, person=ann, access=False)
    await again(rig)
    assert account not in rig.memory.state.at_desk
    assert (await rig.outcome(ann))["form"] == "stripped"


async def test_an_organization_that_was_renamed_unheard_gets_its_old_name_back(rig: Rig) -> None:
    customer = await rig.customer("Acme")
    group = await rig.organization(customer, "IT")
    await rig.settle()
    unheard(rig, "rename_organization")
    await rig.organization(customer, "Computers", organization=group)
    await rig.settle()
    desk_id = (await rig.organization_row(group))["desk_organization_id"]
    assert rig.memory.state.organizations[desk_id].name == "Acme / Computers"
    await rig.organization(customer, "IT", organization=group)
    await again(rig)
    assert rig.memory.state.organizations[desk_id].name == "Acme / IT"
