"""The ingest service as processes of its own."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson

START_SECONDS = 30.0
MOST_RATE = "100000"
MOST_AT_ONCE = "1000"


async def start(**settings: str) -> Process:
    """Start the service with these settings and no others."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VESTIBULE_")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vestibule_ingest", env={**environment, **settings}, stdout=PIPE, stderr=PIPE
    )


@asynccontextmanager
async def running(database_url: str, public_url: str, **settings: str) -> AsyncIterator[str]:
    """A process that serves until the block ends; gives the URL that it listens at."""
    process = await start(
        VESTIBULE_DATABASE_URL=database_url,
        VESTIBULE_LISTEN="127.0.0.1:0",
        VESTIBULE_PUBLIC_URL=public_url,
        **{
            "VESTIBULE_REQUEST_RATE": MOST_RATE,
            "VESTIBULE_REQUESTS_AT_ONCE": MOST_AT_ONCE,
            **settings,
        },
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            line = orjson.loads(await process.stdout.readline())
            while line["event"] != "listening":
                line = orjson.loads(await process.stdout.readline())
        reading = asyncio.create_task(_read_on(process.stdout))  # a full pipe would hold the service up
        yield f"http://127.0.0.1:{line['port']}"
        process.terminate()
        async with asyncio.timeout(START_SECONDS):
            await reading
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _read_on(stream: asyncio.StreamReader) -> None:
    while await stream.read(65_536):
        pass
