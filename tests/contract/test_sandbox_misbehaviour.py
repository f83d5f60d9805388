"""The sandbox desk fails on demand, tells what it did, and obeys nobody from elsewhere."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from tests.contract.bare_calls import API, Client
from tests.contract.sandbox_process import TOKEN, USER, SandboxProcess


async def test_an_answer_may_be_lost_after_the_effect(call: Client, sandbox: SandboxProcess) -> None:
    await sandbox.misbehave({"kind": "cut", "endpoint": "customer", "after_effect": True, "count": 1})
    with pytest.raises(aiohttp.ClientError):
        await call.customer("ann")
    assert len((await sandbox.admin("GET", "state"))["customers"]) == 1
    assert (await sandbox.calls())["customer", "POST", 0] == 1


async def test_a_hanging_call_is_over_when_its_caller_leaves(call: Client, sandbox: SandboxProcess) -> None:
    await sandbox.misbehave({"kind": "hang", "seconds": 600})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call.customer("ann"), 0.2)
    await sandbox.reset()  # while the desk may still be busy with it
    async with asyncio.timeout(10):
        while (await sandbox.admin("GET", "counters"))["in_flight"]:
            pass  # each look is a call of its own, and gives way


async def test_a_fault_skips_counts_and_ends(call: Client, sandbox: SandboxProcess) -> None:
    fault = {"kind": "throttle", "endpoint": "info", "method": "GET", "skip": 1, "count": 2}
    await sandbox.misbehave(fault)
    assert [(await call("GET", f"{API}/info"))[0] for _ in range(5)] == [200, 429, 429, 200, 200]
    (shown,) = (await sandbox.admin("GET", "faults"))["faults"]
    assert shown["hits"] == 2
    await sandbox.misbehave({"kind": "answer", "status": 503, "body": "html"})
    assert (await call("GET", f"{API}/info"))[0] == 503
    await sandbox.admin("DELETE", "faults")
    assert (await call("GET", f"{API}/info"))[0] == 200


async def test_a_throttle_wears_the_vendors_headers(sandbox: SandboxProcess) -> None:
    await sandbox.misbehave({"kind": "throttle", "reason": "jira-cost-based", "retry_after": 4})
    url = f"{sandbox.base_url}{API}/info"
    headers = {"Authorization": aiohttp.encode_basic_auth(USER, TOKEN)}
    async with sandbox.session.get(url, headers=headers) as answer:
        assert answer.status == 429
        assert answer.headers["Retry-After"] == "4"
        assert answer.headers["RateLimit-Reason"] == "jira-cost-based"
        assert answer.headers["X-RateLimit-Remaining"] == "0"
        assert answer.headers["X-RateLimit-Reset"].endswith("Z")


async def test_latency_is_added_and_calls_overlap(call: Client, sandbox: SandboxProcess) -> None:
    await sandbox.misbehave(latency_ms=100)
    started = time.monotonic()
    await asyncio.gather(*(call("GET", f"{API}/info") for _ in range(20)))
    assert time.monotonic() - started >= 0.1
    assert (await sandbox.admin("GET", "counters"))["max_in_flight"] > 5


async def test_every_problem_of_a_fault_is_listed(sandbox: SandboxProcess) -> None:
    wrong = {
        "latency_ms": -1,
        "speed": 3,
        "hide_emails": 1,
        "faults": [{"kind": "explode", "count": "many"}, {"kind": "answer", "status": 99, "colour": 1}],
    }
    async with sandbox.session.put(f"{sandbox.base_url}/sandbox/faults", json=wrong) as answer:
        assert answer.status == 400
        problems = (await answer.json())["problems"]
    for name in ("latency_ms", "speed", "hide_emails", "faults[0].kind", "faults[0].count"):
        assert any(problem.startswith(f"{name}:") for problem in problems)
    for name in ("faults[1].status", "faults[1].colour"):
        assert any(problem.startswith(f"{name}:") for problem in problems)


async def test_effects_are_told_in_order_and_by_pages(call: Client, sandbox: SandboxProcess) -> None:
    start = (await sandbox.admin("GET", "counters"))["effects"]
    ann, number = await call.customer("ann"), await call.organization("Acme")
    path = f"{API}/organization/{number}/user"
    for method in ("POST", "POST", "DELETE"):
        await call(method, path, {"accountIds": [ann]})
    told: list[dict[str, Any]] = []
    after = start
    while (page := await sandbox.admin("GET", f"effects?after={after}&limit=3"))["effects"]:
        told += page["effects"]
        after = page["next"]
    assert [effect["do"] for effect in told] == [
        "customer_created",
        "organization_created",
        "members_added",
        "members_removed",
    ]
    assert [effect["n"] for effect in told] == [start + step for step in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Host": "desk.example"}, {"Host": "127.0.0.1.example:80"}]
)
@pytest.mark.parametrize("path", ["/", "/sandbox/state", "/sandbox/reset"])
async def test_a_web_page_from_elsewhere_cannot_reach_the_admin(
    sandbox: SandboxProcess, headers: dict[str, str], path: str
) -> None:
    method = "POST" if path.endswith("reset") else "GET"
    url = sandbox.base_url + path
    async with sandbox.session.request(method, url, headers=headers) as answer:
        assert answer.status == 404
