"""The way of one person and of his groups, from a simulated identity provider's request to the desk."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from infra.identity_providers.beliefs import Link
from infra.identity_providers.exchanges import Answer, Request, Unheard
from tests.end_to_end.backlog import settle
from tests.end_to_end.customer import HOME, Customer, History, Person, newcomer
from tests.end_to_end.customers import CLOSED_DESK, CONNECTION, console_of, onboard
from tests.end_to_end.desk_view import AtDesk, look_at_desk, read_journal
from tests.end_to_end.gateway import Gateway
from tests.end_to_end.judging import judge, look_at, problems_of
from vestibule_operator_console.cases import list_cases
from vestibule_operator_console.connections import pause, resume


async def found_at_desk(gateway: Gateway, person: Person) -> AtDesk:
    """Him at the desk, where he has to be once."""
    return await known_as(gateway, person.email)


async def known_as(gateway: Gateway, email: str) -> AtDesk:
    """Whoever bears this address at the desk."""
    (found,) = (await look_at_desk(gateway.sandbox)).bearing(email)
    return found


@pytest.mark.parametrize("dialect", ["entra-default", "okta-wizard", "onelogin", "authentik"])
async def test_a_person_reaches_the_desk_and_every_change_follows(gateway: Gateway, dialect: str) -> None:
    idp = await onboard(gateway, f"delta-{dialect}", dialect)
    person = await idp.create(1)
    await judge(gateway, [idp])
    arrived = await found_at_desk(gateway, person)
    assert (arrived.name, set(arrived.desks)) == (person.display_name, {CLOSED_DESK})
    assert len(arrived.organizations) == 1

    await idp.rename(person)
    await judge(gateway, [idp])
    assert (await found_at_desk(gateway, person)).name.endswith("r0002")

    await idp.set_active(person, False)
    await judge(gateway, [idp])
    stripped = await found_at_desk(gateway, person)
    assert stripped.id == arrived.id
    assert not stripped.organizations | stripped.desks

    await idp.set_active(person, True)
    await judge(gateway, [idp])
    assert (await found_at_desk(gateway, person)).organizations == arrived.organizations

    await idp.delete(person)
    await judge(gateway, [idp])
    assert (await found_at_desk(gateway, person)).organizations == set()


async def test_a_person_who_returns_after_a_delete_keeps_his_id_here_and_at_the_desk(
    gateway: Gateway,
) -> None:
    idp = await onboard(gateway, "echo", "jumpcloud")
    person = await idp.create(1)
    await judge(gateway, [idp])
    before, known = await found_at_desk(gateway, person), person.id
    await idp.delete(person)
    await judge(gateway, [idp])
    await idp.create(1)
    await judge(gateway, [idp])
    assert person.id == known
    assert await found_at_desk(gateway, person) == before


@pytest.mark.parametrize("dialect", ["entra-default", "okta-catalog", "ping"])
async def test_a_group_reaches_the_desk_and_its_members_come_and_go(gateway: Gateway, dialect: str) -> None:
    idp = await onboard(gateway, f"foxtrot-{dialect}", dialect)
    ana, ben = await idp.create(1), await idp.create(2)
    await idp.push_group("IT", [ana])
    await judge(gateway, [idp])
    assert len((await found_at_desk(gateway, ana)).organizations) == 2
    assert len((await found_at_desk(gateway, ben)).organizations) == 1

    await idp.join(ben, "IT")
    await idp.part(ana, "IT")
    await judge(gateway, [idp])
    assert len((await found_at_desk(gateway, ana)).organizations) == 1
    assert len((await found_at_desk(gateway, ben)).organizations) == 2

    await idp.rename_group("IT", "Computers")
    await judge(gateway, [idp])
    await idp.rename_group("IT", "IT")
    await judge(gateway, [idp])

    await idp.set_active(ben, False)
    await judge(gateway, [idp])
    assert (await found_at_desk(gateway, ben)).organizations == set()
    await idp.set_active(ben, True)
    await judge(gateway, [idp])
    assert len((await found_at_desk(gateway, ben)).organizations) == 2


async def test_a_deleted_group_loses_its_members_and_its_organization_waits_for_a_decision(
    gateway: Gateway,
) -> None:
    idp = await onboard(gateway, "quebec")
    people = [await idp.create(number) for number in range(1, 6)]
    await idp.push_group("IT", people)
    await judge(gateway, [idp])
    await idp.delete_group("IT")
    await judge(gateway, [idp])
    for person in people:
        assert len((await found_at_desk(gateway, person)).organizations) == 1
    async with console_of(gateway) as console:
        (waiting,) = await list_cases(console, idp.slug, False)
    assert waiting.case.kind == "organization_deletion"


async def test_an_address_that_changes_is_held_and_everything_else_still_follows(gateway: Gateway) -> None:
    idp = await onboard(gateway, "romeo")
    person = await idp.create(1)
    await judge(gateway, [idp])
    before = await found_at_desk(gateway, person)
    new = f"new@{idp.domain}"
    await idp.readdress(person, new)
    assert await standings_of(gateway, idp, new) == {"held(rename)": 1}
    assert await known_as(gateway, before.email) == before
    await idp.set_active(person, False)
    await standings_of(gateway, idp, new)
    assert (
        await known_as(gateway, before.email)
    ).organizations == set()  # who leaves is let out, held or not


async def standings_of(gateway: Gateway, idp: Customer, nobodys: str) -> Mapping[str, int]:
    """Once all has settled; nobody bears that address at the desk."""
    await settle(gateway)
    desk, journal = await look_at_desk(gateway.sandbox), await read_journal(gateway.sandbox)
    seen = await look_at(gateway, idp, desk, journal)
    assert (seen.broken, desk.bearing(nobodys)) == ((), [])
    return seen.standings


async def test_a_paused_connection_is_answered_and_held_and_resuming_applies_everything(
    gateway: Gateway,
) -> None:
    idp = await onboard(gateway, "hotel", "okta-wizard")
    known, leaver = await idp.create(1), await idp.create(2)
    await idp.push_group("IT", [known])
    await judge(gateway, [idp])
    async with console_of(gateway) as console:
        await pause(console, idp.slug, CONNECTION)
    before = await look_at_desk(gateway.sandbox)

    await idp.create(3)  # each of these is answered with success, as judge() finds it stored later
    await idp.rename(known)
    await idp.part(known, "IT")
    await idp.set_active(leaver, False)
    await idp.rename_group("IT", "Computers")
    await settle(gateway)
    assert await look_at_desk(gateway.sandbox) == before
    seen = await look_at(gateway, idp, before, await read_journal(gateway.sandbox))
    assert seen.standings == {"held(paused)": 3}
    assert seen.broken == ()

    async with console_of(gateway) as console:
        await resume(console, idp.slug, CONNECTION)
    await judge(gateway, [idp])


async def test_whoever_leaves_while_nobody_knows_that_he_was_created_is_found_and_let_out(
    gateway: Gateway,
) -> None:
    idp = await onboard(gateway, "whiskey", "entra-default")
    directory = idp.speaker.idp.directory
    said: list[str] = []

    def lose_the_create_and_leave(request: Request, _answer: Answer) -> None:
        said.append(request.purpose)
        if request.purpose == "create user":
            directory.deactivate(1)
            raise Unheard("the answer to the create is lost")

    idp.speaker.overhear = lose_the_create_and_leave
    person = await idp.create(1)
    assert said == ["look up user", "create user", "look up user", "change user"]
    person.history.entries[HOME] += 1  # where the chain was quick: only the gateway knew of him
    await judge(gateway, [idp])
    assert not person.has_access
    at_desk = (await look_at_desk(gateway.sandbox)).bearing(person.email)
    assert all(one.organizations == set() for one in at_desk)


async def test_what_a_person_filter_finds_is_what_was_accepted(gateway: Gateway) -> None:
    idp = await onboard(gateway, "india", "okta-catalog")
    person = await idp.create(1)
    for asked in (
        f'userName eq "{person.profile.login.upper()}"',
        f'externalId eq "{person.profile.external_id}"',
        f'emails[type eq "work"].value eq "{person.email}"',
        f'displayName eq "{person.display_name}"',
        f'id eq "{person.id}"',
    ):
        assert await idp.scim.found(f"/Users?filter={asked}") == [person.id], asked
    await judge(gateway, [idp])


async def test_the_judge_sees_every_kind_of_loss(gateway: Gateway) -> None:
    """The suite's own eyes: each lie about what was accepted has to be found."""
    idp = await onboard(gateway, "juliet", "cyberark")
    person = await idp.create(1)
    await idp.push_group("IT", [person])
    await judge(gateway, [idp])
    desk, journal = await look_at_desk(gateway.sandbox), await read_journal(gateway.sandbox)
    seen = await look_at(gateway, idp, desk, journal)
    assert list(problems_of(seen)) == []

    def finds(word: str) -> bool:
        return any(word in problem for problem in problems_of(seen))

    link, told, beliefs = person.link, person.link.told, idp.speaker.idp.beliefs
    assert told is not None
    link.told = replace(told, login="somebody else")
    assert finds("userName is not what was told")
    link.told = replace(told, active=False)
    assert finds("may see the desk")
    assert finds("stand as")
    link.told = told
    person.history.names[-1] = "Somebody else"
    assert finds("at the desk, accepted was")
    assert finds("was called, in this order")
    person.history.names[-1] = told.display_name
    group = beliefs.team_links[idp.groups["IT"].number]
    group.members = frozenset()
    assert finds("members are missing, 1 are too many")
    person.history.inside = frozenset({"home"})
    assert finds("is in {")
    person.history.inside, group.members = frozenset({"home", group.id}), frozenset({person.id})
    person.history.entries.clear()
    assert finds("entered home 1 times")
    person.history.entries.update(("home", group.id))
    journal.names[seen.desk.bearing(person.email)[0].id] += ["Person", "Older"]
    assert finds("was called, in this order")
    journal.creates[person.email] = 2
    assert finds("was created 2 times")
    nobody = newcomer(2, idp.domain)
    idp.speaker.idp.directory.join(nobody)
    beliefs.links[2] = Link("nobody", nobody)
    idp.histories[2] = History([nobody.display_name])
    assert finds("user nobody is not there")
    assert finds("nobody is not at the desk")
    del idp.histories[2], idp.histories[1]
    assert finds("whom nobody sent")
