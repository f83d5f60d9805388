"""The Jira connector at a desk that throttles, breaks, lies, is late or is gone."""

import asyncio
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from infra.local.ports import LOOPBACK, free_port
from tests.contract.sandbox_process import TOKEN, USER, SandboxProcess
from tests.contract.stages import OPEN_DESK, RecordingPacing, SandboxStage
from vestibule_directory_writer.connectors.failures import (
    DeskRefusesCredentials,
    DeskUnreachable,
    OutcomeUnknown,
    PartlyApplied,
    Refused,
    Scope,
    Throttled,
)
from vestibule_directory_writer.connectors.jira import JiraDesk, JiraSettings
from vestibule_directory_writer.connectors.jira_calls import LONGEST_BODY_BYTES, Calls
from vestibule_directory_writer.connectors.kinds import Surroundings
from vestibule_directory_writer.connectors.pacing import Unpaced
from vestibule_directory_writer.connectors.service_desk import Kind, ServiceDesk

ANN = "ann@acme.example"


@pytest.fixture
async def desk(sandbox: SandboxProcess) -> AsyncIterator[ServiceDesk]:
    stage = SandboxStage(sandbox)
    yield stage.desk
    await stage.desk.close()


def jira(url: str, call_seconds: float = 10.0, token: str = TOKEN) -> JiraDesk:
    """A connector built by hand, as `kinds` does not let anybody build it."""
    settings = JiraSettings(url, OPEN_DESK, None, closed_desk=False)
    return JiraDesk(settings, Calls(USER, token, call_seconds=call_seconds))


@pytest.mark.parametrize(
    ("reason", "code", "scope"),
    [
        ("jira-burst-based", "throttled_burst", Scope.ENDPOINT),
        ("jira-per-issue-on-write", "throttled_issue", Scope.ENDPOINT),
        ("jira-quota-tenant-based", "throttled_quota_tenant", Scope.DESK),
        ("jira-quota-global-based", "throttled_quota_global", Scope.DESK),
        ("jira-cost-based", "throttled_cost", Scope.DESK),
    ],
)
async def test_each_rate_limit_reason_stops_what_it_should(
    desk: ServiceDesk, sandbox: SandboxProcess, reason: str, code: str, scope: Scope
) -> None:
    pacing = RecordingPacing()
    await sandbox.misbehave({"kind": "throttle", "reason": reason, "retry_after": 7, "count": 1})
    with pytest.raises(Throttled) as throttled:
        await desk.paced_by(pacing).create_customer(ANN, "Ann")
    assert (throttled.value.code, throttled.value.scope) == (code, scope)
    assert pacing.throttles == [("customer", "POST", 7.0, scope)]
    assert pacing.answers == [True]


async def test_a_throttle_without_retry_after_pauses_until_the_reset(
    desk: ServiceDesk, sandbox: SandboxProcess
) -> None:
    await sandbox.misbehave({"kind": "throttle", "retry_after": 0, "count": 1})
    with pytest.raises(Throttled) as throttled:
        await desk.probe()
    assert 1.0 <= throttled.value.retry_after_seconds <= 60.0


async def test_a_burst_beyond_the_rate_is_throttled_per_endpoint(
    desk: ServiceDesk, sandbox: SandboxProcess
) -> None:
    await sandbox.misbehave(rate_per_second=3)
    outcomes = await asyncio.gather(*(desk.probe() for _ in range(12)), return_exceptions=True)
    assert any(isinstance(outcome, Throttled) for outcome in outcomes)
    await desk.create_customer(ANN, "Ann")


async def test_unavailable_for_a_while_is_a_throttle_where_the_call_may_be_repeated(
    desk: ServiceDesk, sandbox: SandboxProcess
) -> None:
    await sandbox.misbehave({"kind": "unavailable", "retry_after": 9})
    with pytest.raises(Throttled) as throttled:
        await desk.probe()
    assert (throttled.value.code, throttled.value.retry_after_seconds) == ("desk_503", 9.0)
    with pytest.raises(OutcomeUnknown) as unknown:
        await desk.create_customer(ANN, "Ann")
    assert unknown.value.retry_after_seconds == 9.0


@pytest.mark.parametrize("after_effect", [False, True], ids=["before the effect", "after the effect"])
async def test_a_create_that_nobody_answers_is_unknown_after_a_bounded_wait(
    sandbox: SandboxProcess, after_effect: bool
) -> None:
    desk = jira(sandbox.base_url, call_seconds=0.3)
    await sandbox.misbehave(
        {"kind": "hang", "seconds": 30, "after_effect": after_effect, "endpoint": "customer", "count": 1}
    )
    with pytest.raises(OutcomeUnknown) as unknown:
        await desk.create_customer(ANN, "Ann")
    assert unknown.value.code == "timed_out"
    assert bool(await desk.find_customers(ANN)) is after_effect
    await desk.close()


