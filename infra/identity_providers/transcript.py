"""Recorded conversations of identity providers: read from JSON, replayed, and followed while one speaks.

A transcript is a chapter: what changes at the customer's, and the exchanges that follow from that. `${name}`
in a path or body stands for a value that an earlier exchange kept out of its answer (`keep`: name -> JSON
pointer, RFC 6901). An expected body is a part: what it names must be there. The answer of a `lost` exchange
never reached the identity provider; one that is `aside` is not its own, but somebody else's.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from infra.identity_providers.exchanges import Answer, Request
from infra.identity_providers.wire import Endpoint, Wire

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
    lost: bool = False
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Transcript:
    """One chapter: who speaks, with which headers, what has changed, and what is said then.

    `idp` is a dialect's name, `source` the section of the reference that it was written from.
    """

    idp: str
    title: str
    source: str
    headers: Mapping[str, str]
    suffix: str
    changes: tuple[Mapping[str, Any], ...]
    exchanges: tuple[Exchange, ...]


def read_transcript(path: Path) -> Transcript:
    """Parse one file. Raises TranscriptError naming the file and the exchange."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        exchanges = tuple(_exchange(item) for item in raw["exchanges"])
        changes = tuple(raw["changes"])
        headers, suffix = raw["headers"], raw.get("suffix", "")
        return Transcript(raw["idp"], raw["title"], raw["source"], headers, suffix, changes, exchanges)
    except (KeyError, TypeError, ValueError) as error:
        raise TranscriptError(f"{path.name}: {type(error).__name__}: {error}") from error


def read_transcripts(folder: Path) -> tuple[Transcript, ...]:
    """All transcripts of one identity provider, in the order of their file names."""
    return tuple(read_transcript(path) for path in sorted(folder.glob("[0-9]*.json")))


async def replay(transcript: Transcript, endpoint: Endpoint, kept: dict[str, str]) -> AsyncIterator[Exchange]:
    """Speak the transcript; yields each exchange once its answer was right, and adds to `kept` on the way."""
    base_url = f"{endpoint.base_url}{transcript.suffix}"
    async with Wire(base_url, endpoint.token, transcript.headers) as wire:
        for number, exchange in enumerate(transcript.exchanges, 1):
            request = asked(exchange, kept)
            body = b"" if request.body is None else json.dumps(request.body).encode()
            heard = await wire.call(request.method, request.path, body)
            answer = Answer(heard.status, json.loads(heard.body) if heard.body else None)
            if difference := difference_of(exchange, answer, kept):
                raise TranscriptError(f"{where(transcript, number)}: {difference}")
            yield exchange


@dataclass(slots=True)
class Follower:
    """Listens to an identity provider that speaks by itself, and finds the first word that was not recorded.

    `whole`: bodies must be the recorded ones; else they may hold more, such as what a real endpoint has added
    to a document that comes back.
    """

    transcript: Transcript
    kept: dict[str, str]
    whole: bool = False
    said: int = 0
    _ahead: Iterator[tuple[int, Exchange]] = field(init=False)

    def __post_init__(self) -> None:
        self._ahead = iter(enumerate(self.transcript.exchanges, 1))

    def next_exchange(self) -> Exchange | None:
        """What was recorded next."""
        self.said, exchange = next(self._ahead, (self.said, None))
        return exchange

    def hear(self, request: Request, answer: Answer) -> Exchange:
        """One exchange of its own. Raises TranscriptError where it is not the recorded one."""
        exchange = self.next_exchange()
        if exchange is None:
            raise TranscriptError(f"{self._where()}: {request.purpose} was not recorded")
        recorded = asked(exchange, self.kept)
        if (request.method, request.path) != (recorded.method, recorded.path):
            raise TranscriptError(f"{self._where()}: said {request.method} {request.path}")
        same = request.body == recorded.body
        difference = None if same else missing_from(request.body, recorded.body) or "says more than recorded"
        if difference and (self.whole or difference != "says more than recorded"):
            raise TranscriptError(f"{self._where()}: {difference}")
        if difference := difference_of(exchange, answer, self.kept):
            raise TranscriptError(f"{self._where()}: {difference}")
        return exchange

    def end(self) -> None:
        """The identity provider has ended. Raises TranscriptError where more was recorded."""
        if (exchange := self.next_exchange()) is not None:
            raise TranscriptError(f"{self._where()}: {exchange.note} was never said")

    def _where(self) -> str:
        return where(self.transcript, self.said)


def where(transcript: Transcript, number: int) -> str:
    """An exchange, for people."""
    notes = [exchange.note for exchange in transcript.exchanges[number - 1 : number]]
    return f"{transcript.idp}: {transcript.title}: {number} ({''.join(notes)})"


def asked(exchange: Exchange, kept: Mapping[str, str]) -> Request:
    """The request with what was kept so far."""
    body = _filled(exchange.body, kept)
    return Request(exchange.note, exchange.method, _filled(exchange.path, kept), body)


def difference_of(exchange: Exchange, answer: Answer, kept: dict[str, str]) -> str | None:
    """How an answer is not the recorded one; where it is, what is to be kept of it is kept."""
    if answer.status != exchange.status:
        return f"answered {answer.status}, expected {exchange.status}: {_detail(answer.body)}"
    if difference := missing_from(answer.body, _filled(exchange.answer, kept)):
        return difference
    for name, pointer in exchange.keep.items():
        kept[name] = str(_at(answer.body, pointer))
    return None


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
        raw.get("lost", False),
        raw.get("aside", False),
    )


def _filled(value: Any, kept: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: kept[match[1]], value)
    if isinstance(value, list):
        return [_filled(item, kept) for item in value]
    if isinstance(value, dict):
        return {name: _filled(item, kept) for name, item in value.items()}
    return value


def _at(body: Any, pointer: str) -> Any:
    for step in pointer.strip("/").split("/"):
        try:
            body = body[int(step)] if isinstance(body, list) else body[step]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise TranscriptError(f"nothing at {pointer} to keep") from error
    return body


def _detail(body: Any) -> str:
    return str(body.get("detail", body)) if isinstance(body, dict) else repr(body)
