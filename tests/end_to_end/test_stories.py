"""The way of one person and of his groups, from the identity provider's request to the desk."""

from collections.abc import Callable
from functools import partial
from urllib.parse import quote

from tests.end_to_end.backlog import settle
from tests.end_to_end.customers import CLOSED_DESK, CONNECTION, console_of, onboard
from tests.end_to_end.desk_view import AtDesk, look_at_desk, read_journal
from tests.end_to_end.gateway import Gateway
from tests.end_to_end.identity_provider import PATCH, Person
from tests.end_to_end.judging import judge, look_at, problems_of
from tests.end_to_end.span_collector import SpanCollector
from tests.waiting import until
from vestibule_operator_console.cases import list_cases
from vestibule_operator_console.connections import pause, resume

SERVICES = {"vestibule-ingest", "vestibule-relay", "vestibule-tenant-router", "vestibule-directory-writer"}


async def found_at_desk(gateway: Gateway, person: Person) -> AtDesk:
    """Him at the desk, where he has to be once."""
    (found,) = (await look_at_desk(gateway.sandbox)).bearing(person.email)
    return found


async def test_a_person_reaches_the_desk_and_every_change_follows(gateway: Gateway) -> None:
    idp = await onboard(gateway, "delta")
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
    idp = await onboard(gateway, "echo")
    person = await idp.create(1)
    await judge(gateway, [idp])
    before, known = await found_at_desk(gateway, person), person.id
    await idp.delete(person)
    await judge(gateway, [idp])
    await idp.create(1)
    await judge(gateway, [idp])
    assert person.id == known
    assert await found_at_desk(gateway, person) == before


async def test_a_group_reaches_the_desk_and_its_members_come_and_go(gateway: Gateway) -> None:
    idp = await onboard(gateway, "foxtrot")
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
    for value in ([{"value": f"new@{person.domain}", "type": "work", "primary": True}], None):
        change = {"emails": value} if value else {"active": False}
        operations = [{"op": "replace", "value": change}]
        body = {"schemas": [PATCH], "Operations": operations}
        assert (await idp.client.send("PATCH", f"/Users/{person.id}", body)).status == 200
        await settle(gateway)
        desk, journal = await look_at_desk(gateway.sandbox), await read_journal(gateway.sandbox)
        seen = await look_at(gateway, idp, desk, journal)
        assert (seen.broken, desk.bearing(f"new@{person.domain}")) == ((), [])
        if value:
            assert seen.standings == {"held(rename)": 1}
            assert await found_at_desk(gateway, person) == before
    assert (await found_at_desk(gateway, person)).organizations == set()  # who leaves is let out, held or not


async def test_one_trace_leads_from_the_request_through_both_queues_to_the_desk(
    gateway: Gateway, collector: SpanCollector
) -> None:
    idp = await onboard(gateway, "golf")
    person = await idp.create(1)
    await judge(gateway, [idp])

    async def whole() -> bool:
        """Every service's spans have arrived, and no parent is missing: they are exported apart."""
        spans = collector.of_trace(trace_of(collector, person))
        parents, ids = {span.parent for span in spans}, {span.id for span in spans}
        return {span.service for span in spans} == SERVICES and parents - ids == {""}

    await until(whole, 10, "one whole trace")
    spans = collector.of_trace(trace_of(collector, person))
    for service, name in (
        ("vestibule-ingest", "POST /scim/v2/{connection}/Users"),
        ("vestibule-relay", "router.in publish"),
        ("vestibule-tenant-router", "router.in process"),
        ("vestibule-relay", "writer.in publish"),
        ("vestibule-directory-writer", "writer.in process"),
    ):
        assert any((span.service, span.name) == (service, name) for span in spans), (service, name)
    calls = [
        span for span in spans if span.service == "vestibule-directory-writer" and "customer" in span.name
    ]
    assert calls, [span.name for span in spans]


def trace_of(collector: SpanCollector, person: Person) -> str:
    """The trace that the person's own message belongs to."""
    return next(
        (
            span.trace
            for span in collector.spans
            if span.attributes.get("vestibule.id", "").find(person.id) >= 0
        ),
        "",
    )


