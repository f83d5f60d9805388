"""Whether two values are the same JSON: `true` is not 1, nor is 1.0, although Python holds them for equal."""

import json
from collections.abc import Iterable
from typing import Any


def same(one: object, other: object) -> bool:
    """Whether nothing distinguishes them, at any depth."""
    return one == other and _same_kinds(one, other)


def not_among(values: Iterable[Any], known: Iterable[Any]) -> list[Any]:
    """Those that are not there yet; the cost grows with the sum of both, not with their product."""
    there = {_text(one) for one in known}
    return [one for one in values if _text(one) not in there]


def _same_kinds(one: Any, other: Any) -> bool:
    """The rest of it, for values that are equal."""
    if isinstance(one, dict):
        return all(_same_kinds(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return all(map(_same_kinds, one, other))
    return type(one) is type(other)


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)
