"""One address has one owner at a desk; the second claimant is held with a case and learns nothing."""

import asyncio

from tests.integration.tenant_router.arranging import Arranger, deciding_over, deliveries
from vestibule.database.pool import Pool
from vestibule.domain.identifiers import PersonId
from vestibule_tenant_router.deciding import Deciding
from vestibule_tenant_router.judging import account_id_of
from vestibule_tenant_router.worker import Database

SHARED = "shared@somewhere.example"


async def test_the_second_tenant_is_held_with_a_case_and_gets_no_account(
    world: Arranger, deciding: Deciding
) -> None:
    one, other = await world.customer(), await world.customer()
    ada, eve = await world.person(one, "ada", email=SHARED), await world.person(other, "eve", email=SHARED)
    await deciding.handle(deliveries(ada))
    await deciding.handle(deliveries(eve))

    assert await world.decision(ada) == ("want", None)
    assert await world.decision(eve) == ("hold", "collision")
    assert await world.account(eve) is None
    assert await world.open_cases("collision") == [eve.id]
    assert (await world.sync("person", eve.id))["done_version"] == 1


async def test_the_same_address_at_another_desk_is_no_collision(world: Arranger, deciding: Deciding) -> None:
    elsewhere = type(world.desk)(int=7)
    one, other = await world.customer(), await world.customer(desk=elsewhere)
    ada, eve = await world.person(one, "ada", email=SHARED), await world.person(other, "eve", email=SHARED)
    await deciding.handle(deliveries(ada, eve))
    assert await world.decision(ada) == await world.decision(eve) == ("want", None)


async def test_two_persons_of_one_batch_with_one_address_do_not_both_get_it(
    world: Arranger, deciding: Deciding
) -> None:
    one, other = await world.customer(), await world.customer()
    persons = [
        await world.person(one, "ada", email=SHARED),
        await world.person(one, "bob", email=SHARED.upper()),
        await world.person(other, "eve", email=SHARED),
    ]
    await deciding.handle(deliveries(*persons))
    decided = [await world.decision(person) for person in persons]
    assert sorted(decided, key=str) == [("hold", "collision"), ("hold", "collision"), ("want", None)]
    assert len(await world.open_cases("collision")) == 2


async def test_whoever_comes_first_of_two_routers_exactly_one_gets_the_address(
    world: Arranger, pool: Pool
) -> None:
    one, other = await world.customer(), await world.customer()
    routers = [deciding_over(Database(pool)), deciding_over(Database(pool))]
    pairs = []
    for number in range(25):
        address = f"person{number}@somewhere.example"
        pairs.append(
            (
                await world.person(one, f"a{number}", email=address),
                await world.person(other, f"b{number}", email=address),
            )
        )
    firsts, seconds = [first for first, _ in pairs], [second for _, second in reversed(pairs)]
    await asyncio.gather(routers[0].handle(deliveries(*firsts)), routers[1].handle(deliveries(*seconds)))

    held = 0
    for pair in pairs:
        decided = {key.id: await world.decision(key) for key in pair}
        assert sorted(decided.values(), key=str) == [("hold", "collision"), ("want", None)]
        held += 1
    assert len(await world.open_cases("collision")) == held == 25


async def test_an_account_that_wants_anothers_address_keeps_its_own_and_follows_all_else(
    world: Arranger, deciding: Deciding
) -> None:
    one, other = await world.customer(), await world.customer()
    await world.set_capability("rename_email", True)
    ada, eve = await world.person(one, "ada", email=SHARED), await world.person(other, "eve")
    await deciding.handle(deliveries(ada, eve))
    group = await world.group(other, "IT", [eve])
    changed = await world.change(other, eve, "eve", email=SHARED, displayName="Eve E")
    await deciding.handle(deliveries(group, changed))

    account = await world.account(eve)
    assert account is not None
    assert await world.decision(eve) == ("hold", "collision")
    assert (account["email"], account["display_name"]) == ("eve@customer.example", "Eve E")
    assert await world.organizations(eve) == {other.tenant, group.id}

    await deciding.handle(deliveries(await world.change(other, eve, "eve", email=SHARED, active=False)))
    left = await world.account(eve)
    assert left is not None
    assert left["access"] is False


async def test_a_case_closes_when_the_person_wants_another_address_and_not_when_the_connection_pauses(
    world: Arranger, deciding: Deciding
) -> None:
    one, other = await world.customer(), await world.customer()
    ada, eve = await world.person(one, "ada", email=SHARED), await world.person(other, "eve", email=SHARED)
    await deciding.handle(deliveries(ada, eve))
    (held,) = await world.open_cases("collision")
    customer, person, name = (one, ada, "ada") if held == ada.id else (other, eve, "eve")

    await world.set_mode(customer, "paused")
    await deciding.handle(deliveries(await world.mark(customer, person.kind, person.id)))
    assert await world.open_cases("collision") == [person.id]

    await world.set_mode(customer, "live")
    await deciding.handle(deliveries(await world.change(customer, person, name)))
    assert await world.decision(person) == ("want", None)
    assert await world.open_cases("collision") == []


async def test_a_held_claimant_leaves_no_claim_behind(world: Arranger, deciding: Deciding) -> None:
    one, other = await world.customer(), await world.customer()
    ada, eve = await world.person(one, "ada", email=SHARED), await world.person(other, "eve", email=SHARED)
    await deciding.handle(deliveries(ada))
    await deciding.handle(deliveries(eve))
    account = await world.account(ada)
    assert account is not None
    claims = await world.connection.fetch("select tenant_id, account_id from router.email_claim")
    assert [tuple(claim) for claim in claims] == [(one.tenant, account["id"])]


async def test_of_two_in_one_batch_who_was_accepted_first_gets_the_address(
    world: Arranger, deciding: Deciding
) -> None:
    customer = await world.customer()
    people = [await world.person(customer, name, email="ada@customer.example") for name in ("ada", "bob")]
    later, first = sorted(people, key=lambda key: account_id_of(PersonId(key.id)))  # not by their ids
    await world.connection.execute(
        "update chain.sync set marked_at = marked_at - interval '1 hour' where id = $1", first.id
    )
    await deciding.handle(deliveries(later, first))
    assert await world.decision(first) == ("want", None)
    assert await world.decision(later) == ("hold", "collision")
