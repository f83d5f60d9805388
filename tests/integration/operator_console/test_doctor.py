"""The doctor finds what is wrong, says what to do, and changes nothing."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from tests.integration.standing_people import Key, People
from tests.stack import Database
from tests.tenants import make_customer, make_desk
from vestibule_operator_console.doctor import examine
from vestibule_operator_console.findings import Finding, Verdict, exit_code
from vestibule_operator_console.services import ask_services, known_services


def told(findings: list[Finding], part: str) -> dict[str, tuple[Verdict, str]]:
    return {one.name: (one.verdict, f"{one.told} {one.advice}") for one in findings if one.part == part}


async def test_a_gateway_with_a_desk_and_no_work_is_well(
    environment: Mapping[str, str], database: Database
) -> None:
    async with database.administrator() as admin:
        await make_desk(admin, name="main")
    findings = await examine(environment)
    assert exit_code(findings) == 0
    assert told(findings, "desk")["main"][0] is Verdict.OK
    assert told(findings, "database")["migrations"][0] is Verdict.OK


async def test_every_invalid_setting_is_found() -> None:
    findings = await examine({})
    assert {one.name for one in findings} == {
        "VESTIBULE_DATABASE_URL",
        "VESTIBULE_SEALING_KEY",
        "VESTIBULE_PUBLIC_URL",
    }
    assert exit_code(findings) == 2


async def test_an_unsafe_role_and_another_service_s_role_are_found(
    environment: Mapping[str, str], database: Database
) -> None:
    findings = await examine({**environment, "VESTIBULE_DATABASE_URL": database.admin_url})
    verdict, text = told(findings, "database")["role"]
    assert verdict is Verdict.PROBLEM and "superuser" in text
    findings = await examine({**environment, "VESTIBULE_DATABASE_URL": database.url("vestibule_ingest")})
    verdict, text = told(findings, "database")["migrations"]
    assert verdict is Verdict.PROBLEM and "vestibule_console" in text


async def test_a_database_of_another_version_is_found(
    environment: Mapping[str, str], database: Database
) -> None:
    async with database.administrator() as admin:
        last = await admin.fetchval("delete from public.vestibule_migration where number = 7 returning name")
    verdict, text = told(await examine(environment), "database")["migrations"]
    assert verdict is Verdict.PROBLEM and last in text
    async with database.administrator() as admin:
        await admin.execute("update public.vestibule_migration set checksum = 'x' where number = 1")
    assert "changed after it was applied" in told(await examine(environment), "database")["migrations"][1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("update console.desk set credentials_expire_at = now() - interval '1 day'", "expired on"),
        ("update console.desk set credentials_expire_at = now() + interval '3 days'", "expire on"),
        ("update console.desk set state = 'disabled'", "switched off"),
        (
            "update chain.desk_flow set faults = 4, probing = true, code = 'desk_unauthorized'",
            "desk unauthorized",
        ),
        ("delete from chain.desk_flow", "no window"),
    ],
)
async def test_a_desk_s_trouble_is_found(
    environment: Mapping[str, str], database: Database, change: str, words: str
) -> None:
    async with database.administrator() as admin:
        await make_desk(admin, name="main")
        await admin.execute(change)
    findings = await examine(environment)
    verdict, text = told(findings, "desk")["main"]
    assert verdict is Verdict.PROBLEM and words in text
    assert exit_code(findings) == 1


async def test_parked_late_and_stuck_work_and_ending_tokens_are_found(
    environment: Mapping[str, str], database: Database
) -> None:
    async with database.administrator() as admin:
        people = People(admin, await make_customer(admin, await make_desk(admin)))
        await admin.execute("update console.tenant set slug = 'acme'")
        await people.person(Key(parked=True, code="mapping"))
        await people.person(Key(dirty=True))
        await people.fanout("connection", people.customer.connection)
        await admin.execute("update chain.sync set marked_at = now() - interval '1 hour'")
        await admin.execute("update chain.fanout set advanced_at = now() - interval '5 minutes'")
        await admin.execute("update console.token set expires_at = $1", datetime.now(UTC) + timedelta(days=3))
    findings = await examine(environment)
    work = told(findings, "work")
    assert work["parked person"] == (
        Verdict.PROBLEM,
        "acme: 1 gave up with: mapping mend the cause, then `vestibule replay acme --kind person`",
    )
    assert work["router"][0] is Verdict.PROBLEM and "waits 1 h" in work["router"][1]
    assert work["fan-out"][0] is Verdict.PROBLEM
    assert told(findings, "token")["...test"][0] is Verdict.PROBLEM
    async with database.administrator() as admin:
        assert await admin.fetchval("select count(*) from console.audit") == 0


async def test_people_who_are_held_or_failed_for_long_are_told_and_those_paused_are_no_trouble(
    environment: Mapping[str, str], database: Database
) -> None:
    async with database.administrator() as admin:
        people = People(admin, await make_customer(admin, await make_desk(admin)))
        await admin.execute("update console.tenant set slug = 'acme'")
        for reason in ("collision", "collision", "paused"):
            await people.decision(await people.person(), "hold", reason)
        await people.decision(await people.person(), "hold", "outside_domain")
        await admin.execute(
            "update router.decision set changed_at = now() - interval '2 hours' "
            "where reason <> 'outside_domain'"
        )
    found = told(await examine(environment), "people")
    assert found == {
        "held collision": (
            Verdict.PROBLEM,
            "acme: 2 for 2 h `vestibule standing acme`, `vestibule case list acme`",
        ),
        "held paused": (
            Verdict.OK,
            "acme: 1 for 2 h `vestibule standing acme`, `vestibule case list acme`",
        ),
    }


@pytest.fixture
async def services() -> AsyncIterator[str]:
    """Three services under one address: ready, not ready, and no service at all."""

    async def ready(_request: web.Request) -> web.Response:
        return web.json_response({"ready": True, "failing": []})

    async def failing(_request: web.Request) -> web.Response:
        return web.json_response({"ready": False, "failing": ["consumer"]}, status=503)

    async def other(_request: web.Request) -> web.Response:
        return web.Response(text="not a service", status=502)

    app = web.Application()
    app.add_routes([web.get("/a/readyz", ready), web.get("/b/readyz", failing), web.get("/c/readyz", other)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


async def test_services_answer_for_themselves(services: str) -> None:
    urls = {"ingest": f"{services}/a", "relay": f"{services}/b", "router": f"{services}/c"}
    findings = await ask_services({**urls, "writer": "http://127.0.0.1:1"})
    found = told(findings, "service")
    assert [found[name][0] for name in ("ingest", "relay", "router", "writer")] == [
        Verdict.OK,
        Verdict.PROBLEM,
        Verdict.PROBLEM,
        Verdict.UNREACHABLE,
    ]
    assert "consumer" in found["relay"][1] and "RabbitMQ" in found["relay"][1]
    assert exit_code(findings) == 4


def test_services_are_known_from_make_up_or_from_the_environment(tmp_path: Path) -> None:
    assert known_services({}, tmp_path) == {}
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "run.json").write_text(json.dumps({"ingest": "http://a:1/", "desk": "http://d:1"}))
    assert known_services({}, tmp_path) == {"ingest": "http://a:1"}
    assert known_services({"VESTIBULE_WRITER_URL": "http://w:1"}, tmp_path) == {
        "ingest": "http://a:1",
        "writer": "http://w:1",
    }
