"""The short way to an endpoint: by the words of the path, instead of one pattern after the other."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Final, TypeAlias

from starlette.requests import Request
from starlette.routing import Route

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Way: TypeAlias = tuple[str, ...]

PREFIX: Final = "/scim/v2/"
_ANY: Final = "{id}"


class ShortWay:
    """Leads to the endpoint of a route that takes the request; every other request goes on to the routes."""

    def __init__(self, app: App, routes: Sequence[Route]) -> None:
        """Take routes below the prefix and a connection; words follow, the last perhaps an id."""
        self._app = app
        self._ways: Mapping[Way, Route] = {way_of(route.path): route for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        route = self._find(scope) if scope["type"] == "http" and not scope.get("root_path") else None
        if route is None or route.methods is None or scope["method"] not in route.methods:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        scope["endpoint"] = route.endpoint
        response = await route.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> Route | None:
        path: str = scope["path"]
        if not path.startswith(PREFIX):
            return None
        connection, *words = path[len(PREFIX) :].split("/")
        found = self._ways.get(tuple(words))
        params = {"connection": connection}
        if found is None and len(words) == 2:
            found = self._ways.get((words[0], _ANY))
            params["id"] = words[1]
        if found is None or not all(params.values()):
            return None
        scope["path_params"] = params
        return found


def way_of(path: str) -> Way:
    """The words of a route's path behind the connection."""
    return tuple(path.removeprefix(PREFIX).split("/")[1:])
