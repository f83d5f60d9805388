"""Recorded conversations of identity providers: read from JSON, replayed over real HTTP, answers compared.

A transcript is a list of exchanges. `${name}` in a path or body stands for a value that an earlier exchange
kept out of its answer (`keep`: name -> JSON pointer, RFC 6901). An expected body is a part: what it names
must be there.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from yarl import URL

SECONDS: Final = 20.0
_VARIABLE: Final = re.compile(r"\$\{([a-z][a-z0-9_]*)\}")


class TranscriptError(Exception):
    """A transcript is malformed, or an answer is not the recorded one; the message says which and how."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what the answer must hold."""

    note: str
    method: str
    path: str
    body: Any
    status: int
    answer: Any
    keep: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Transcript:
    """One conversation: who speaks, with which headers, and what is said."""

    idp: str
    title: str
    source: str
    headers: Mapping[str, str]
    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a conversation goes: a connection's base URL and its token."""

    base_url: str
    token: str


def read_transcript(path: Path) -> Transcript:
    """Parse one file. Raises TranscriptError naming the file and the exchange."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        exchanges = tuple(_exchange(item) for item in raw["exchanges"])
        return Transcript(raw["idp"], raw["title"], raw["source"], raw.get("headers", {}), exchanges)
    except (KeyError, TypeError, ValueError) as error:
        raise TranscriptError(f"{path.name}: {type(error).__name__}: {error}") from error


def read_transcripts(folder: Path) -> tuple[Transcript, ...]:
    """All transcripts of one identity provider, in the order of their file names."""
    return tuple(read_transcript(path) for path in sorted(folder.glob("*.json")))


async def replay(
    transcript: Transcript, endpoint: Endpoint, session: aiohttp.ClientSession, kept: dict[str, str]
) -> AsyncIterator[Exchange]:
    """Speak the transcript; yields each exchange once its answer was right, and adds to `kept` on the way."""
    for number, exchange in enumerate(transcript.exchanges, 1):
        where = f"{transcript.idp}: {transcript.title}: {number} ({exchange.note})"
        status, body = await _speak(transcript, exchange, endpoint, session, kept)
        if status != exchange.status:
            raise TranscriptError(f"{where}: answered {status}, expected {exchange.status}: {_detail(body)}")
        difference = missing_from(body, _filled(exchange.answer, kept))
        if difference:
            raise TranscriptError(f"{where}: {difference}")
        for name, pointer in exchange.keep.items():
            kept[name] = str(_at(body, pointer, where))
        yield exchange


def missing_from(found: Any, expected: Any, at: str = "") -> str | None:
    """What of the expected part is not in the found value, as a sentence; None when all is."""
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return f"{at or '/'} is no object"
        for name, value in expected.items():
            if value is None and name not in found:
                continue  # an expected null: the attribute must not be there, or be null
            if name not in found:
                return f"{at}/{name} is missing"
            if difference := missing_from(found[name], value, f"{at}/{name}"):
                return difference
        return None
    if isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            return f"{at} has not {len(expected)} elements"
        for number, (one, other) in enumerate(zip(found, expected, strict=True)):
            if difference := missing_from(one, other, f"{at}/{number}"):
                return difference
        return None
    return (
        None
        if found == expected and type(found) is type(expected)
        else f"{at} is {found!r}, not {expected!r}"
    )


async def _speak(
    transcript: Transcript,
    exchange: Exchange,
    endpoint: Endpoint,
    session: aiohttp.ClientSession,
    kept: Mapping[str, str],
) -> tuple[int, Any]:
    headers = {**transcript.headers, "Authorization": f"Bearer {endpoint.token}"}
    body = None if exchange.body is None else json.dumps(_filled(exchange.body, kept)).encode()
    if body is None:
        headers.pop("Content-Type", None)
    url = URL(endpoint.base_url + _filled(exchange.path, kept), encoded=True)
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with session.request(exchange.method, url, data=body, headers=headers, timeout=timeout) as answer:
        text = await answer.read()
    return answer.status, json.loads(text) if text else None


def _exchange(raw: dict[str, Any]) -> Exchange:
    request, answer = raw["request"], raw["answer"]
    return Exchange(
        raw["note"],
        request["method"],
        request["path"],
        request.get("body"),
        answer["status"],
        answer.get("body", {}) if answer["status"] != 204 else None,
        raw.get("keep", {}),
    )


def _filled(value: Any, kept: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: kept[match[1]], value)
    if isinstance(value, list):
        return [_filled(item, kept) for item in value]
    if isinstance(value, dict):
        return {name: _filled(item, kept) for name, item in value.items()}
    return value


def _at(body: Any, pointer: str, where: str) -> Any:
    for step in pointer.strip("/").split("/"):
        try:
            body = body[int(step)] if isinstance(body, list) else body[step]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise TranscriptError(f"{where}: nothing at {pointer} to keep") from error
    return body


def _detail(body: Any) -> str:
    return str(body.get("detail", body)) if isinstance(body, dict) else repr(body)
