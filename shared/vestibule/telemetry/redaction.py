"""What may stand in a log line: declared keys, plain values, nothing like an address or a token."""

import re
import traceback
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Final, TypeAlias, TypeVar
from uuid import UUID

Plain: TypeAlias = str | int | float | bool | Sequence["Plain"] | Mapping[str, "Plain"] | None

MAXIMUM_TEXT: Final = 300
MAXIMUM_ITEMS: Final = 20
MAXIMUM_FRAMES: Final = 12
MAXIMUM_CAUSES: Final = 4

_DECLARED: Final = """
    account acked action admitted after age arguments attempt attempts batch bytes capability case claim
    code confirmed connection count counts cursor cut database dead deferred desk dirty done drained
    duration endpoint environment error event exit_code failed failing fanout found frames group held host
    id in_flight inflight instance key_id kind kinds lane leader lease level library limit listen lock
    loop method migration mode module name names number operation organization outcome page parked path
    pause pending person picked pid pool port position problem problems published purpose queue queues
    reason redelivered refused released requeued retries retry_in role rounds route row rows saga schema
    scope seconds secret_id service session setting settled signal size span stage standing started state
    statement status step swept template tenant time token_id trace type unconfirmed undeclared unreadable
    until urgent version waited waiting window worker
"""
DECLARED: Final = frozenset(_DECLARED.split())
"""Every key a log line may have. A new one is added here, after asking: can a customer's data stand in it?"""

T = TypeVar("T")

_ADDRESS = re.compile(r"[^\s@<>\"'(),;]+@[^\s@<>\"'(),;]+")
_BEARER = re.compile(r"(?i)\b(bearer|basic|token)([ =:]+)\S+")
_LONG_SECRET = re.compile(r"[A-Za-z0-9_+=-]{40,}")
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,39}")
_HARMLESS = re.compile(r"[A-Za-z0-9_./-]{0,39}")  # shorter than a secret, no address, no word behind "bearer"


def scrub(text: str) -> str:
    """Replace what looks like an e-mail address, a bearer token or a key, and cut what is too long."""
    if _HARMLESS.fullmatch(text):
        return text
    text = text if len(text) <= MAXIMUM_TEXT else text[:MAXIMUM_TEXT] + "[cut]"
    text = (
        text if text.isascii() else text.encode("utf-8", "replace").decode()
    )  # a lone surrogate is no UTF-8
    text = _ADDRESS.sub("[address]", text)
    text = _BEARER.sub(r"\1\2[token]", text)
    return _LONG_SECRET.sub("[token]", text)


def plain(value: object) -> Plain:
    """Render a value of a declared key; of anything that is not a plain value only the type is told."""
    match value:
        case Enum():
            return plain(value.value)
        case None | bool() | float():
            return value
        case int():
            return value if abs(value) < 2**63 else str(value)
        case str():
            return scrub(value)
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(item) for key, item in _first(value.items()) if _is_identifier(key)}
        case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            return [plain(item) for item in _first(value)]
        case set() | frozenset():
            return sorted(str(plain(item)) for item in _first(value))
        case _:
            return f"<{type(value).__name__}>"


def keep_declared(event: Mapping[str, object]) -> dict[str, Plain]:
    """Keep declared keys; name the others, without their values, under `undeclared`."""
    kept: dict[str, Plain] = {key: plain(value) for key, value in event.items() if key in DECLARED}
    undeclared = sorted(key for key in event if key not in DECLARED)
    if undeclared:
        kept["undeclared"] = [key if _is_identifier(key) else "[name]" for key in _first(undeclared)]
    return kept


def describe(error: BaseException) -> dict[str, Plain]:
    """Describe an exception by type, code and frames: its text and its values may quote a customer's data."""
    described = _describe_one(error)
    causes: list[Plain] = []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while cause is not None and len(causes) < MAXIMUM_CAUSES:
        causes.append(_describe_one(cause))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    if causes:
        described["causes"] = causes
    if isinstance(error, BaseExceptionGroup):
        described["members"] = [describe(member) for member in error.exceptions[:MAXIMUM_CAUSES]]
    return described


def _describe_one(error: BaseException) -> dict[str, Plain]:
    kind = type(error)
    return {
        "type": kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}",
        "code": _code_of(error),
        "frames": [
            f"{frame.f_globals.get('__name__', '?')}:{frame.f_code.co_name}:{line}"
            for frame, line in list(traceback.walk_tb(error.__traceback__))[-MAXIMUM_FRAMES:]
        ],
    }


def _code_of(error: BaseException) -> Plain:
    for attribute in ("sqlstate", "code", "errno"):
        code = getattr(error, attribute, None)
        if isinstance(code, int) or (isinstance(code, str) and len(code) <= 60):
            return plain(code)
    return None


def _is_identifier(key: object) -> bool:
    return isinstance(key, str) and _IDENTIFIER.fullmatch(key) is not None


def _first(items: Iterable[T]) -> list[T]:
    return [item for _, item in zip(range(MAXIMUM_ITEMS), items, strict=False)]
