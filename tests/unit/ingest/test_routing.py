from collections.abc import MutableMapping
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from vestibule_ingest.routing import ShortWay

BASE = "/scim/v2/{connection}"


async def show(request: Request) -> Response:
    return PlainTextResponse(f"{request.scope['route'].path} {sorted(request.path_params.items())}")


ROUTES = [
    Route(BASE, show, methods=["GET"]),
    Route(f"{BASE}/Users/.search", show, methods=["POST"]),
    Route(f"{BASE}/Users/{{id}}", show, methods=["GET", "PATCH"]),
]


async def ask(method: str, path: str, root: str = "") -> str:
    """What the endpoint says, or `passed on`."""
    said: list[bytes] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        said.append(message.get("body", b""))

    async def others(_scope: Any, _receive: Any, _send: Any) -> None:
        said.append(b"passed on")

    scope = {"type": "http", "method": method, "path": path, "root_path": root, "headers": []}
    await ShortWay(others, ROUTES)(scope, receive, send)
    return said[-1].decode()


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/scim/v2/abc", f"{BASE} [('connection', 'abc')]"),
        ("GET", "/scim/v2/abc/Users/a b", f"{BASE}/Users/{{id}} [('connection', 'abc'), ('id', 'a b')]"),
        ("HEAD", "/scim/v2/abc/Users/1", f"{BASE}/Users/{{id}} [('connection', 'abc'), ('id', '1')]"),
        ("POST", "/scim/v2/abc/Users/.search", f"{BASE}/Users/.search [('connection', 'abc')]"),
    ],
)
async def test_a_request_finds_its_endpoint_by_the_words_of_its_path(
    method: str, path: str, answer: str
) -> None:
    assert await ask(method, path) == answer


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/scim/v2/abc/Users/1"),
        ("GET", "/scim/v2/abc/Users/"),
        ("GET", "/scim/v2/abc/Users/1/emails"),
        ("GET", "/scim/v2//Users/1"),
        ("GET", "/scim/v2/abc/users/1"),
        ("GET", "/scim/v1/abc/Users/1"),
        ("GET", "/healthz"),
    ],
)
async def test_what_no_route_takes_goes_on(method: str, path: str) -> None:
    assert await ask(method, path) == "passed on"


async def test_below_another_root_the_routes_decide() -> None:
    assert await ask("GET", "/scim/v2/abc/Users/1", root="/mounted") == "passed on"
