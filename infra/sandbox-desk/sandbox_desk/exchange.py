"""One request and its answer, as the handlers see them: strict on what comes in, plain on what goes out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

import orjson

from sandbox_desk.site import Site

INT32_MAX = 2**31 - 1
DEFAULT_LIMIT = 50
MOST_LIMIT = 50  # the vendor may cap `limit`; here it always does

JSON_TYPE = (b"content-type", b"application/json;charset=UTF-8")
HTML_TYPE = (b"content-type", b"text/html;charset=UTF-8")

HeaderPair = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body and what goes beside them."""

    status: int
    body: bytes = b""
    headers: tuple[HeaderPair, ...] = ()


NO_CONTENT = Answer(204)


@dataclass(slots=True)
class Request:
    """A request that has been routed and authenticated; `place` holds what the path's wildcards stood for."""

    site: Site
    method: str
    place: tuple[str, ...]
    query_string: bytes
    headers: list[HeaderPair]
    body: bytes
    base: str

    def header(self, name: bytes) -> bytes:
        """The header's value; empty where there is none. `name` in lower case."""
        for key, value in self.headers:
            if key == name:
                return value
        return b""

    def query(self) -> dict[str, str]:
        """The query; of a repeated name the last."""
        return dict(parse_qsl(self.query_string.decode("ascii", "replace"), keep_blank_values=True))


Handler = Callable[[Request], Answer]


class Refusal(Exception):
    """A handler's way to answer with an error; rendered in its API's own error shape."""

    def __init__(self, status: int, key: str, text: str) -> None:
        super().__init__(key)
        self.status = status
        self.key = key
        self.text = text


def as_json(value: object, status: int = 200) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, orjson.dumps(value), (JSON_TYPE,))


def members(request: Request, allowed: Mapping[str, type], required: tuple[str, ...]) -> dict[str, object]:
    """The JSON object of the body; unknown, missing or mistyped members and other media types are refused."""
    if not request.header(b"content-type").lower().startswith(b"application/json"):
        raise Refusal(415, "sandbox.media.type", "Content-Type must be application/json")
    try:
        value = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise Refusal(400, "sandbox.json", "The body is not JSON") from None
    if not isinstance(value, dict):
        raise Refusal(400, "sandbox.json.object", "The body is not a JSON object")
    for name, given in value.items():
        if name not in allowed:
            raise Refusal(400, "sandbox.member.unknown", "The body has a member this call does not know")
        kind = allowed[name]
        if not isinstance(given, kind) or isinstance(given, bool) is not (kind is bool):
            raise Refusal(400, "sandbox.member.type", f"{name} has the wrong type")
    for name in required:
        if name not in value:
            raise Refusal(400, "sandbox.member.missing", f"{name} is missing")
    return value


def account_ids(request: Request) -> list[str]:
    """The `accountIds` of a body: a list of distinct texts that is not empty."""
    ids = members(request, {"accountIds": list}, ("accountIds",))["accountIds"]
    if not isinstance(ids, list) or not ids or not all(isinstance(one, str) and one for one in ids):
        raise Refusal(400, "sandbox.account.ids", "accountIds must be a list of account ids")
    if len(set(ids)) < len(ids):
        raise Refusal(400, "sandbox.account.ids.unique", "accountIds must not repeat")
    return ids


def text(value: object, name: str, longest: int) -> str:
    """A text of 1 to `longest` characters, blanks around it dropped."""
    trimmed = value.strip() if isinstance(value, str) else ""
    if not 1 <= len(trimmed) <= longest:
        raise Refusal(400, f"sandbox.{name.lower()}.length", f"{name} must have 1 to {longest} characters")
    return trimmed


def whole(query: Mapping[str, str], name: str, default: int, least: int = 0) -> int:
    """A whole number of the query."""
    given = query.get(name)
    if given is None:
        return default
    if not given.isdecimal() or not least <= int(given) <= INT32_MAX:
        raise Refusal(400, "sandbox.query", f"{name} must be a whole number from {least}")
    return int(given)


def page_bounds(query: Mapping[str, str]) -> tuple[int, int]:
    """`start` and the `limit` that the server is willing to give."""
    return whole(query, "start", 0), min(whole(query, "limit", DEFAULT_LIMIT, least=1), MOST_LIMIT)


def experimental(request: Request) -> None:
    """Refuse whoever did not opt in to an experimental call."""
    if request.header(b"x-experimentalapi").lower() != b"opt-in":
        raise Refusal(
            412, "sandbox.experimental", "This call is experimental: send X-ExperimentalApi: opt-in"
        )
