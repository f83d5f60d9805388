"""The whole process against the sandbox desk: relay, queue, claim, calls over HTTP, record, one trace."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry

from infra.local.servers import Addresses
from tests.contract.sandbox_process import TOKEN, USER, SandboxProcess, running_sandbox
from tests.integration.directory_writer.rig import FAST, Rig
from tests.waiting import until
from vestibule.broker.__main__ import relay
from vestibule.database.pool import json_text
from vestibule.domain.desks import credentials_context
from vestibule.domain.identifiers import DeskId
from vestibule.sealing import seal
from vestibule.settings.loading import load
from vestibule.settings.services import RelaySettings, WriterSettings
from vestibule.settings.values import Listen, named_keys
from vestibule.telemetry.metrics import DeskMetrics, WorkMetrics
from vestibule.telemetry.tracing import open_tracing
from vestibule_directory_writer.desks import Desks
from vestibule_directory_writer.reconciling import Reconciler
from vestibule_directory_writer.timing import Timing
from vestibule_directory_writer.work import Means, Work
from vestibule_directory_writer.worker import connectors, write

SECONDS = 30.0
CLAIMED = 96  # by two batches or more, when 128 are under way
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass(frozen=True, slots=True)
class Running:
    """A writer in this process and what it tells."""

    url: str
    exporter: InMemorySpanExporter


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[SandboxProcess]:
    async with running_sandbox(tmp_path) as started:
        yield started


@pytest.fixture
async def jira_rig(rig: Rig, sandbox: SandboxProcess) -> Rig:
    """The rig's desk is the sandbox now."""
    settings = {"base_url": sandbox.base_url, "service_desk_id": "1", "csm_url": None, "permits": FAST}
    credentials = orjson.dumps({"email": USER, "api_token": TOKEN})
    bound = credentials_context(DeskId(rig.desk_id), "jira", settings)
    sealed = seal(rig.keys.public, credentials, bound)
    await rig.admin.execute(
        "update console.desk set kind = 'jira', settings = $1, sealed_credentials = $2",
        json_text(settings),
        sealed.box,
    )
    return rig


def environment(rig: Rig, servers: Addresses, role: str) -> dict[str, str]:
    return {
        "VESTIBULE_DATABASE_URL": rig.database.url(role),
        "VESTIBULE_AMQP_URL": servers.amqp,
        "VESTIBULE_LISTEN": "127.0.0.1:0",
        "VESTIBULE_POOL_SIZE": "6",
        "VESTIBULE_UNSEALING_KEYS": rig.keys.private.reveal(),
        "VESTIBULE_CALL_SECONDS": "2",
        "VESTIBULE_CLAIM_SECONDS": "6",
    }


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


@asynccontextmanager
async def running(
    rig: Rig, servers: Addresses, clocks: Mapping[str, str] | None = None
) -> AsyncIterator[Running]:
    """Relay and writer; both have drained when this ends."""
    stopping, exporter = asyncio.Event(), InMemorySpanExporter()
    bound: asyncio.Future[Listen] = asyncio.get_running_loop().create_future()
    relaying = load(RelaySettings, environment(rig, servers, "vestibule_relay"))
    writing = load(WriterSettings, environment(rig, servers, "vestibule_writer") | dict(clocks or {}))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(relay(relaying, stopping))
        tasks.create_task(write(writing, stopping, exporter=exporter, on_bound=bound.set_result))
        try:
            address = await asyncio.wait_for(bound, SECONDS)
            url = f"http://{address.host}:{address.port}"

            async def ready() -> bool:
                return (await get(f"{url}/readyz"))[0] == 200

            await until(ready, SECONDS, "a writer that is ready")
            yield Running(url, exporter)
        finally:
            stopping.set()


async def at_rest(rig: Rig) -> bool:
    """Nothing is dirty any more."""
    dirty: int = await rig.admin.fetchval("select count(*) from chain.sync where done_version < version")
    return dirty == 0


async def test_accounts_and_memberships_reach_the_sandbox_desk(
    jira_rig: Rig, servers: Addresses, sandbox: SandboxProcess
) -> None:
    rig = jira_rig
    one, two = await rig.customer("Acme"), await rig.customer("Beta")
    groups = [await rig.organization(customer, "IT") for customer in (one, two)]
    people = [
        await rig.want(customer, organizations=(group,))
        for customer, group in zip((one, two), groups, strict=True)
        for _ in range(25)
    ]
    async with running(rig, servers) as writer:
        await until(lambda: at_rest(rig), SECONDS, "nothing dirty")
        state = await sandbox.admin("GET", "state")
        assert {customer["email"] for customer in state["customers"]} == {
            person.wanted.email for person in people
        }
        for group, prefix in zip(groups, ("Acme", "Beta"), strict=True):
            row = await rig.organization_row(group)
            assert row["desk_name"] == f"{prefix} / IT"
        await rig.want(one, access=False, person=people[0])
        await until(lambda: at_rest(rig), SECONDS, "nothing dirty")
        assert (await rig.outcome(people[0]))["form"] == "stripped"
        status, metrics = await get(f"{writer.url}/metrics")
        assert status == 200
        assert 'vestibule_desk_calls_total{endpoint="customer",method="POST",status="201"} 50.0' in metrics
        assert 'vestibule_outcomes_total{kind="account",outcome="done",stage="writer"} 51.0' in metrics
    counted = await sandbox.calls()
    assert (
        sum(count for (_, method, status), count in counted.items() if status >= 400 and method != "GET") == 0
    )


