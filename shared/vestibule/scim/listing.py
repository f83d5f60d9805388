"""Lists (RFC 7644 §3.4.2 and §3.4.3, RFC 9865): what was asked for, and the body of the answer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vestibule.scim.errors import InvalidCount, InvalidSyntax, InvalidValue
from vestibule.scim.limits import DEFAULTS, Limits

LIST_SCHEMA: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,100}")
_LAST: Final = 10**18 - 1  # nobody has so many; it fits every integer on its way
_ORDERS: Final = {"ascending": False, "descending": True}
_TEXTS: Final = {"filter", "sortby", "sortorder", "cursor"}
_NUMBERS: Final = {"startindex", "count"}
_NAMES: Final = {"attributes", "excludedattributes"}


@dataclass(frozen=True, slots=True)
class Page:
    """`start_index` counts from 1; `count` may be 0: only the total is wanted."""

    start_index: int
    count: int

    @property
    def offset(self) -> int:
        return self.start_index - 1


@dataclass(frozen=True, slots=True)
class ListQuery:
    """One list as it was asked for; `cursor` is None for a page by index, empty for the first by cursor."""

    page: Page
    filter: str | None = None
    sort_by: str | None = None
    descending: bool = False
    cursor: str | None = None
    attributes: str | None = None
    excluded_attributes: str | None = None


def parse_list_query(parameters: Mapping[str, str], limits: Limits = DEFAULTS) -> ListQuery:
    """Read the parameters of a URL by lower-case name; InvalidValue, InvalidCount."""
    cursor = parameters.get("cursor")
    sort_by = (parameters.get("sortby") or "").strip() or None
    return ListQuery(
        parse_page(
            parameters.get("startindex"), parameters.get("count"), limits, by_cursor=cursor is not None
        ),
        (parameters.get("filter") or "").strip() or None,
        sort_by,
        sort_by is not None and _descending(parameters.get("sortorder")),
        cursor,
        parameters.get("attributes"),
        parameters.get("excludedattributes"),
    )


def parse_search_request(body: object, limits: Limits = DEFAULTS) -> ListQuery:
    """Read the body of a `/.search` (RFC 7644 §3.4.3): the same parameters, as members of an object."""
    if not isinstance(body, dict):
        raise InvalidSyntax("The body must be one JSON object: a SearchRequest.")
    parameters: dict[str, str] = {}
    for name, value in body.items():
        lower = name.lower()
        if value is not None and lower in _TEXTS | _NUMBERS | _NAMES:
            if lower in parameters:
                raise InvalidSyntax(f"'{name}' is there twice in different letter case: send it once.")
            parameters[lower] = _as_parameter(name, lower, value)
    return parse_list_query(parameters, limits)


def parse_page(
    start_index: str | None, count: str | None, limits: Limits = DEFAULTS, *, by_cursor: bool = False
) -> Page:
    """Read both parameters; below their least value they mean the least (RFC 7644 table 6)."""
    first = 1 if by_cursor else _integer("startIndex", start_index, 1)
    try:
        wanted = _integer("count", count, limits.page_size)
    except InvalidValue as error:
        if by_cursor:
            raise InvalidCount(error.detail) from None
        raise
    return Page(min(max(first, 1), _LAST), min(max(wanted, 0), limits.most_page_size))


def list_body(
    resources: Sequence[Any],
    total: int,
    start_index: int | None = None,
    *,
    next_cursor: str | None = None,
    previous_cursor: str | None = None,
) -> dict[str, Any]:
    """A ListResponse; an empty one is a success with an empty list. `start_index` only for pages by index."""
    body: dict[str, Any] = {"schemas": [LIST_SCHEMA], "totalResults": total}
    if start_index is not None:
        body["startIndex"] = start_index
    if previous_cursor is not None:
        body["previousCursor"] = previous_cursor
    if next_cursor is not None:
        body["nextCursor"] = next_cursor
    return {**body, "itemsPerPage": len(resources), "Resources": list(resources)}


def _as_parameter(name: str, lower: str, value: object) -> str:
    if lower in _NUMBERS and type(value) is int:
        return str(value)
    if lower in _NAMES and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    if isinstance(value, str):
        return value
    wanted = "a number" if lower in _NUMBERS else "a list of texts" if lower in _NAMES else "a text"
    raise InvalidSyntax(f"'{name}' of a SearchRequest must be {wanted}.")


def _descending(text: str | None) -> bool:
    order = _ORDERS.get((text or "ascending").strip().lower())
    if order is None:
        raise InvalidValue("The parameter 'sortOrder' must be 'ascending' or 'descending'.")
    return order


def _integer(name: str, text: str | None, default: int) -> int:
    if not text or not text.strip():
        return default
    if not _INTEGER.fullmatch(text.strip()):
        raise InvalidValue(f"The parameter '{name}' must be a whole number.")
    return int(text)
