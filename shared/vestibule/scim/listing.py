"""Pages (RFC 7644 §3.4.2.4): what was asked for, and the body of the answer."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vestibule.scim.errors import InvalidValue

LIST_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
DEFAULT_COUNT = 100
MOST_COUNT = 200
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Page:
    """`start_index` counts from 1; `count` may be 0: only the total is wanted."""

    start_index: int
    count: int

    @property
    def offset(self) -> int:
        return self.start_index - 1


def parse_page(start_index: str | None, count: str | None, *, most: int = MOST_COUNT) -> Page:
    """Read both parameters; below their least value they mean the least (RFC 7644 table 6)."""
    first = _integer("startIndex", start_index, 1)
    wanted = _integer("count", count, DEFAULT_COUNT)
    return Page(max(first, 1), min(max(wanted, 0), most))


def list_body(resources: Sequence[Any], total: int, start_index: int) -> dict[str, Any]:
    """A ListResponse; an empty one is a success with an empty list."""
    return {
        "schemas": [LIST_SCHEMA],
        "totalResults": total,
        "startIndex": start_index,
        "itemsPerPage": len(resources),
        "Resources": list(resources),
    }


def _integer(name: str, text: str | None, default: int) -> int:
    if text is None or not text.strip():
        return default
    if not _INTEGER.fullmatch(text.strip()):
        raise InvalidValue(f"The parameter '{name}' must be a whole number.")
    return int(text)
