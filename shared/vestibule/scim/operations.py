"""The message of a PATCH (RFC 7644 §3.5.2) as a list of checked operations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from vestibule.scim.contradictions import refuse_twice
from vestibule.scim.dialects import Repair
from vestibule.scim.errors import InvalidPath, InvalidSyntax, InvalidValue, NoTarget, TooMany
from vestibule.scim.paths import Path, parse_path

MOST_KEYS = 1000


class Verb(StrEnum):
    ADD = "add"
    REPLACE = "replace"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; without a path its value is an object, and a remove always has a path."""

    verb: Verb
    path: Path | None
    value: Any


_VERBS = {verb.value: verb for verb in Verb}


def parse_operations(
    body: object, repairs: set[Repair], *, most: int, most_filter: int | None = None
) -> tuple[Operation, ...]:
    """Read the operations of a PATCH body; a SCIM error names the first that is wrong.

    `most_filter` bounds the characters of all paths with a filter together: each is tried on every element.
    """
    if not isinstance(body, Mapping):
        raise InvalidSyntax("The body of a PATCH must be one JSON object with 'Operations'.")
    found = lower_names(body).get("operations")
    if isinstance(found, Mapping):
        found = [found]
    if not isinstance(found, list) or not found:
        raise InvalidSyntax("The body of a PATCH must have a list 'Operations' with at least one operation.")
    if len(found) > most:
        raise TooMany(f"A PATCH may have at most {most} operations: send several requests.")
    bodies = [_operation_body(operation) for operation in found]
    operations = tuple(_parse_operation(operation, repairs) for operation in bodies)
    if sum(len(operation.value) for operation in operations if operation.path is None) > MOST_KEYS:
        raise TooMany(f"A PATCH may set at most {MOST_KEYS} attributes: send several requests.")
    if most_filter is not None and _filter_length(bodies) > most_filter:
        raise TooMany("The filters in the paths of this PATCH are too long together: send several requests.")
    return operations


def _filter_length(operations: Iterable[Mapping[str, Any]]) -> int:
    paths = [operation.get("path") for operation in operations]
    keys = [
        key for operation in operations if isinstance(value := operation.get("value"), dict) for key in value
    ]
    return sum(len(text) for text in (*paths, *keys) if isinstance(text, str) and "[" in text)


def _operation_body(body: object) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise InvalidSyntax("Each PATCH operation must be an object with 'op'.")
    return lower_names(body)


def _parse_operation(body: Mapping[str, Any], repairs: set[Repair]) -> Operation:
    op = body.get("op")
    verb = _VERBS.get(op.lower()) if isinstance(op, str) else None
    if verb is None:
        raise InvalidSyntax("The 'op' of a PATCH operation must be add, replace or remove.")
    if op != verb.value:
        repairs.add(Repair.OPERATION_CASE)
    path_text = body.get("path")
    if path_text is not None and not isinstance(path_text, str):
        raise InvalidPath("The 'path' of a PATCH operation must be a text.")
    path = parse_path(path_text) if path_text and path_text.strip() else None
    value = body.get("value")
    if verb is Verb.REMOVE:
        if path is None:
            raise NoTarget("A PATCH operation 'remove' needs a 'path' that says what to remove.")
    elif path is None and not isinstance(value, Mapping):
        raise InvalidValue(f"A PATCH operation '{verb}' without 'path' needs an object as its 'value'.")
    elif value is None and "value" not in body:
        raise InvalidValue(f"A PATCH operation '{verb}' needs a 'value'.")
    return Operation(verb, path, value)


def lower_names(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message's own names in lower case; InvalidSyntax where one is there twice with different values."""
    refuse_twice(body)
    return {name.lower(): value for name, value in body.items()}
