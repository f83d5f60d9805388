"""Groups become organizations of their own tenant, whatever they are called and whoever is judged first."""

from tests.integration.tenant_router.arranging import Arranger, deliveries
from vestibule.mapping.rules import default_mapping
from vestibule_tenant_router.deciding import Deciding

ORGANIZATION = "select * from router.organization where id = $1"


async def test_two_tenants_groups_of_one_name_are_two_organizations_without_a_shared_member(
    world: Arranger, deciding: Deciding
) -> None:
    one, other = await world.customer(), await world.customer()
    ada, bob = await world.person(one, "ada"), await world.person(other, "bob")
    first, second = await world.group(one, "IT", [ada]), await world.group(other, "IT", [bob])
    await deciding.handle(deliveries(ada, first, bob, second))

    assert await world.organizations(ada) == {one.tenant, first.id}
    assert await world.organizations(bob) == {other.tenant, second.id}
    for key, customer in ((first, one), (second, other)):
        found = await world.row(ORGANIZATION, key.id)
        assert found is not None
        assert (found["tenant_id"], found["wanted_name"], found["source"]) == (customer.tenant, "IT", "group")


async def test_a_member_may_be_judged_before_its_group(world: Arranger, deciding: Deciding) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada")
    group = await world.group(customer, "IT", [ada])
    await deciding.handle(deliveries(ada))
    unnamed = await world.row(ORGANIZATION, group.id)
    await deciding.handle(deliveries(group))
    named = await world.row(ORGANIZATION, group.id)

    assert unnamed is not None
    assert named is not None
    assert (unnamed["wanted_name"], named["wanted_name"]) == (None, "IT")
    assert (await world.sync("organization", group.id))["version"] == 2


async def test_leaving_a_group_leaves_its_organization_only(world: Arranger, deciding: Deciding) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada")
    group = await world.group(customer, "IT", [ada])
    await deciding.handle(deliveries(ada, group))
    account = await world.account(ada)
    assert account is not None
    await deciding.handle(deliveries(await world.leave(customer, group.id, ada)))

    assert await world.organizations(ada) == {customer.tenant}
    assert (await world.sync("account", account["id"]))["version"] == 1  # memberships are rows of their own


async def test_who_is_in_a_group_in_other_groups_is_in_the_organizations_of_all(
    world: Arranger, deciding: Deciding
) -> None:
    customer = await world.customer()
    ada, gone = await world.person(customer, "ada"), await world.person(customer, "gone", active=False)
    inner = await world.group(customer, "Support", [ada, gone])
    middle, outer = await world.group(customer, "Service"), await world.group(customer, "Company", [ada])
    await world.nest(customer, inner.id, middle.id, outer.id)
    await deciding.handle(deliveries(ada, gone, inner, middle, outer))
    everywhere = {customer.tenant, inner.id, middle.id, outer.id}
    assert await world.organizations(ada) == everywhere
    account = await world.account(gone)
    assert account is None or not account["access"]

    await world.connection.execute("delete from ingest.enclosure where outer_id <> $1", inner.id)
    again = await world.mark(customer, ada.kind, ada.id)
    await deciding.handle(deliveries(again))
    assert await world.organizations(ada) == {customer.tenant, inner.id, outer.id}


async def test_a_renamed_group_is_the_same_organization(world: Arranger, deciding: Deciding) -> None:
    customer = await world.customer()
    group = await world.group(customer, "IT")
    await deciding.handle(deliveries(group))
    await deciding.handle(deliveries(await world.rename_group(customer, group, "IT & Ops")))
    await deciding.handle(deliveries(group))

    found = await world.row(ORGANIZATION, group.id)
    assert found is not None
    assert found["wanted_name"] == "IT & Ops"
    assert (await world.sync("organization", group.id))["version"] == 2
    assert (await world.sync("group", group.id))["done_version"] == 2


async def test_a_removed_groups_organization_is_never_deleted_but_a_case(
    world: Arranger, deciding: Deciding
) -> None:
    customer = await world.customer()
    made, never_made = await world.group(customer, "IT"), await world.group(customer, "HR")
    await deciding.handle(deliveries(made, never_made))
    await world.connection.execute(
        "update router.organization set desk_organization_id = '17' where id = $1", made.id
    )
    await deciding.handle(
        deliveries(await world.remove(customer, made), await world.remove(customer, never_made))
    )

    found = await world.row(ORGANIZATION, made.id)
    assert found is not None
    assert found["source_removed_at"] is not None
    assert found["wanted_name"] == "IT"
    assert await world.open_cases("organization_deletion") == [made.id]


async def test_a_group_that_came_and_went_unseen_leaves_no_organization(
    world: Arranger, deciding: Deciding
) -> None:
    customer = await world.customer()
    group = await world.group(customer, "IT")
    gone = await world.remove(customer, group)
    await deciding.handle(deliveries(gone))
    assert await world.row(ORGANIZATION, group.id) is None
    assert (await world.sync("group", group.id))["done_version"] == 2


async def test_a_paused_connections_groups_wait_and_are_judged_after_it_resumes(
    world: Arranger, deciding: Deciding
) -> None:
    customer = await world.customer(mode="paused")
    group = await world.group(customer, "IT")
    await deciding.handle(deliveries(group))
    assert await world.row(ORGANIZATION, group.id) is None
    assert (await world.sync("group", group.id))["done_version"] == 1

    await world.set_mode(customer, "live")
    await deciding.handle(deliveries(await world.mark(customer, group.kind, group.id)))
    assert await world.row(ORGANIZATION, group.id) is not None


async def test_groups_are_no_organizations_where_the_mapping_says_so(
    world: Arranger, deciding: Deciding
) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada")
    group = await world.group(customer, "IT", [ada])
    document = {**default_mapping().as_document(), "groups_are_organizations": False}
    await world.mapping(customer, 2, document)
    await deciding.handle(deliveries(ada, group))
    assert await world.organizations(ada) == {customer.tenant}
    assert await world.row(ORGANIZATION, group.id) is None


async def test_a_group_without_a_name_that_can_be_shown_is_parked_alone(
    world: Arranger, deciding: Deciding
) -> None:
    customer = await world.customer()
    ada = await world.person(customer, "ada")
    group = await world.group(customer, "\u200b")
    await deciding.handle(deliveries(group, ada))
    parked = await world.sync("group", group.id)
    assert (parked["code"], parked["parked_at"] is not None) == ("no_organization_name", True)
    assert await world.decision(ada) == ("want", None)
