"""The service as a process: its settings, its start and its end."""

import asyncio
import signal

import aiohttp
import orjson

from tests.integration.ingest.processes import start
from tests.integration.ingest.scim_client import ScimClient, assert_error
from tests.stack import Database
from tests.tenants import Customer

BOUND_SECONDS = 30.0


async def test_every_problem_of_the_settings_is_listed_and_the_exit_code_is_2() -> None:
    process = await start(VESTIBULE_LISTEN="nowhere", VESTIBULE_REQUEST_RATE="3")
    async with asyncio.timeout(BOUND_SECONDS):
        output, errors = await process.communicate()
    assert process.returncode == 2
    assert output == b""
    told = {line.partition(":")[0] for line in errors.decode().splitlines()}
    assert told == {
        "VESTIBULE_DATABASE_URL",
        "VESTIBULE_LISTEN",
        "VESTIBULE_PUBLIC_URL",
        "VESTIBULE_REQUEST_RATE",
    }


async def test_a_role_that_sees_past_row_level_security_is_refused(store: Database) -> None:
    process = await start(
        VESTIBULE_DATABASE_URL=store.admin_url,
        VESTIBULE_LISTEN="127.0.0.1:0",
        VESTIBULE_PUBLIC_URL="https://scim.provider.example",
    )
    async with asyncio.timeout(BOUND_SECONDS):
        output, _ = await process.communicate()
    assert process.returncode == 1
    assert b"row level security would not hold" in output


async def test_it_serves_until_it_is_told_to_stop_and_ends_with_0(
    store: Database, customer: Customer, session: aiohttp.ClientSession
) -> None:
    process = await start(
        VESTIBULE_DATABASE_URL=store.url("vestibule_ingest"),
        VESTIBULE_LISTEN="127.0.0.1:0",
        VESTIBULE_PROBES_LISTEN="[::1]:0",
        VESTIBULE_PUBLIC_URL="https://scim.provider.example",
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(BOUND_SECONDS):
            ports: dict[str, int] = {}
            while len(ports) < 2:
                line = orjson.loads(await process.stdout.readline())
                if line["event"] == "listening":
                    ports[line["host"]] = line["port"]
            public, probes = f"http://127.0.0.1:{ports['127.0.0.1']}", f"http://[::1]:{ports['::1']}"
            base = f"{public}/scim/v2/{customer.path}"
            await ScimClient(session, base, customer.token).create_user("process@corp.example")
            for path in ("/healthz", "/readyz", "/metrics"):
                assert (await ScimClient(session, probes, "none").get(path)).status == 200
                assert_error(await ScimClient(session, public, "none").get(path), 404)
            assert (await ScimClient(session, probes, "none").get("/scim/v2/x/Users")).status == 404
            process.send_signal(signal.SIGTERM)
            await process.communicate()
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