async def test_one_trace_goes_on_to_the_desk_call(jira_rig: Rig, sandbox: SandboxProcess) -> None:
    rig = jira_rig
    ann = await rig.want(await rig.customer("Acme"))
    exporter, timing = InMemorySpanExporter(), Timing(2.0, 6.0)
    tracing = open_tracing("directory-writer", "test", exporter=exporter)
    metrics = DeskMetrics(CollectorRegistry())
    keys = named_keys(rig.keys.private.reveal())
    desks = Desks(rig.pool, keys, connectors(tracing.tracer, metrics, timing), metrics, timing)
    rig.opened.append(desks)
    means = Means(rig.pool, WorkMetrics(CollectorRegistry()), timing)
    await Reconciler(means, desks).reconcile(
        [Work(work.key, TRACE) for work in await rig.pick(kind="account")]
    )
    (call,) = exporter.get_finished_spans()
    assert (call.name, call.kind) == ("POST customer", SpanKind.CLIENT)
    assert call.context is not None
    assert call.parent is not None
    assert f"{call.context.trace_id:032x}" == TRACE.split("-")[1]
    assert f"{call.parent.span_id:016x}" == TRACE.split("-")[2]
    assert call.attributes == {
        "http.request.method": "POST",
        "url.template": "customer",
        "http.response.status_code": 201,
    }
    told = await rig.admin.fetchval("select trace from chain.timeline where subject_id = $1", ann.id)
    assert told == TRACE
    assert (await sandbox.calls())["customer", "POST", 201] == 1


async def test_a_slow_desk_is_asked_again_and_makes_nobody_twice(
    jira_rig: Rig, servers: Addresses, sandbox: SandboxProcess
) -> None:
    rig = jira_rig
    customer = await rig.customer("Acme")
    await sandbox.misbehave(
        {"endpoint": "customer", "method": "POST", "kind": "hang", "after_effect": True, "count": 3}
    )
    people = [await rig.want(customer) for _ in range(10)]
    async with running(rig, servers):
        await until(lambda: at_rest(rig), SECONDS, "nothing dirty")
    state = await sandbox.admin("GET", "state")
    assert len(state["customers"]) == len(people)
    for person in people:
        assert (await rig.outcome(person))["form"] == "access"


async def test_a_desk_that_hangs_keeps_nobody_at_another_desk_waiting(
    jira_rig: Rig, servers: Addresses, sandbox: SandboxProcess
) -> None:
    rig = jira_rig
    await rig.settings(base_url=sandbox.base_url, service_desk_id="1", csm_url=None, concurrency=1)
    await sandbox.misbehave({"endpoint": "customer", "method": "POST", "kind": "hang"})
    for customer in (await rig.customer("Acme"), await rig.customer("Beta")):
        for _ in range(80):
            await rig.want(customer)
    slow = {"VESTIBULE_CALL_SECONDS": "10", "VESTIBULE_CLAIM_SECONDS": "30"}
    async with running(rig, servers, slow):

        async def hanging() -> bool:
            claimed: int = await rig.admin.fetchval(
                "select count(*) from chain.sync where claim_worker is not null"
            )
            return claimed >= 96

        await until(hanging, SECONDS, "a desk that hangs")
        rig.desk_id = await rig.another_desk()
        cid = await rig.want(await rig.customer("Cora"))

        async def applied() -> bool:
            form: str | None = (await rig.outcome(cid))["form"]
            return form == "access"

        await until(applied, 8.0, "an account at the other desk")
        await sandbox.admin("DELETE", "faults")


async def test_clocks_that_do_not_fit_are_told_at_start(rig: Rig, servers: Addresses) -> None:
    clocks = {"VESTIBULE_CALL_SECONDS": "10", "VESTIBULE_CLAIM_SECONDS": "20"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "vestibule_directory_writer",
        env={**os.environ, **environment(rig, servers, "vestibule_writer"), **clocks},
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(SECONDS):
            _, problems = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 2
    assert b"VESTIBULE_CLAIM_SECONDS: must be 21 or more" in problems