async def test_every_later_change_has_one_trace_to_its_own_call_at_the_desk(
    gateway: Gateway, collector: SpanCollector
) -> None:
    idp = await onboard(gateway, "sierra")
    person = await idp.create(1)
    await judge(gateway, [idp])
    users, groups = "/scim/v2/{connection}/Users/{id}", "/scim/v2/{connection}/Groups/{id}"
    members = "organization/{id}/user"
    for change, request, call in (
        (lambda: idp.rename(person), f"PATCH {users}", "PUT csm/customer/account/{id}"),
        (lambda: idp.set_active(person, False), f"PATCH {users}", f"DELETE {members}"),
        (lambda: idp.set_active(person, True), f"PATCH {users}", f"POST {members}"),
        (lambda: idp.push_group("IT"), f"POST {groups.removesuffix('/{id}')}", "POST organization"),
        (lambda: idp.join(person, "IT"), f"PATCH {groups}", f"POST {members}"),
        (lambda: idp.part(person, "IT"), f"PATCH {groups}", f"DELETE {members}"),
        (lambda: idp.delete(person), f"DELETE {users}", f"DELETE {members}"),
    ):
        known = {span.trace for span in collector.spans}
        await change()
        await judge(gateway, [idp])
        fresh = partial(traces_since, collector, known, request, call)

        async def found(fresh: Callable[[], list[str]] = fresh) -> bool:
            return len(fresh()) == 1

        await until(found, 10, f"one trace from {request} to {call}")


def traces_since(collector: SpanCollector, known: set[str], request: str, call: str) -> list[str]:
    """New traces that begin with the request, pass every service and hold the call at the desk."""
    passed: dict[str, set[str]] = {}
    for span in collector.spans:
        if span.trace not in known:
            passed.setdefault(span.trace, set()).update((span.service, f"{span.service} {span.name}"))
    wanted = SERVICES | {f"vestibule-ingest {request}", f"vestibule-directory-writer {call}"}
    return [trace for trace, names in passed.items() if wanted <= names]


async def test_a_paused_connection_is_answered_and_held_and_resuming_applies_everything(
    gateway: Gateway,
) -> None:
    idp = await onboard(gateway, "hotel")
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


async def test_what_a_person_filter_finds_is_what_was_accepted(gateway: Gateway) -> None:
    idp = await onboard(gateway, "india")
    person = await idp.create(1)
    for asked in (
        f'userName eq "{person.user_name.upper()}"',
        f'externalId eq "ext-1-{person.domain}"',
        f'emails[type eq "work"].value eq "{person.email}"',
        f'displayName eq "{person.display_name}"',
        f'id eq "{person.id}"',
    ):
        answer = await idp.client.send("GET", f"/Users?filter={quote(asked)}")
        assert (answer.status, answer.body["totalResults"]) == (200, 1), asked
        assert answer.body["Resources"][0]["id"] == person.id
    await judge(gateway, [idp])


async def test_the_judge_sees_every_kind_of_loss(gateway: Gateway) -> None:
    """The suite's own eyes: each lie about what was accepted has to be found."""
    idp = await onboard(gateway, "juliet")
    person = await idp.create(1)
    await idp.push_group("IT", [person])
    await judge(gateway, [idp])
    desk, journal = await look_at_desk(gateway.sandbox), await read_journal(gateway.sandbox)
    seen = await look_at(gateway, idp, desk, journal)
    assert list(problems_of(seen)) == []

    def finds(word: str) -> bool:
        return any(word in problem for problem in problems_of(seen))

    person.revision = 2
    assert finds("is stored as")
    assert finds("at the desk, accepted was")
    person.revision = 1
    person.active = False
    assert finds("may see the desk")
    assert finds("stand as")
    person.active = True
    person.groups.clear()
    person.inside = frozenset({"home"})
    assert finds("is stored in the groups")
    assert finds("is in {")
    person.groups.add("IT")
    person.inside = frozenset({"home", idp.groups["IT"].id})
    person.entries.clear()
    assert finds("entered home 1 times")
    person.note(idp.groups)
    journal.names[seen.desk.bearing(person.email)[0].id] += ["Person", "Older"]
    assert finds("was called, in this order")
    journal.creates[person.email] = 2
    assert finds("was created 2 times")
    idp.persons[2] = Person(2, idp.domain, id="nobody")
    assert finds("user nobody is not stored")
    assert finds("nobody is not at the desk")
    del idp.persons[2], idp.persons[1]
    assert finds("whom nobody sent")