async def test_a_repeatable_call_that_nobody_answers_is_a_desk_away(sandbox: SandboxProcess) -> None:
    desk = jira(sandbox.base_url, call_seconds=0.3)
    await sandbox.misbehave({"kind": "hang", "seconds": 30, "count": 1})
    with pytest.raises(DeskUnreachable) as away:
        await desk.probe()
    assert away.value.code == "timed_out"
    await desk.close()


@pytest.mark.parametrize("after_effect", [False, True], ids=["before the effect", "after the effect"])
async def test_a_create_cut_off_is_unknown(
    desk: ServiceDesk, sandbox: SandboxProcess, after_effect: bool
) -> None:
    await sandbox.misbehave({"kind": "cut", "after_effect": after_effect, "endpoint": "customer", "count": 1})
    with pytest.raises(OutcomeUnknown) as unknown:
        await desk.create_customer(ANN, "Ann")
    assert unknown.value.code == "disconnected"
    assert bool(await desk.find_customers(ANN)) is after_effect


async def test_a_call_cut_off_is_not_repeated_without_a_permit(
    desk: ServiceDesk, sandbox: SandboxProcess
) -> None:
    pacing = RecordingPacing()
    await desk.probe()  # from here on the connection is a kept one
    await sandbox.misbehave({"kind": "cut", "count": 1})
    with pytest.raises(DeskUnreachable):
        await desk.paced_by(pacing).probe()
    assert pacing.permits == [("servicedesk/{id}", "GET")]
    assert await sandbox.calls() == {("servicedesk/{id}", "GET", 200): 1, ("servicedesk/{id}", "GET", 0): 1}


async def test_a_desk_that_is_gone_was_sent_nothing() -> None:
    desk = jira(f"http://{LOOPBACK}:{free_port()}")
    for attempt in (desk.probe(), desk.create_customer(ANN, "Ann")):
        with pytest.raises(DeskUnreachable) as away:
            await attempt
        assert away.value.code == "connect_failed"
    await desk.close()


@pytest.mark.parametrize("body", ["html", "empty", "json"])
async def test_a_success_that_cannot_be_read_is_no_success(
    desk: ServiceDesk, sandbox: SandboxProcess, body: str
) -> None:
    await sandbox.misbehave({"kind": "answer", "status": 200, "body": body})
    for create in (desk.create_customer(ANN, "Ann"), desk.create_organization("Acme")):
        with pytest.raises(OutcomeUnknown) as unknown:
            await create
        assert unknown.value.code == "answer_unreadable"
    for read in (desk.probe(), desk.read_customer("qm:1"), desk.members("1"), desk.find_customers(ANN)):
        with pytest.raises(DeskUnreachable) as away:
            await read
        assert away.value.code == "answer_unreadable"


