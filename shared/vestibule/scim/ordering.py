"""`sortBy` and `sortOrder` (RFC 7644 §3.4.2.3): one text per resource that sorts as its attribute does."""

from collections.abc import Sequence
from typing import Final

from vestibule.scim.access import Access, Walk
from vestibule.scim.attributes import Type
from vestibule.scim.comparands import FREE
from vestibule.scim.errors import InvalidFilter, InvalidPath, InvalidValue
from vestibule.scim.names import parse_name
from vestibule.scim.places import Place
from vestibule.scim.sources import Parameters, Source

_LONGEST: Final = 500  # characters of a sort key: it travels in a cursor
_DIGITS: Final = 20
_NUMBERS: Final = frozenset({Type.INTEGER, Type.DECIMAL, Type.DATE_TIME})  # as they are kept for searching
_FARTHEST: Final = "1" + 20 * "0"  # beyond every integer of 64 bits
_PLACES: Final = 10
_WIDTH: Final = len(_FARTHEST) + 1 + _PLACES


def as_sort_keys(sort_by: str, sources: Sequence[Source], parameters: Parameters) -> list[str]:
    """One text expression per source, null where nothing is there; InvalidValue for what has no order."""
    every = [Access(source, parameters) for source in sources]
    try:
        name = parse_name(sort_by.strip())
        places = [access.place(name, None, None) for access in every]
        keys = [_sort_key(place, access) for place, access in zip(places, every, strict=True)]
    except (InvalidPath, InvalidFilter) as error:
        raise InvalidValue(f"'sortBy' must name one simple attribute: {error.detail}") from None
    if not any(place.known for place in places):
        raise InvalidValue("'sortBy' names an attribute that no schema here has: correct its spelling.")
    return keys


def _sort_key(place: Place, access: Access) -> str:
    if not place.known:
        return "null::text"
    compared = place.compared
    if compared is not FREE and compared.type is Type.COMPLEX:
        raise InvalidFilter(f"'{compared.name}' has parts; name one of them.")
    column = access.column(place, None)
    if column is not None and column.expression is not None:
        text = f"({access.parameters.fill(column.expression)})::text"
        return f"lpad({text}, {_DIGITS}, '0')" if compared.type is Type.DATE_TIME else _short(text)
    primary = access.values(place, None)
    chosen = _first(primary, place, f"({primary.element} -> 'primary') = 'true'::jsonb")
    return f"coalesce({chosen}, {_first(access.values(place, None), place, 'true')})"


def _first(walk: Walk, place: Place, condition: str) -> str:
    """The first simple value, folded: RFC 7644 takes the primary one, if any, else the first."""
    if place.compared is not FREE and place.compared.type in _NUMBERS:
        found = f"from {walk.source} where jsonb_typeof({walk.value}) = 'number' and {condition} limit 1"
        return f"(select {_number(f'{walk.value}::numeric')} {found})"
    text = f"({walk.value} #>> '{{}}')"
    folded = text if place.compared.case_exact else f'lower({text} collate "C")'
    kinds = f"jsonb_typeof({walk.value}) in ('string', 'number', 'boolean')"
    found = f"from {walk.source} where {kinds} and {condition} limit 1"
    return f"(select {_short(folded)} {found})"


def _number(value: str) -> str:
    """A text that sorts as the number does: it is moved above zero, and what is beyond a range to its end."""
    moved = f"least(greatest({value}, -{_FARTHEST}), {_FARTHEST}) + {_FARTHEST}"
    return f"lpad(trunc({moved}, {_PLACES})::text, {_WIDTH}, '0')"


def _short(text: str) -> str:
    return f"left({text}, {_LONGEST})"
