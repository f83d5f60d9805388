"""Base URLs as they were pasted: with a slash too many, or with a flag at the end.

Entra's tenant URL may end in `?aadOptscim062020`, with the path behind it.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import unquote

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

FLAGGED = "vestibule.flagged_base_url"  # in the scope of a request whose base URL had a flag
_PREFIX = "/scim/v2/"
_SLASHES = re.compile(r"/{2,}|/\Z")


class FlaggedBaseUrls:
    """Puts `/scim/v2/{connection}?flag/Users?filter=…` and slashes in order; all else passes as it is."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            if b"/" in scope["query_string"] and scope["path"].count("/") == 3:
                scope = unfold(scope)
            path: str = scope["path"]
            if "//" in path or path.endswith("/"):
                scope = without_slashes(scope)
        await self._app(scope, receive, send)


def unfold(scope: Scope) -> Scope:
    """Move what stands behind the flag back into path and query."""
    path: str = scope["path"]
    if not path.startswith(_PREFIX):
        return scope
    _, _, rest = scope["query_string"].decode("latin-1").partition("/")
    tail, _, query = rest.partition("?")
    moved = _moved(scope, f"{path}/{unquote(tail)}")
    return {**moved, "query_string": query.encode("latin-1"), FLAGGED: True}


def without_slashes(scope: Scope) -> Scope:
    """Leave out the slashes that come of a base URL that ends with one: `…//Users`, `…/Users/`."""
    path: str = scope["path"]
    if not path.startswith(_PREFIX):
        return scope
    return _moved(scope, _SLASHES.sub(lambda found: "/" if found.end() < len(path) else "", path))


def _moved(scope: Scope, path: str) -> Scope:
    return {**scope, "path": path, "raw_path": path.encode("utf-8", "replace")}
