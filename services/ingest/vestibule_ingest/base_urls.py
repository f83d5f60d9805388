"""Base URLs with a flag: Entra's tenant URL may end in `?aadOptscim062020`, with the path behind it."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import unquote

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_PREFIX = "/scim/v2/"


class FlaggedBaseUrls:
    """Puts `/scim/v2/{connection}?flag/Users?filter=…` in order; every other request passes as it is."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and scope["path"].count("/") == 3 and b"/" in scope["query_string"]:
            scope = unfold(scope)
        await self._app(scope, receive, send)


def unfold(scope: Scope) -> Scope:
    """Move what stands behind the flag back into path and query."""
    path: str = scope["path"]
    if not path.startswith(_PREFIX):
        return scope
    _, _, rest = scope["query_string"].decode("latin-1").partition("/")
    tail, _, query = rest.partition("?")
    moved = f"{path}/{unquote(tail)}"
    return {
        **scope,
        "path": moved,
        "raw_path": moved.encode("utf-8", "replace"),
        "query_string": query.encode("latin-1"),
    }
