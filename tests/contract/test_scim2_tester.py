"""An independent judge: every check of scim2-tester, over HTTP, against a service that was started for it."""

import asyncio
import os
from collections.abc import Callable

import httpx2
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import CheckResult, Status, check_server

from tests.integration.ingest.serving import serving
from tests.stack import Database
from tests.tenants import make_customer, make_desk
from vestibule.domain.tokens import mint

SECONDS = 120.0
PASSED = frozenset({Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE})
FEWEST = 135  # so many there were once: a check that silently no longer runs is missed


async def test_every_check_of_scim2_tester_passes(
    database: Database, say_at_the_end: Callable[[str], None]
) -> None:
    async with database.administrator() as admin:
        customer = await make_customer(admin, await make_desk(admin), token=mint(os.urandom(32)))
    async with serving(database.url("vestibule_ingest")) as ingest, asyncio.timeout(SECONDS):
        results = await asyncio.to_thread(judge, ingest.base(customer.path), customer.token)
    failed = [result for result in results if result.status not in PASSED]
    say_at_the_end(f"scim2-tester: {len(results) - len(failed)} of {len(results)} checks pass")
    assert not failed, "\n".join(
        f"{result.status.name} {result.resource_type} {result.title}: {result.reason}" for result in failed
    )
    assert len(results) >= FEWEST


def judge(base: str, token: str) -> list[CheckResult]:
    """Let scim2-tester discover the service by itself and try whatever it says that it can do."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=base, headers=headers, timeout=SECONDS) as http:
        return check_server(SyncSCIMClient(http))
