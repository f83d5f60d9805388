"""The ASGI application: start reading here. Route, authenticate, misbehave if asked to, handle, answer."""

import asyncio
import base64
import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from sandbox_desk import admin, misbehaviour, page
from sandbox_desk.connection import CUT
from sandbox_desk.exchange import HTML_TYPE, Answer, Refusal, Request
from sandbox_desk.faults import Fault
from sandbox_desk.routes import Match, match, refuse
from sandbox_desk.site import Site

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LONGEST_BODY_BYTES = 256 * 1024

NOT_FOUND = Answer(404, misbehaviour.HTML, (HTML_TYPE,))
STRANGER = Refusal(401, "sandbox.unauthorized", "Who are you?")
TOO_LARGE = Answer(413)


class SandboxDesk:
    """The desk as an ASGI application over one site."""

    def __init__(self, site: Site, user: str, token: str) -> None:
        self._site = site
        self._authorization = b"Basic " + base64.b64encode(f"{user}:{token}".encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        raw_path = scope["raw_path"].decode("ascii", "replace")
        found = match(raw_path)
        if found is not None:
            await self._call(found, scope, receive, send)
            return
        body = await _body(receive)
        request = self._request(scope, (), body or b"")
        await _answer(send, self._open(raw_path, scope, request) if body is not None else TOO_LARGE)

    def _open(self, path: str, scope: Scope, request: Request) -> Answer:
        """What needs no credentials: probes for all, the page and the admin's calls on loopback only."""
        if path in ("/healthz", "/readyz"):
            return Answer(200, b"ok\n", ((b"content-type", b"text/plain"),))
        if not admin.from_here(scope.get("client"), request):
            return NOT_FOUND
        handler = page.PAGES.get((request.method, path)) or admin.CALLS.get((request.method, path))
        return handler(request) if handler is not None else NOT_FOUND

    async def _call(self, found: Match, scope: Scope, receive: Receive, send: Send) -> None:
        """One call of the vendor's API, counted whatever becomes of it."""
        counters, template, method = self._site.counters, found.endpoint.template, scope["method"]
        counters.begin()
        status = 0
        try:
            answer = await self._outcome(found, scope, receive)
            if answer is None:
                scope["extensions"][CUT]["cut"]()
                await _until_gone(receive)
                return
            await _answer(send, answer)
            status = answer.status
        finally:
            counters.end(template, method, status)

    async def _outcome(self, found: Match, scope: Scope, receive: Receive) -> Answer | None:
        """The answer; None where the connection ends instead."""
        body = await _body(receive)
        if body is None:
            return TOO_LARGE
        request = self._request(scope, found.place, body)
        if not hmac.compare_digest(request.header(b"authorization"), self._authorization):
            return refuse(found.endpoint.api, STRANGER)
        faults = self._site.faults
        fault = faults.draw(found.endpoint.template, request.method, time.monotonic())
        if delay := faults.delay():
            await asyncio.sleep(delay)
        if fault is None:
            return _handle(found, request)
        if fault.after_effect:
            _handle(found, request)
        return await _failed(fault, receive)

    def _request(self, scope: Scope, place: tuple[str, ...], body: bytes) -> Request:
        headers = scope["headers"]
        host = next((value for name, value in headers if name == b"host"), b"localhost")
        base = f"http://{host.decode('ascii', 'replace')}"
        return Request(self._site, scope["method"], place, scope["query_string"], headers, body, base)


def _handle(found: Match, request: Request) -> Answer:
    """The true answer."""
    handler = found.endpoint.handlers.get(request.method)
    try:
        if handler is None:
            raise Refusal(405, "sandbox.method", "This path does not know the method")
        return handler(request)
    except Refusal as refusal:
        return refuse(found.endpoint.api, refusal)


async def _failed(fault: Fault, receive: Receive) -> Answer | None:
    match fault.kind:
        case "throttle":
            return misbehaviour.throttled(fault)
        case "unavailable":
            return misbehaviour.unavailable(fault)
        case "answer":
            return misbehaviour.wrong(fault)
        case "hang":
            with suppress(TimeoutError):
                await asyncio.wait_for(_until_gone(receive), fault.seconds)
            return None
        case _:
            return None


async def _body(receive: Receive) -> bytes | None:
    """The request's body; None where it is too large."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LONGEST_BODY_BYTES:
            return None
    return body


async def _answer(send: Send, answer: Answer) -> None:
    headers = list(answer.headers)
    if answer.status != 204:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _live(receive: Receive, send: Send) -> None:
    """Start and stop as ASGI asks; there is nothing to open or close."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
