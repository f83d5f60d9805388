"""References by bulkId (RFC 7644 §3.7.2): where they stand in a path or a body, and putting ids there."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

# Takes a bulkId and says what stands there instead.
Give: TypeAlias = Callable[[str], str]

# In each: what goes before, the bulkId, what follows.
_PATH: Final = re.compile(r"(/[^/]+/)bulkId:(.+)()", re.IGNORECASE | re.DOTALL)
_VALUE: Final = re.compile(r"()bulkId:(.+)()", re.IGNORECASE | re.DOTALL)
_REFERENCE: Final = re.compile(r"((?:.*/)?)bulkId:([^/]+)()", re.IGNORECASE | re.DOTALL)
_FILTER: Final = re.compile(r'(")bulkId:([^"\\]+)(")', re.IGNORECASE)


def references_in(path: str, data: object) -> frozenset[str]:
    """The bulkIds that a path and a body name."""
    found: set[str] = set()

    def note(bulk_id: str) -> str:
        found.add(bulk_id)
        return ""

    path_with_ids(path, note)
    waiting = [("", data)]
    while waiting:  # as data_with_ids walks, but nothing is built: a hostile body has tens of thousands
        name, value = waiting.pop()
        if isinstance(value, str):
            if ":" in value:
                _text_with_ids(value, name, note)
        elif isinstance(value, Mapping):
            waiting.extend((key.lower(), inner) for key, inner in value.items())
        elif isinstance(value, list):
            waiting.extend((name, inner) for inner in value)
    return frozenset(found)


def path_with_ids(path: str, give: Give) -> str:
    """A path like `/Users/bulkId:ana` with the id there."""
    return _replaced(_PATH, path, give)


def data_with_ids(data: object, give: Give) -> Any:
    """A body with ids for all references: whole values, the ends of `$ref`, and values in PATCH paths.

    A text that begins with `bulkId:` is a reference wherever it stands: stored as it is, it would be a
    member or a manager that nobody can ever be.
    """
    return _with_ids(data, "", give)


def _with_ids(value: object, name: str, give: Give) -> object:
    if isinstance(value, str):
        return _text_with_ids(value, name, give) if ":" in value else value
    if isinstance(value, Mapping):
        return {key: _with_ids(inner, key.lower(), give) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_ids(inner, name, give) for inner in value]
    return value


def _text_with_ids(text: str, name: str, give: Give) -> str:
    if name == "$ref":
        return _replaced(_REFERENCE, text, give)
    if name == "path":
        return _FILTER.sub(lambda found: found[1] + give(found[2]) + found[3], text)
    return _replaced(_VALUE, text, give)


def _replaced(form: re.Pattern[str], text: str, give: Give) -> str:
    found = form.fullmatch(text)
    return text if found is None else found[1] + give(found[2]) + found[3]
