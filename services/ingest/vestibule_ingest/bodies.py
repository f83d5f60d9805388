"""Bodies: read within bounds, JSON that says each thing once."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Generator, Mapping, MutableMapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias, cast

import orjson

from vestibule.scim.errors import InvalidSyntax, TooLarge, UnsupportedMediaType
from vestibule.scim.limits import DEFAULTS, Limits
from vestibule.scim.resources import depth_within
from vestibule_ingest.admission import Admitted
from vestibule_ingest.aside import LARGE_BYTES

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]

READ_SECONDS: Final = 30.0
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"  # a receiver may ignore it (RFC 8259 §8.1); .NET clients send it

_TYPES: Final = frozenset({b"application/scim+json", b"application/json"})
# A name's end may be written in another way, and a text may look like one.
_AMBIGUOUS = re.compile(rb'"\s+:|\\"|\\u00(?:22|3[Aa])')


@dataclass(slots=True)
class Received:
    """A body that was read, kept for whoever has to understand it once more."""

    value: object = None
    is_there: bool = False


class Abandoned(Exception):
    """The client went away before it was answered: there is nobody to answer."""


class TooManyParts(TooLarge):
    """Small in bytes, large in memory."""


def check_type(headers: Mapping[bytes, bytes]) -> None:
    """Accept JSON by either name, or by none; UnsupportedMediaType for anything else."""
    media_type, _, parameters = headers.get(b"content-type", b"application/json").lower().partition(b";")
    if media_type.strip() not in _TYPES:
        raise UnsupportedMediaType("The body must be sent as application/scim+json or application/json.")
    charset = parameters.replace(b" ", b"").replace(b'"', b"").partition(b"charset=")[2]
    if charset and not charset.startswith((b"utf-8", b"utf8")):
        raise UnsupportedMediaType("The body must be encoded in UTF-8.")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMediaType("The body must be sent without a Content-Encoding.")


async def read_json(
    receive: Receive,
    headers: Mapping[bytes, bytes],
    admitted: Admitted,
    most: int,
    check_caller: Callable[[], Awaitable[None]],
    limits: Limits,
) -> object:
    """Read and parse a body of at most `most` bytes.

    A small body that came with its head is taken as it is: the statement that uses it asks who calls. Nothing
    else is waited for before the database has let the caller in, and no place is held meanwhile.
    """
    check_type(headers)
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and (len(announced) > 18 or int(announced) > most):
        raise _too_large(most)
    # To ask whether it is here tells a client that waits for 100 Continue to send.
    message = None if b"expect" in headers else _here_already(receive)
    first = b"" if message is None else _piece(message, admitted, 0, most)
    is_here = message is not None and not message.get("more_body")
    if is_here and len(first) < LARGE_BYTES:
        return parse_json(first, limits)
    if not admitted.is_known:
        await check_caller()
    body = first if is_here else await _read_in_time(receive, first, admitted, most)
    if len(body) < LARGE_BYTES:
        return parse_json(body, limits)
    return await admitted.aside(partial(parse_json, body, limits))


def _here_already(receive: Receive) -> MutableMapping[str, Any] | None:
    """What `receive` has without waiting; its first step either ends it or would wait, and is taken back.

    On the path of every create: a timer that ends at once costs more than all else here.
    """
    step = receive().__await__()
    try:
        next(step)
    except StopIteration as received:
        message: MutableMapping[str, Any] = received.value
        return message
    cast(Generator[Any, None, Any], step).close()
    return None


def is_abandoned(receive: Receive) -> bool:
    """Tell whether the client, whose whole body was read, is gone."""
    message = _here_already(receive)
    return message is not None and message["type"] == "http.disconnect"


async def _read_in_time(receive: Receive, first: bytes, admitted: Admitted, most: int) -> bytes:
    try:
        with admitted.waiting():
            async with asyncio.timeout(READ_SECONDS):
                return await _read_rest(receive, first, admitted, most)
    except TimeoutError:
        raise InvalidSyntax(f"The body did not arrive within {READ_SECONDS:g} s.") from None


async def _read_rest(receive: Receive, first: bytes, admitted: Admitted, most: int) -> bytes:
    pieces = [first]
    size = len(first)
    while True:
        message = await receive()
        piece = _piece(message, admitted, size, most)
        size += len(piece)
        pieces.append(piece)
        if not message.get("more_body"):
            return b"".join(pieces)


def _piece(message: MutableMapping[str, Any], admitted: Admitted, before: int, most: int) -> bytes:
    if message["type"] != "http.request":
        raise Abandoned
    piece: bytes = message.get("body", b"")
    _charge(admitted, len(piece), before + len(piece), most)
    return piece


def _charge(admitted: Admitted, more: int, size: int, most: int) -> None:
    check_size(size, most)
    admitted.charge(more)


def check_size(size: int, most: int) -> None:
    """Raise TooLarge for more bytes than a body may have."""
    if size > most:
        raise _too_large(most)


def parse_json(body: bytes, limits: Limits = DEFAULTS) -> object:
    """Parse JSON; InvalidSyntax for what is malformed, too deep, not UTF-8, or says a name twice."""
    openings = body.count(b"[") + body.count(b"{")
    if openings > limits.json_parts:
        raise TooManyParts(
            f"The body has more than {limits.json_parts} lists and objects: send several requests."
        )
    try:
        value = orjson.loads(body.removeprefix(BYTE_ORDER_MARK))
    except orjson.JSONDecodeError:
        raise InvalidSyntax("The body is not valid JSON in UTF-8: correct what the client sends.") from None
    deepest = limits.json_depth
    if openings > deepest and not depth_within(value, deepest):
        raise InvalidSyntax(f"The body is nested deeper than {deepest} levels: send flatter values.")
    # Each name is followed by a colon, as a rule at once: where one was dropped, what is left has fewer.
    if orjson.dumps(value).count(b'":') != body.count(b'":') or _AMBIGUOUS.search(body):
        _refuse_duplicates(body)
    return value


def _refuse_duplicates(body: bytes) -> None:
    json.loads(body.removeprefix(BYTE_ORDER_MARK), object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidSyntax("An object in the body has the same name twice: send each attribute once.")
    return found


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The body is larger than {most // 1024} KiB: send several smaller requests.")