@asynccontextmanager
async def answering(body: bytes, headers: dict[str, str]) -> AsyncIterator[str]:
    """A server with one answer to whatever it is asked."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers, content_type="application/json")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, 0).start()
        yield f"http://{LOOPBACK}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def packed(length: int) -> bytes:
    """So many blanks before a JSON object, gzipped: a thousandth of that."""
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(b" " * 1_000_000) for _ in range(length // 1_000_000)]
    return b"".join([*parts, packer.compress(b'{"id": "1"}'), packer.flush()])


async def test_a_small_answer_that_unpacks_to_a_huge_one_is_not_unpacked() -> None:
    bomb = packed(200_000_000)
    assert len(bomb) < 1_000_000
    async with answering(bomb, {"Content-Encoding": "gzip"}) as url:
        desk = jira(url)
        tracemalloc.start()
        try:
            with pytest.raises(DeskUnreachable) as away:
                await desk.probe()
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        await desk.close()
    assert away.value.code == "answer_unreadable"
    assert most < 2 * LONGEST_BODY_BYTES


async def test_an_answer_longer_than_a_desk_has_to_say_is_not_read_to_its_end() -> None:
    async with answering(b" " * (LONGEST_BODY_BYTES + 1) + b'{"id": "1"}', {}) as url:
        desk = jira(url)
        with pytest.raises(DeskUnreachable) as away:
            await desk.probe()
        await desk.close()
    assert away.value.code == "answer_unreadable"


async def test_a_redirect_is_not_followed(desk: ServiceDesk, sandbox: SandboxProcess) -> None:
    await sandbox.misbehave({"kind": "answer", "status": 302})
    with pytest.raises(DeskUnreachable) as away:
        await desk.create_customer(ANN, "Ann")
    assert away.value.code == "redirected"
    assert await sandbox.calls() == {("customer", "POST", 302): 1}


async def test_wrong_credentials_and_missing_rights_stop_the_desk(
    desk: ServiceDesk, sandbox: SandboxProcess
) -> None:
    stranger = jira(sandbox.base_url, token="another-token")  # noqa: S106 - of a stand-in
    with pytest.raises(DeskRefusesCredentials) as refused:
        await stranger.create_customer(ANN, "Ann")
    assert refused.value.code == "unauthorized"
    await stranger.close()
    await sandbox.misbehave({"kind": "answer", "status": 403, "body": "html"})
    with pytest.raises(DeskRefusesCredentials) as forbidden:
        await desk.add_members("1", ["qm:1"])
    assert forbidden.value.code == "forbidden"


async def test_a_service_desk_that_is_not_there_is_told_by_the_probe(sandbox: SandboxProcess) -> None:
    lost = JiraDesk(JiraSettings(sandbox.base_url, "77", None, closed_desk=False), Calls(USER, TOKEN))
    with pytest.raises(DeskRefusesCredentials) as refused:
        await lost.probe()
    assert refused.value.code == "service_desk_unknown"
    await lost.close()


async def test_a_new_customer_may_be_invisible_to_look_ups_but_not_to_a_read(
    desk: ServiceDesk, sandbox: SandboxProcess
) -> None:
    await sandbox.misbehave(visible_after_ms=3_600_000)
    ann = await desk.create_customer(ANN, "Ann")
    assert await desk.find_customers(ANN) == ()
    assert await desk.read_customer(ann.id) == ann


async def test_a_desk_that_hides_addresses_still_tells_ids_and_kinds(
    desk: ServiceDesk, sandbox: SandboxProcess
) -> None:
    await sandbox.misbehave(hide_emails=True)
    ann = await desk.create_customer(ANN, "Ann")
    assert (ann.email, ann.kind) == (None, Kind.PORTAL_ONLY)
    assert await desk.find_customers(ANN) == ()


async def test_a_refused_address_is_the_persons_fault_not_the_desks(desk: ServiceDesk) -> None:
    with pytest.raises(Refused) as refused:
        await desk.create_customer("not an address", "Ann")
    assert refused.value.code == "create_customer_400"


async def test_a_managed_organization_takes_no_members_from_us(
    desk: ServiceDesk, sandbox: SandboxProcess
) -> None:
    managed = await SandboxStage(sandbox).seed_managed_organization("Driven elsewhere")
    ann, bob = [await desk.create_customer(f"{name}@acme.example", name) for name in ("ann", "bob")]
    with pytest.raises(Refused):
        await desk.add_members(managed, [ann.id])
    with pytest.raises(PartlyApplied):
        await desk.add_members(managed, [ann.id, bob.id])
    assert await desk.members(managed) == frozenset()


async def test_calls_carry_the_trace_and_are_observed(sandbox: SandboxProcess) -> None:
    seen: list[tuple[str, str, int]] = []
    asked: list[str] = []

    def headers() -> dict[str, str]:
        asked.append("traceparent")
        return {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}

    def observed(endpoint: str, method: str, status: int, seconds: float) -> None:
        assert 0.0 <= seconds < 30.0
        seen.append((endpoint, method, status))

    stage = SandboxStage(sandbox, surroundings=Surroundings(Unpaced(), headers, observed))
    ann = await stage.desk.create_customer(ANN, "Ann")
    await sandbox.misbehave({"kind": "cut", "count": 1})
    with pytest.raises(DeskUnreachable):
        await stage.desk.rename_customer(ann.id, "Ann A.")
    assert seen == [("customer", "POST", 201), ("csm/customer/account/{id}", "PUT", 0)]
    assert len(asked) == 2
    await stage.desk.close()


async def test_nothing_the_connector_does_sends_a_mail(desk: ServiceDesk, sandbox: SandboxProcess) -> None:
    acme = await desk.create_organization("Acme")
    ann = await desk.create_customer(ANN, "Ann")
    await desk.add_to_desk([ann.id])
    await desk.link_organization(acme.id)
    await desk.add_members(acme.id, [ann.id])
    assert (await sandbox.admin("GET", "counters"))["mails"] == 0
