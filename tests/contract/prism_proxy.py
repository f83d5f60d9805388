"""The vendor's own description between connector and sandbox: Prism as a proxy, and a front that splits.

Prism answers 422 where a request breaks the description and 500 where the sandbox's answer does. The newer
customer API has no public description: its calls go through unchecked.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web
from yarl import URL

from infra.local.places import ROOT
from infra.local.ports import LOOPBACK, free_port

DESCRIPTIONS = {
    "/rest/servicedeskapi": "jsm-cloud.prism.json",
    "/rest/api/3": "jira-platform-subset.prism.json",
}
START_SECONDS = 90.0
PRISM_ERROR = "stoplight.io/prism/errors"
HOP_BY_HOP = frozenset({"host", "connection", "transfer-encoding", "content-length", "keep-alive"})


def contracts_folder() -> Path:
    """Where the vendors' files are; they are not ours and not in this repository."""
    return Path(os.environ.get("VESTIBULE_CONTRACTS") or ROOT.parent / "shared" / "contracts")


@dataclass(slots=True)
class Front:
    """The address a connector is given, and what Prism objected to so far."""

    url: str
    upstream: str
    prisms: dict[str, str]
    session: aiohttp.ClientSession
    violations: list[str] = field(default_factory=list)

    async def forward(self, request: web.Request) -> web.Response:
        """Pass a request on as it came, through the Prism that knows its path."""
        known = next(
            (prism for path, prism in self.prisms.items() if request.raw_path.startswith(path)), None
        )
        target = URL(f"{known or self.upstream}{request.raw_path}", encoded=True)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        call = self.session.request(
            request.method, target, headers=headers, data=await request.read(), allow_redirects=False
        )
        try:
            async with call as answer:
                body = await answer.read()
        except aiohttp.ClientError:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if known is not None:
            self._judge(f"{request.method} {request.path} {answer.status}", answer, body)
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
        kept.pop("Content-Encoding", None)
        return web.Response(status=answer.status, headers=kept, body=body)

    def _judge(self, what: str, answer: aiohttp.ClientResponse, body: bytes) -> None:
        if PRISM_ERROR.encode() in body:
            self.violations.append(f"{what}: {body.decode(errors='replace')}")
        for violation in json.loads(answer.headers.get("sl-violations", "[]")):
            if violation.get("severity") == "Error":
                self.violations.append(f"{what}: {violation}")


@asynccontextmanager
async def checking_front(program: Path, upstream: str, log: Path) -> AsyncIterator[Front]:
    """A front before `upstream`, with one Prism for each of the vendor's files."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(auto_decompress=True, timeout=aiohttp.ClientTimeout(total=30))
        )
        started = [
            await stack.enter_async_context(_prism(program, contracts_folder() / file, upstream, log / file))
            for file in DESCRIPTIONS.values()
        ]
        async with asyncio.timeout(START_SECONDS):
            for url in started:
                await _answering(session, url)
        front = Front("", upstream, dict(zip(DESCRIPTIONS, started, strict=True)), session)
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", front.forward)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, LOOPBACK, 0)
        await site.start()
        front.url = f"http://{LOOPBACK}:{runner.addresses[0][1]}"
        yield front


@asynccontextmanager
async def _prism(program: Path, description: Path, upstream: str, log: Path) -> AsyncIterator[str]:
    port = free_port()
    with log.with_suffix(".log").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(str(program), "proxy", "--errors", "-h", LOOPBACK, "-p", str(port)),
            *(str(description), upstream),
            stdout=output,
            stderr=output,
        )
        try:
            yield f"http://{LOOPBACK}:{port}"
        finally:
            process.terminate()
            await process.wait()


async def _answering(session: aiohttp.ClientSession, url: str) -> None:
    while True:
        try:
            async with session.get(url):
                return
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)
