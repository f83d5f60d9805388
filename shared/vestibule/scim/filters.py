"""Filters (RFC 7644 §3.4.2.2): text to a frozen tree. Operators and names in any case, all input bounded."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NoReturn, TypeAlias

from vestibule.scim.dialects import is_number
from vestibule.scim.errors import InvalidFilter, InvalidPath, TooMany
from vestibule.scim.limits import DEFAULTS
from vestibule.scim.names import AttributeName, parse_name

DEEPEST = 32

_TOKEN = re.compile(r'\s*(?:([()\[\]])|("(?:[^"\\]|\\.)*")|([^\s()\[\]"]+))', re.DOTALL)
# What nearly every filter is, always with another value: read at once, to the same tree.
_LOOK_UP = re.compile(r'\s*([A-Za-z][A-Za-z0-9_-]*)\s+[eE][qQ]\s+"([^"\\]*)"\s*')
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


class Operator(StrEnum):
    EQ = "eq"
    NE = "ne"
    CO = "co"
    SW = "sw"
    EW = "ew"
    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"


_OPERATORS = {operator.value: operator for operator in Operator}

Literal: TypeAlias = str | bool | int | float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """`name op value`; `where` first selects elements, as in `emails[type eq "work"].value eq "a"`."""

    name: AttributeName
    operator: Operator
    value: Literal
    where: "Filter | None" = None


@dataclass(frozen=True, slots=True)
class Present:
    """`name pr`."""

    name: AttributeName
    where: "Filter | None" = None


@dataclass(frozen=True, slots=True)
class ValuePath:
    """`name[filter]`: some one element fulfils the whole filter."""

    name: AttributeName
    where: "Filter"


@dataclass(frozen=True, slots=True)
class And:
    terms: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Or:
    terms: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    term: "Filter"


Filter: TypeAlias = Comparison | Present | ValuePath | And | Or | Not


def parse_filter(
    text: str, longest: int = DEFAULTS.filter_length, most_terms: int = DEFAULTS.filter_terms
) -> Filter:
    """Read a filter; InvalidFilter says what is wrong, TooMany that it has too many terms."""
    known = _LOOK_UP.fullmatch(text)
    if known is not None and len(text) <= longest and known[1].lower() != "not":
        return Comparison(_read_name(known[1]), Operator.EQ, known[2])
    return _parse_filter(text, longest, most_terms)


@lru_cache(maxsize=512)
def _parse_filter(text: str, longest: int, most_terms: int) -> Filter:
    tokens = Tokens(text, longest, most_terms)
    found = _parse_or(tokens, 0)
    if tokens.peek() is not None:
        _fail(f"'{_shown(tokens.peek())}' is not expected there")
    return found


class Tokens:
    """The tokens of one text with a place in them, and the number of terms read so far."""

    __slots__ = ("_items", "_most_terms", "_place", "_terms")

    def __init__(
        self, text: str, longest: int = DEFAULTS.filter_length, most_terms: int = DEFAULTS.filter_terms
    ) -> None:
        if len(text) > longest:
            _fail(f"it is longer than {longest} characters")
        self._items = list(_split(text))
        self._place = 0
        self._terms = 0
        self._most_terms = most_terms

    def peek(self) -> str | None:
        return self._items[self._place] if self._place < len(self._items) else None

    def take(self, wanted: str) -> str:
        token = self.peek()
        if token is None:
            _fail(f"it ends where {wanted} is expected")
        self._place += 1
        return token

    def count_term(self) -> None:
        """Count one more comparison; TooMany."""
        self._terms += 1
        if self._terms > self._most_terms:
            raise TooMany(
                f"The filter has more than {self._most_terms} comparisons: ask in several requests."
            )

    def skip(self, word: str) -> bool:
        """Step over a word or bracket if it is next."""
        token = self.peek()
        if token is None or token.lower() != word:
            return False
        self._place += 1
        return True


def parse_bracketed(tokens: Tokens, depth: int) -> Filter:
    """Read the filter behind a `[` up to and with its `]`."""
    inner = _parse_or(tokens, depth + 1)
    if not tokens.skip("]"):
        _fail("a ']' is missing")
    return inner


def _split(text: str) -> Iterator[str]:
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place, end)
        if match is None:
            _fail("a closing '\"' is missing")
        place = match.end()
        yield match.group(match.lastindex or 0)


def _parse_or(tokens: Tokens, depth: int) -> Filter:
    if depth > DEEPEST:
        _fail(f"it is nested deeper than {DEEPEST} levels")
    terms = [_parse_and(tokens, depth)]
    while tokens.skip("or"):
        terms.append(_parse_and(tokens, depth))
    return terms[0] if len(terms) == 1 else Or(tuple(terms))


def _parse_and(tokens: Tokens, depth: int) -> Filter:
    terms = [_parse_term(tokens, depth)]
    while tokens.skip("and"):
        terms.append(_parse_term(tokens, depth))
    return terms[0] if len(terms) == 1 else And(tuple(terms))


def _parse_term(tokens: Tokens, depth: int) -> Filter:
    if tokens.skip("not"):
        if not tokens.skip("("):
            _fail("a '(' is missing behind 'not'")
        return Not(_parse_group(tokens, depth))
    if tokens.skip("("):
        return _parse_group(tokens, depth)
    tokens.count_term()
    return _parse_expression(tokens, depth)


def _parse_group(tokens: Tokens, depth: int) -> Filter:
    inner = _parse_or(tokens, depth + 1)
    if not tokens.skip(")"):
        _fail("a ')' is missing")
    return inner


def _parse_expression(tokens: Tokens, depth: int) -> Filter:
    name = _read_name(tokens.take("an attribute name"))
    where = None
    if tokens.skip("["):
        where = parse_bracketed(tokens, depth)
        behind = tokens.peek()
        if behind is None or not behind.startswith("."):
            return ValuePath(name, where)
        tokens.take("a sub-attribute")
        name = AttributeName(name.schema, name.attribute, _read_name(behind[1:]).attribute)
    operator = tokens.take("an operator").lower()
    if operator == "pr":
        return Present(name, where)
    if operator not in _OPERATORS:
        _fail(f"'{_shown(operator)}' is not an operator")
    return Comparison(name, _OPERATORS[operator], _read_literal(tokens.take("a value")), where)


def _read_name(token: str) -> AttributeName:
    try:
        return parse_name(token)
    except InvalidPath:
        _fail(f"'{_shown(token)}' is not an attribute name")


def _read_literal(token: str) -> Literal:
    if token.startswith('"'):
        try:
            text = json.loads(token, strict=False)
        except ValueError:
            _fail("a text has an unknown escape")
        assert isinstance(text, str)
        return text
    if token.lower() in _WORDS:
        return _WORDS[token.lower()]
    if not is_number(token):
        _fail(f"'{_shown(token)}' is not a value; a text needs double quotes")
    return float(token) if any(sign in token for sign in ".eE") else int(token)


def _shown(token: str | None) -> str:
    """A token for a message: never a quoted value, which may be personal."""
    if token is None or token.startswith('"'):
        return "a text"
    return token if len(token) <= 40 else f"{token[:40]}…"


def _fail(reason: str) -> NoReturn:
    raise InvalidFilter(f"The filter cannot be read: {reason}.")
