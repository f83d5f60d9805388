"""Following one person, cases, and work that was given up, through the command line."""

from uuid import UUID

import pytest

from tests.integration.operator_console.conftest import CommandLine
from tests.integration.standing_people import DIRTY, Key, People
from tests.stack import Database
from tests.tenants import make_customer, make_desk
from vestibule.database.pool import Connection
from vestibule.domain.identifiers import Kind
from vestibule_operator_console.cases import list_cases, show_case
from vestibule_operator_console.console import Console
from vestibule_operator_console.persons import follow_person
from vestibule_operator_console.problems import NotThere, Unusable
from vestibule_operator_console.replays import replay

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def customer(admin: Connection, slug: str) -> People:
    """A customer of that short name."""
    made = await make_customer(admin, await make_desk(admin))
    await admin.execute("update console.tenant set slug = $2 where id = $1", made.tenant, slug)
    return People(admin, made)


async def happened(people: People, subject: UUID, stage: str, code: str, reason: str | None = None) -> None:
    await people.admin.execute(
        "insert into chain.timeline (tenant_id, subject_id, stage, code, reason, trace) "
        "values ($1, $2, $3, $4, $5, $6)",
        people.customer.tenant,
        subject,
        stage,
        code,
        reason,
        TRACE,
    )


async def test_a_person_s_timeline_tells_in_order_what_was_received_decided_and_done(
    console: Console, database: Database
) -> None:
    async with database.administrator() as admin:
        acme = await customer(admin, "acme")
        person, account = await acme.applied(user_name="jane@acme.example")
        stranger, _ = await acme.applied()
        await acme.member(await acme.organization(), account)
        await happened(acme, person, "received", "create")
        await happened(acme, stranger, "received", "create")
        await happened(acme, person, "decided", "hold", "collision")
        await happened(acme, person, "decided", "want")
        await happened(acme, account, "done", "applied")
    [followed] = await follow_person(console, "acme", "JANE@acme.example")
    assert (followed.standing.standing, followed.standing.detail) == ("applied", "access")
    assert [(one.event.stage, one.event.code, one.subject) for one in followed.events] == [
        ("received", "create", "person"),
        ("decided", "hold", "person"),
        ("decided", "want", "person"),
        ("done", "applied", "account"),
    ]
    assert {one.event.trace_id for one in followed.events} == {"4bf92f3577b34da6a3ce929d0e0e4736"}
    assert [(place.name, place.wanted, place.applied) for place in followed.organizations] == [
        ("Acme", True, True)
    ]


async def test_a_person_of_another_customer_is_not_found(console: Console, database: Database) -> None:
    async with database.administrator() as admin:
        await (await customer(admin, "acme")).applied(user_name="jane@acme.example")
        await customer(admin, "globex")
    with pytest.raises(NotThere):
        await follow_person(console, "globex", "jane@acme.example")


async def test_who_returned_under_a_new_id_is_shown_before_who_was_deleted(
    console: Console, database: Database
) -> None:
    async with database.administrator() as admin:
        acme = await customer(admin, "acme")
        gone, _ = await acme.applied(user_name="jane", removed=True)
        here, _ = await acme.applied(user_name="jane")
    found = await follow_person(console, "acme", "jane")
    assert [one.person.person for one in found] == [here, gone]


async def test_cases_are_a_customer_s_own(console: Console, database: Database) -> None:
    async with database.administrator() as admin:
        acme, globex = await customer(admin, "acme"), await customer(admin, "globex")
        person = await acme.person(user_name="jane@acme.example")
        await acme.decision(person, "hold", "collision")
        await happened(acme, person, "decided", "hold", "collision")
        case: UUID = await admin.fetchval(
            'insert into router."case" (tenant_id, kind, subject_id, connection_id) '
            "values ($1, 'collision', $2, $3) returning id",
            acme.customer.tenant,
            person,
            acme.customer.connection,
        )
        await admin.execute(
            'insert into router."case" (tenant_id, kind, subject_id, closed_at, decision) '
            "values ($1, 'breaker', gen_random_uuid(), now(), 'rejected')",
            globex.customer.tenant,
        )
    [listed] = await list_cases(console, None, closed_too=False)
    assert (listed.tenant.slug, listed.case.subject, listed.case.subject_kind) == (
        "acme",
        "jane@acme.example",
        "person",
    )
    assert len(await list_cases(console, None, closed_too=True)) == 2
    shown = await show_case(console, "acme", case)
    assert [event.reason for event in shown.events] == ["collision"]
    with pytest.raises(NotThere):
        await show_case(console, "globex", case)


