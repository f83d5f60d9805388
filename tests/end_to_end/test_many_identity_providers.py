"""The load tool in small: everybody's own view is right, and what is wrong ends it with another exit code."""

import asyncio
import io
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import orjson
import pytest
from rich.console import Console as Terminal

from infra.identity_providers.beliefs import Link
from infra.identity_providers.catalogue import DIALECTS
from infra.local.places import ROOT
from tests.end_to_end.gateway import Gateway, running_gateway
from tests.load.many_idps import Run
from tests.load.onboarding import Participant, Plan, onboard, open_desk
from tests.waiting import until

SEED = 11
MINUTES = 0.1
LOSING = 0.03
END_SECONDS = 90.0


@pytest.fixture(scope="module")
async def loaded() -> AsyncIterator[Gateway]:
    """A gateway of these tests' own, with a desk and without customers, that lets nobody ask often."""
    async with running_gateway("load", {"VESTIBULE_REQUEST_RATE": "25"}) as gateway:
        await open_desk(gateway.stack)
        yield gateway


def silent() -> Terminal:
    return Terminal(file=io.StringIO())


async def test_identity_providers_of_every_kind_find_all_as_they_left_it(loaded: Gateway) -> None:
    participants = await onboard(loaded.stack, range(len(DIALECTS)))
    run = Run(Plan(len(participants), 5, MINUTES, SEED), participants, loaded.stack, LOSING, silent())
    report = await run.run()
    assert report.wrong == []
    assert report.exit_code == 0
    assert report.errors()["answer lost on purpose"] > 0
    assert {line.dialect for line in report.lines} == set(DIALECTS)
    assert all(line.requests > 10 and line.happened.get("leave", 0) > 0 for line in report.lines)
    assert all(line.joiner_p95_s is not None for line in report.lines)
    assert sum(line.movers for line in report.lines) > 5
    assert sum(line.group_joins for line in report.lines) > 20


async def test_whoever_asks_too_often_waits_as_told_and_loses_nothing(loaded: Gateway) -> None:
    participants = await onboard(loaded.stack, (10,))
    report = await Run(Plan(1, 40, MINUTES, SEED), participants, loaded.stack, LOSING, silent()).run()
    assert report.errors()["put off (429, 503)"] > 0
    assert report.wrong == []
    assert report.exit_code == 0


async def test_a_person_deleted_behind_its_back_is_reported(loaded: Gateway) -> None:
    participants = await onboard(loaded.stack, (20, 21))
    spoilt: list[Link] = []

    async def spoil(run: Run) -> None:
        speaker = run.speakers[0]
        link = next(
            link for link in speaker.idp.beliefs.links.values() if link.told is not None and link.told.active
        )
        spoilt.append(link)
        await speaker.read(speaker.idp.dialect.delete_user(link))

    plan = Plan(len(participants), 3, MINUTES, SEED)
    report = await Run(plan, participants, loaded.stack, 0.0, silent(), spoil).run()
    assert report.exit_code == 1
    assert f"customer-20: user {spoilt[0].id} is not there" in report.wrong
    assert not [problem for problem in report.wrong if problem.startswith("customer-21")]


async def test_a_gateway_elsewhere_is_given_by_a_file(loaded: Gateway, tmp_path: Path) -> None:
    target = written_down(await onboard(loaded.stack, (30, 31, 32)), tmp_path)
    process = await started(target, tmp_path, f"--minutes={MINUTES}")
    async with asyncio.timeout(END_SECONDS):
        told, complaints = await process.communicate()
    assert process.returncode == 0, complaints
    assert b"Nothing is wrong, nothing is lost" in told
    report = orjson.loads((tmp_path / "load.json").read_bytes())
    assert report["wrong"] == []
    assert report["compared"]["the desk"] == "not compared: the gateway runs elsewhere"


async def test_an_interrupt_ends_it_with_a_report(loaded: Gateway, tmp_path: Path) -> None:
    participants = await onboard(loaded.stack, (40,))
    process = await started(written_down(participants, tmp_path), tmp_path, "--minutes=30")

    async def somebody_is_there() -> bool:
        endpoint = participants[0].endpoint
        headers = {"Authorization": f"Bearer {endpoint.token}"}
        async with loaded.http.get(f"{endpoint.base_url}/Users", headers=headers) as answer:
            return bool((await answer.json(content_type=None))["totalResults"])

    await until(somebody_is_there, END_SECONDS, "a first person")
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(END_SECONDS):
        told, complaints = await process.communicate()
    assert process.returncode == 130, complaints
    assert b"interrupted" in told
    assert orjson.loads((tmp_path / "load.json").read_bytes())["interrupted"] is True


async def test_a_file_that_is_no_list_of_connections_is_wrong_usage(tmp_path: Path) -> None:
    target = tmp_path / "target.json"
    target.write_text('[{"base_url": "http://127.0.0.1:1", "dialect": "telex"}]', encoding="utf-8")
    process = await started(target, tmp_path)
    async with asyncio.timeout(END_SECONDS):
        _, complaints = await process.communicate()
    assert process.returncode == 2
    assert b"connection 0 has no token" in complaints


def written_down(participants: Sequence[Participant], folder: Path) -> Path:
    """The file that TARGET names."""
    target = folder / "target.json"
    connections = [
        {
            "base_url": one.endpoint.base_url,
            "token": one.endpoint.token,
            "domain": one.domain,
            "dialect": one.dialect.name,
        }
        for one in participants
    ]
    target.write_bytes(orjson.dumps(connections))
    return target


async def started(target: Path, folder: Path, *options: str) -> Process:
    """The program, as `make load TARGET=…` starts it."""
    argv = ("-m", "tests.load.many_idps", f"--target={target}", "--people=4", *options)
    output = f"--output={folder / 'load.json'}"
    return await asyncio.create_subprocess_exec(
        sys.executable, *argv, output, cwd=ROOT, stdout=PIPE, stderr=PIPE
    )
