"""Bodies of extensions that we do not know: kept as sent, inside bounds, under the URN as first written."""

from collections.abc import Mapping
from typing import Any

from vestibule.scim.errors import InvalidValue
from vestibule.scim.values import is_storable

MOST_EXTENSIONS = 10
_MOST_NODES = 1000
_DEEPEST = 8
_LONGEST_URN = 256


def keep_free_value(urn: str, value: object) -> Any:
    """A value of an unknown extension without its nulls; InvalidValue when it is out of bounds."""
    _check(urn, value)
    return _without_nulls(value)


def put_free_extension(document: dict[str, Any], urn: str, body: Mapping[str, Any] | None) -> None:
    """Set or, with None or nothing in it, drop the body of an unknown extension in `document`."""
    key = free_key(document, urn)
    if not body:
        document.pop(key, None)
        return
    if len(urn) > _LONGEST_URN or not is_storable(urn):
        raise InvalidValue(f"An extension's URN is longer than {_LONGEST_URN} characters or is no text.")
    document[key] = body
    if sum(":" in name for name in document) > MOST_EXTENSIONS:
        raise InvalidValue(f"The resource has more than {MOST_EXTENSIONS} schema extensions: send fewer.")


def free_key(document: Mapping[str, Any], urn: str) -> str:
    """The spelling under which an extension, or an attribute of it, is already there, else the one given."""
    if urn in document:
        return urn
    lower = urn.lower()
    return next((key for key in document if key.lower() == lower), urn)


def _check(urn: str, value: object) -> None:
    shown = urn[:80]
    waiting: list[tuple[object, int]] = [(value, 0)]
    nodes = 0
    while waiting:
        node, depth = waiting.pop()
        nodes += 1
        if nodes > _MOST_NODES or depth > _DEEPEST:
            raise InvalidValue(
                f"The extension '{shown}' has more than {_MOST_NODES} values or is deeper than "
                f"{_DEEPEST} levels."
            )
        if isinstance(node, dict):
            waiting.extend((inner, depth + 1) for inner in node.values())
            waiting.extend((key, depth + 1) for key in node)
        elif isinstance(node, list):
            waiting.extend((inner, depth + 1) for inner in node)
        elif isinstance(node, str) and not is_storable(node):
            raise InvalidValue(f"The extension '{shown}' has a character that is no text: remove it.")


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value if inner is not None]
    return value
