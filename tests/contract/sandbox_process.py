"""The sandbox desk as a real process, and its admin's calls as functions."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from infra.local.places import ROOT
from infra.local.ports import LOOPBACK, free_port

USER = "integration@msp.example"
TOKEN = "an-api-token"  # noqa: S105 - of a stand-in
START_SECONDS = 20.0


@dataclass(slots=True)
class SandboxProcess:
    """A sandbox desk on a port of its own; stopped and started again it has the same address."""

    session: aiohttp.ClientSession
    state: Path | None
    port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "sandbox_desk",
            env=environment(self.port, self.state),
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(START_SECONDS):
            while not await self._ready():
                assert self.process.returncode is None, "the sandbox desk ended at its start"
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """End it as a crash does."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.communicate()

    async def _ready(self) -> bool:
        try:
            async with self.session.get(f"{self.base_url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def admin(self, method: str, path: str, body: object = None) -> Any:
        """An admin's call that has to succeed; the JSON of its answer."""
        async with self.session.request(method, f"{self.base_url}/sandbox/{path}", json=body) as answer:
            assert 200 <= answer.status < 300, (answer.status, await answer.text())
            return await answer.json() if answer.status != 204 else None

    async def misbehave(self, *faults: Mapping[str, object], **settings: object) -> None:
        """Switch these faults on in place of all others."""
        await self.admin("PUT", "faults", {"faults": list(faults), **settings})

    async def calls(self) -> dict[tuple[str, str, int], int]:
        """Calls by endpoint, method and status."""
        counted = (await self.admin("GET", "counters"))["calls"]
        return {(one["endpoint"], one["method"], one["status"]): one["count"] for one in counted}

    async def reset(self) -> None:
        """Empty it."""
        await self.admin("POST", "reset")


def environment(port: int, state: Path | None) -> dict[str, str]:
    """What a sandbox desk on this port is started with."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT / "infra" / "sandbox-desk"),
        "SANDBOX_DESK_LISTEN": f"{LOOPBACK}:{port}",
        "SANDBOX_DESK_STATE": str(state) if state is not None else "",
        "SANDBOX_DESK_USER": USER,
        "SANDBOX_DESK_TOKEN": TOKEN,
    }


@asynccontextmanager
async def running_sandbox(state: Path | None = None) -> AsyncIterator[SandboxProcess]:
    """A started sandbox desk, gone afterwards."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        sandbox = SandboxProcess(session, state)
        try:
            await sandbox.start()
            yield sandbox
        finally:
            await sandbox.kill()
