"""Real processes and real signals."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

PROGRAM = """
import asyncio, sys
from vestibule.process.running import run

async def main(stopping):
    print("ready", flush=True)
    {body}

run(main, drain_seconds={drain})
"""


@asynccontextmanager
async def program(body: str, drain: float = 10) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM.format(body=body, drain=drain),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            while (await process.stdout.readline()).strip() not in (b"ready", b""):
                pass
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_exits_with_0(number: signal.Signals) -> None:
    async with program("await stopping.wait(); print('drained', flush=True)") as process:
        process.send_signal(number)
        output, _ = await process.communicate()
        assert process.returncode == 0
        assert b"drained" in output


async def test_a_drain_that_takes_too_long_is_cut_short() -> None:
    async with program("await asyncio.Event().wait()", drain=0.05) as process:
        process.send_signal(signal.SIGTERM)
        output, _ = await process.communicate()
        assert process.returncode == 0
        assert b"drain_cut_short" in output


async def test_a_second_signal_ends_the_drain_at_once() -> None:
    body = "await stopping.wait(); print('ready', flush=True); await asyncio.Event().wait()"
    async with program(body, drain=600) as process:
        assert process.stdout is not None
        process.send_signal(signal.SIGTERM)
        while (await process.stdout.readline()).strip() != b"ready":
            pass
        process.send_signal(signal.SIGTERM)
        await process.communicate()
        assert process.returncode == 0


async def test_a_crash_exits_with_1() -> None:
    async with program("raise RuntimeError('kim.lee@customer.example')") as process:
        output, _ = await process.communicate()
        assert process.returncode == 1
        assert b"process_crashed" in output


async def test_a_service_that_will_not_even_be_cancelled_is_ended() -> None:
    body = """
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass"""
    async with program(body, drain=0.05) as process:
        process.send_signal(signal.SIGTERM)
        await process.communicate()
        assert process.returncode == 1