async def test_replay_lets_parked_work_go_again_and_tells_so(console: Console, database: Database) -> None:
    async with database.administrator() as admin:
        acme, globex = await customer(admin, "acme"), await customer(admin, "globex")
        _, parked = await acme.applied(key=Key(parked=True, code="unknown_outcome"))
        waiting = await acme.person(DIRTY)
        other = await acme.person(Key(parked=True, code="mapping"))
        elsewhere = await globex.person(Key(parked=True, code="mapping"))

        async def still_parked() -> set[UUID]:
            rows = await admin.fetch("select id from chain.sync where parked_at is not null")
            return {row["id"] for row in rows}

        [replayed] = await replay(console, "acme", Kind.ACCOUNT, parked)
        assert [row.id for row in replayed.rows] == [parked]
        assert await still_parked() == {other, elsewhere}
        await replay(console, "acme", None, None)
        assert await still_parked() == {elsewhere}
        await replay(console, None, None, None)
        assert await still_parked() == set()
        events = await admin.fetch("select subject_id, stage, code from chain.timeline order by id")
        assert [tuple(row) for row in events] == [
            (subject, "operator", "replay") for subject in (parked, other, elsewhere)
        ]
        rows = await admin.fetch(
            "select id, attempts, not_before from chain.sync where done_version < version"
        )
        assert {row["id"] for row in rows} == {parked, waiting, other, elsewhere}
        assert await admin.fetchval("select count(*) from console.audit where action = 'work.replay'") == 3
    with pytest.raises(NotThere):
        await replay(console, "acme", Kind.ACCOUNT, parked)
    with pytest.raises(Unusable):
        await replay(console, None, None, parked)


async def arrange(database: Database) -> None:
    async with database.administrator() as admin:
        acme = await customer(admin, "acme")
        person, account = await acme.applied(user_name="jane@acme.example")
        await happened(acme, person, "received", "create")
        await happened(acme, person, "decided", "hold", "rename")
        await happened(acme, account, "done", "applied")
        await acme.person(Key(missing=True))
        held = await acme.person()
        await acme.decision(held, "hold", "collision")


@pytest.fixture
async def arranged(database: Database) -> None:
    await arrange(database)


@pytest.mark.usefixtures("arranged")
def test_the_command_line_tells_a_person_s_story_in_words(vestibule: CommandLine) -> None:
    said = vestibule("person", "acme", "jane@acme.example", COLUMNS="200")
    text = " ".join(said.out.split())
    assert said.code == 0
    assert "applied(access)" in text
    assert "The identity provider created the person." in text
    assert "this desk cannot rename" in text
    assert "4bf92f3577b34da6a3ce929d0e0e4736" in text
    [person] = vestibule.json("person", "acme", "jane@acme.example")["persons"]
    assert [event["stage"] for event in person["timeline"]] == ["received", "decided", "done"]
    assert person["standing"]["standing"] == "applied"


@pytest.mark.usefixtures("arranged")
def test_the_command_line_exits_with_1_where_the_invariant_does_not_hold(vestibule: CommandLine) -> None:
    said = vestibule("standing")
    assert said.code == 1
    assert "THE INVARIANT DOES NOT HOLD" in said.out
    assert "held(collision)" in said.out
    document = vestibule("standing", "--json").document
    assert document["holds"] is False
    assert document["totals"] == {
        "persons": 3,
        "applied": 1,
        "pending": 0,
        "held": 1,
        "shadow": 0,
        "refused": 0,
        "failed": 1,
    }
    [line] = document["tenants"][0]["connections"]
    assert line["problems"] == ["lost (unmarked): 1 of 3, nobody works on them"]


@pytest.fixture
async def case(database: Database) -> UUID:
    """An open case about jane."""
    async with database.administrator() as admin:
        acme = await customer(admin, "acme")
        person = await acme.person(user_name="jane@acme.example")
        await acme.decision(person, "hold", "collision")
        await happened(acme, person, "decided", "hold", "collision")
        made: UUID = await admin.fetchval(
            'insert into router."case" (tenant_id, kind, subject_id, connection_id) '
            "values ($1, 'collision', $2, $3) returning id",
            acme.customer.tenant,
            person,
            acme.customer.connection,
        )
        return made


def test_the_command_line_tells_a_case_with_what_to_do(vestibule: CommandLine, case: UUID) -> None:
    [listed] = vestibule.json("case", "list")["cases"]
    assert (listed["tenant"], listed["kind"], listed["subject"]) == ("acme", "collision", "jane@acme.example")
    assert listed["id"] == str(case)
    shown = vestibule.json("case", "show", "acme", str(case))
    assert shown["case"] == listed
    assert [event["reason"] for event in shown["timeline"]] == ["collision"]
    for arguments in (["list"], ["show", "acme", str(case)]):
        said = vestibule("case", *arguments, COLUMNS="200")
        assert (said.code, said.err) == (0, "")
        assert "jane@acme.example" in said.out
        assert str(case) in said.out
    assert listed["text"] in " ".join(vestibule("case", "show", "acme", str(case), COLUMNS="400").out.split())
