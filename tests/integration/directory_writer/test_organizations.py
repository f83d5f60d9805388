"""Organizations: known by their id, never by their name; no two tenants share one."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest

from tests.integration.directory_writer.rig import Rig, open_rig
from tests.stack import Database
from vestibule_directory_writer.connectors.failures import (
    DeskFailure,
    DeskUnreachable,
    OutcomeUnknown,
    Refused,
    Scope,
    Throttled,
)
from vestibule_directory_writer.connectors.memory import EVERYTHING, Fault, MemoryDesk
from vestibule_directory_writer.connectors.pacing import Pacing
from vestibule_directory_writer.connectors.service_desk import DeskOrganization, OrganizationMark


@pytest.fixture
async def plain_rig(database: Database) -> AsyncIterator[Rig]:
    """A desk that cannot rename an organization."""
    async with open_rig(database, replace(EVERYTHING, rename_organization=False)) as opened:
        yield opened


def there_before(rig: Rig, name: str, *members: str, scim_managed: bool = False) -> DeskOrganization:
    """An organization that nobody of ours made."""
    made = DeskOrganization(rig.memory.state.next_id(""), name, scim_managed)
    rig.memory.state.organizations[made.id] = made
    rig.memory.state.members[made.id] = set(members)
    return made


async def test_the_home_organization_is_made_marked_and_linked(rig: Rig) -> None:
    customer = await rig.customer("Acme")
    await rig.settle()
    row = await rig.organization_row(customer.tenant)
    key = row["desk_organization_id"]
    state = rig.memory.state
    assert state.organizations[key].name == "Acme"
    assert state.marks[key] == OrganizationMark(str(customer.tenant), str(customer.tenant))
    assert key in state.linked
    assert (row["marked_at_desk"], row["linked"], row["done_version"]) == (True, True, row["version"])


async def test_the_same_group_name_in_two_tenants_is_two_organizations(rig: Rig) -> None:
    one, two = await rig.customer("Acme"), await rig.customer("Beta")
    groups = [await rig.organization(customer, "IT") for customer in (one, two)]
    ann = await rig.want(one, organizations=(groups[0],))
    bob = await rig.want(two, organizations=(groups[1],))
    await rig.settle()
    keys = [(await rig.organization_row(group))["desk_organization_id"] for group in groups]
    assert keys[0] != keys[1]
    assert rig.memory.state.members[keys[0]] == {await rig.desk_account(ann)}
    assert rig.memory.state.members[keys[1]] == {await rig.desk_account(bob)}


async def test_the_same_group_name_twice_in_one_tenant_is_two_organizations(rig: Rig) -> None:
    customer = await rig.customer("Acme")
    groups = [await rig.organization(customer, "IT") for _ in range(2)]
    await rig.settle()
    rows = [await rig.organization_row(group) for group in groups]
    assert len({row["desk_organization_id"] for row in rows}) == 2
    assert len({row["desk_name"] for row in rows}) == 2


async def test_an_existing_organization_with_members_is_never_taken(rig: Rig) -> None:
    customer = await rig.customer("Acme")
    await rig.settle()
    stranger = there_before(rig, "Acme / IT", "qm:77")
    group = await rig.organization(customer, "IT")
    ann = await rig.want(customer, organizations=(group,))
    await rig.settle()
    row = await rig.organization_row(group)
    assert row["desk_organization_id"] != stranger.id
    assert row["desk_name"].startswith("Acme / IT (")
    assert rig.memory.state.members[stranger.id] == {"qm:77"}
    assert stranger.id not in rig.memory.state.marks
    assert rig.memory.state.members[row["desk_organization_id"]] == {await rig.desk_account(ann)}


async def test_an_organization_that_another_tenant_owns_is_never_shared_even_if_its_mark_is_gone(
    rig: Rig,
) -> None:
    one, two = await rig.customer("Acme"), await rig.customer("Beta")
    group = await rig.organization(one, "IT")
    await rig.settle()
    owned = (await rig.organization_row(group))["desk_organization_id"]
    del rig.memory.state.marks[owned]
    rig.memory.state.organizations[owned] = DeskOrganization(owned, "Beta / IT", False)
    theirs = await rig.organization(two, "IT")
    await rig.settle()
    row = await rig.organization_row(theirs)
    assert row["desk_organization_id"] not in (None, owned)
    assert (await rig.organization_row(group))["desk_organization_id"] == owned


async def test_an_organization_with_another_mark_or_of_the_desks_own_scim_is_never_taken(rig: Rig) -> None:
    customer = await rig.customer("Acme")
    marked = there_before(rig, "Acme / IT")
    rig.memory.state.marks[marked.id] = OrganizationMark(str(uuid4()), str(uuid4()))
    managed = there_before(rig, "Acme / HR", scim_managed=True)
    groups = [await rig.organization(customer, name) for name in ("IT", "HR")]
    await rig.settle()
    for group in groups:
        assert (await rig.organization_row(group))["desk_organization_id"] not in (
            None,
            marked.id,
            managed.id,
        )
    assert managed.id not in rig.memory.state.marks


async def test_our_mark_proves_an_organization_after_the_database_was_lost(rig: Rig) -> None:
    customer = await rig.customer("Acme")
    group = await rig.organization(customer, "IT")
    ann = await rig.want(customer, organizations=(group,))
    await rig.settle()
    before = (await rig.organization_row(group))["desk_organization_id"]
    await rig.admin.execute(
        "update router.organization set desk_organization_id = null, desk_name = null, applied_name = null, "
        "marked_at_desk = false, linked = false, intent_name = null where id = $1",
        group,
    )
    await rig.admin.execute("update router.membership set applied = false where organization_id = $1", group)
    await rig.organization(customer, "IT", organization=group)
    await rig.settle()
    assert (await rig.organization_row(group))["desk_organization_id"] == before
    # Whether it was ours cannot be known any more: it is never removed by us.
    assert (await rig.membership(group, ann))["origin"] == "theirs"
    await rig.want(customer, person=ann)
    await rig.settle()
    assert await rig.desk_account(ann) in rig.memory.state.members[before]
    row = await rig.membership(group, ann)
    assert (row["wanted"], row["applied"]) == (False, False)


async def test_a_create_without_an_answer_is_repeated_and_finds_itself(rig: Rig) -> None:
    customer = await rig.customer("Acme")
    rig.memory.faults.append(Fault("create_organization", OutcomeUnknown("timed_out"), after_effect=True))
    await rig.settle()
    assert (await rig.organization_row(customer.tenant))["desk_organization_id"] is None
    await rig.wake()
    await rig.settle()
    row = await rig.organization_row(customer.tenant)
    assert [found.name for found in rig.memory.state.organizations.values()] == ["Acme"]
    assert row["desk_organization_id"] in rig.memory.state.marks


@pytest.mark.parametrize("operation", ["read_mark", "members", "mark_organization", "link_organization"])
async def test_a_stop_between_two_steps_is_gone_on_from_there(rig: Rig, operation: str) -> None:
    customer = await rig.customer("Acme")
    rig.memory.faults.append(Fault(operation, DeskUnreachable("disconnected"), after_effect=True))
    await rig.settle()
    await rig.wake()
    await rig.settle()
    row = await rig.organization_row(customer.tenant)
    assert (row["marked_at_desk"], row["linked"], row["done_version"]) == (True, True, row["version"])
    assert len(rig.memory.state.organizations) == 1


async def test_a_renamed_group_renames_its_organization(rig: Rig) -> None:
    customer = await rig.customer("Acme")
    group = await rig.organization(customer, "IT")
    await rig.settle()
    before = await rig.organization_row(group)
    await rig.organization(customer, "Information", organization=group)
    await rig.settle()
    row = await rig.organization_row(group)
    assert row["desk_organization_id"] == before["desk_organization_id"]
    assert rig.memory.state.organizations[row["desk_organization_id"]].name == "Acme / Information"
    assert (row["desk_name"], row["applied_name"]) == ("Acme / Information", "Information")


async def test_a_rename_to_a_taken_name_takes_the_next_one(rig: Rig) -> None:
    customer = await rig.customer("Acme")
    group = await rig.organization(customer, "IT")
    await rig.settle()
    there_before(rig, "Acme / Information")
    await rig.organization(customer, "Information", organization=group)
    await rig.settle()
    row = await rig.organization_row(group)
    assert row["desk_name"].startswith("Acme / Information (")


@pytest.mark.parametrize(
    "failure",
    [
        Refused("organization_name_taken"),
        OutcomeUnknown("desk_500"),
        Throttled("burst", 30.0, Scope.ENDPOINT),
    ],
    ids=["taken", "unanswered", "throttled"],
)
async def test_a_rename_that_fails_keeps_no_leaver_in_and_no_joiner_out(
    rig: Rig, failure: DeskFailure
) -> None:
    customer = await rig.customer("Acme")
    group = await rig.organization(customer, "IT")
    ann = await rig.want(customer, organizations=(group,))
    bob = await rig.want(customer)
    await rig.settle()
    key = (await rig.organization_row(group))["desk_organization_id"]
    for _ in range(20):
        rig.memory.faults.append(Fault("rename_organization", failure))
    await rig.organization(customer, "Information", organization=group)
    await rig.want(customer, organizations=(group,), person=bob)
    await rig.want(customer, access=False, person=ann)
    await rig.settle()
    assert rig.memory.state.members[key] == {await rig.desk_account(bob)}
    row = await rig.organization_row(group)
    assert (row["desk_name"], row["done_version"] < row["version"]) == ("Acme / IT", True)


async def test_a_link_that_fails_keeps_no_leaver_in(rig: Rig) -> None:
    customer = await rig.customer("Acme")
    group = await rig.organization(customer, "IT")
    ann = await rig.want(customer, organizations=(group,))
    await rig.settle()
    key = (await rig.organization_row(group))["desk_organization_id"]
    await rig.admin.execute("update router.organization set linked = false where id = $1", group)
    rig.memory.faults.append(Fault("link_organization", Refused("link_organization_400")))
    await rig.want(customer, access=False, person=ann)
    await rig.settle()
    assert rig.memory.state.members[key] == set()


@pytest.mark.parametrize("after_effect", [False, True], ids=["not made", "made"])
async def test_what_was_created_under_an_older_name_is_renamed(rig: Rig, after_effect: bool) -> None:
    customer = await rig.customer("Acme")
    await rig.settle()
    group = await rig.organization(customer, "IT")
    fault = Fault("create_organization", OutcomeUnknown("timed_out"), after_effect=after_effect)
    rig.memory.faults.append(fault)
    await rig.settle()
    await rig.organization(customer, "Information", organization=group)
    await rig.wake()
    await rig.settle()
    row = await rig.organization_row(group)
    shown = rig.memory.state.organizations[row["desk_organization_id"]].name
    assert shown == row["desk_name"] == "Acme / Information"
    assert (row["applied_name"], row["done_version"]) == ("Information", row["version"])
    assert len(rig.memory.state.organizations) == 2


async def test_what_was_created_under_an_older_name_is_not_told_as_renamed_where_it_cannot_be(
    plain_rig: Rig,
) -> None:
    rig = plain_rig
    customer = await rig.customer("Acme")
    await rig.settle()
    group = await rig.organization(customer, "IT")
    rig.memory.faults.append(Fault("create_organization", OutcomeUnknown("timed_out"), after_effect=True))
    await rig.settle()
    await rig.organization(customer, "Information", organization=group)
    await rig.wake()
    await rig.settle()
    row = await rig.organization_row(group)
    assert (row["desk_name"], row["code"]) == ("Acme / IT", "rename_unsupported")


async def test_a_rename_that_the_desk_cannot_do_keeps_the_name_and_is_told(plain_rig: Rig) -> None:
    rig = plain_rig
    customer = await rig.customer("Acme")
    group = await rig.organization(customer, "IT")
    ann = await rig.want(customer, organizations=(group,))
    await rig.settle()
    await rig.organization(customer, "Information", organization=group)
    bob = await rig.want(customer, organizations=(group,))
    await rig.settle()
    row = await rig.organization_row(group)
    assert (row["code"], row["desk_name"]) == ("rename_unsupported", "Acme / IT")
    assert row["done_version"] == row["version"]
    members = {await rig.desk_account(ann), await rig.desk_account(bob)}
    assert rig.memory.state.members[row["desk_organization_id"]] == members
    told = await rig.admin.fetch("select code from chain.timeline where subject_id = $1 order by id", group)
    assert [line["code"] for line in told] == ["created", "rename_unsupported"]
    await rig.organization(customer, "IT", organization=group)
    await rig.settle()
    assert (await rig.organization_row(group))["code"] is None


async def test_a_group_that_was_not_judged_yet_makes_nothing(rig: Rig) -> None:
    customer = await rig.customer("Acme")
    group = await rig.organization(customer, None)
    ann = await rig.want(customer, organizations=(group,))
    await rig.settle()
    row = await rig.organization_row(group)
    assert (row["desk_organization_id"], row["done_version"]) == (None, row["version"])
    await rig.organization(customer, "IT", organization=group)
    await rig.settle()
    assert (await rig.membership(group, ann))["applied"]


async def test_a_removed_group_keeps_its_organization_and_loses_our_members(rig: Rig) -> None:
    customer = await rig.customer("Acme")
    group = await rig.organization(customer, "IT")
    ann = await rig.want(customer, organizations=(group,))
    await rig.settle()
    key = (await rig.organization_row(group))["desk_organization_id"]
    rig.memory.state.members[key].add("qm:by-hand")
    await rig.organization(customer, "IT", organization=group, removed=True)
    await rig.want(customer, person=ann)
    await rig.settle()
    assert key in rig.memory.state.organizations
    assert rig.memory.state.members[key] == {"qm:by-hand"}


class CrowdedDesk(MemoryDesk):
    """Whatever name is asked for, somebody has it already."""

    async def create_organization(self, name: str) -> DeskOrganization:
        made = await super().create_organization(name)
        self.state.members[made.id].add("qm:77")
        return made

    def paced_by(self, pacing: Pacing) -> MemoryDesk:
        return CrowdedDesk(self.capabilities, pacing, self.state, self.faults)


async def test_when_every_name_is_taken_the_organization_is_parked_with_a_case(rig: Rig) -> None:
    rig.memory = CrowdedDesk()
    customer = await rig.customer("Acme")
    await rig.settle()
    row = await rig.organization_row(customer.tenant)
    assert row["parked_at"] is not None
    assert (row["waits"], row["desk_organization_id"]) == ("organization_name_taken", None)
    cases = await rig.admin.fetch('select kind from router."case" where subject_id = $1', customer.tenant)
    assert [case["kind"] for case in cases] == ["adoption"]
    assert rig.memory.state.marks == {}


async def tries(rig: Rig) -> int:
    """How often the desk was asked to make an organization."""
    return len([effect for effect, _ in rig.memory.state.effects if effect == "organization_created"])


async def test_new_members_do_not_make_taken_names_be_asked_for_again(rig: Rig) -> None:
    rig.memory = CrowdedDesk()
    customer = await rig.customer("Acme")
    await rig.settle()
    before = await tries(rig)
    for _ in range(3):
        await rig.want(customer)
        await rig.settle()
    row = await rig.organization_row(customer.tenant)
    assert (row["waits"], row["parked_at"] is not None) == ("organization_name_taken", True)
    assert await tries(rig) == before
    told = await rig.admin.fetch("select code from chain.timeline where subject_id = $1", customer.tenant)
    assert [line["code"] for line in told] == ["parked"]


@pytest.mark.parametrize("asked", ["replay", "later", "renamed"])
async def test_taken_names_are_asked_for_again_when_it_may_help(rig: Rig, asked: str) -> None:
    customer = await rig.customer("Acme")
    await rig.settle()
    plain, rig.memory = rig.memory, CrowdedDesk(state=rig.memory.state)
    group = await rig.organization(customer, "IT")
    await rig.settle()
    assert (await rig.organization_row(group))["waits"] == "organization_name_taken"
    rig.memory = plain
    for found in list(plain.state.organizations.values()):
        if found.name.startswith("Acme / IT"):
            plain.state.members[found.id].clear()
    if asked == "replay":
        await rig.replay(customer.tenant)
    elif asked == "later":
        await rig.admin.execute("update router.organization set taken_at = taken_at - interval '11 minutes'")
        await rig.organization(customer, "IT", organization=group)
    else:
        await rig.organization(customer, "Information", organization=group)
    await rig.settle()
    row = await rig.organization_row(group)
    assert (row["parked_at"], row["desk_organization_id"] is not None) == (None, True)


async def test_members_come_and_go_while_every_name_of_a_rename_is_taken(rig: Rig) -> None:
    customer = await rig.customer("Acme")
    group = await rig.organization(customer, "IT")
    ann = await rig.want(customer, organizations=(group,))
    await rig.settle()
    for _ in range(5):
        rig.memory.faults.append(Fault("rename_organization", Refused("organization_name_taken")))
    await rig.organization(customer, "Information", organization=group)
    await rig.settle()
    assert not rig.memory.faults
    bob = await rig.want(customer, organizations=(group,))
    await rig.want(customer, access=False, person=ann)
    await rig.settle()
    row = await rig.organization_row(group)
    assert rig.memory.state.members[row["desk_organization_id"]] == {await rig.desk_account(bob)}
    assert (row["waits"], row["desk_name"]) == ("organization_name_taken", "Acme / IT")
