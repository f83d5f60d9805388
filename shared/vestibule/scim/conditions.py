"""A filter as a condition of SQL over stored resources: pure text with numbered parameters.

The row of a resource is `r`: `r.resource` is its document, `r.search` those of the document's attributes that
ASCII's lower case does not fold (see `search_documents`). What a client wrote stands in the parameters only.
Every condition is true or false, never null, so that `not` means what it says. `matching` says what a filter
means; a property test holds both equal.
"""

from collections.abc import Sequence
from typing import Final, assert_never

from vestibule.domain.identifiers import parse_id
from vestibule.scim.access import Access, Element, Scope
from vestibule.scim.attributes import Attribute
from vestibule.scim.comparands import FREE, Comparand, comparand, refuse_null
from vestibule.scim.errors import InvalidFilter
from vestibule.scim.filters import And, Comparison, Filter, Literal, Not, Operator, Or, Present, ValuePath
from vestibule.scim.places import Place, whole_of
from vestibule.scim.sources import Column, Parameters, Source

_SIGNS: Final = {
    Operator.EQ: "=",
    Operator.GT: ">",
    Operator.GE: ">=",
    Operator.LT: "<",
    Operator.LE: "<=",
}
# Anything that is not empty, at any depth: what `pr` asks for.
_ANY: Final = '$.** ? ((@.type() == "string" && @ != "") || @.type() == "number" || @.type() == "boolean")'


def as_conditions(condition: Filter, sources: Sequence[Source], parameters: Parameters) -> list[str]:
    """One condition per source; InvalidFilter on misuse and for a name that no source knows, TooMany.

    What one type has and another has not is without a value there (RFC 7644 §3.4.2.1).
    """
    every = [Access(source, parameters) for source in sources]
    texts = [_write(condition, None, access) for access in every]
    unknown = set.intersection(*(access.unknown for access in every))
    if unknown:
        raise InvalidFilter(
            f"The filter names '{min(unknown)}', which no schema here has: correct its spelling."
        )
    return texts


def _write(condition: Filter, scope: Scope, access: Access) -> str:
    match condition:
        case And(terms):
            return f"({' and '.join(_write(term, scope, access) for term in terms)})"
        case Or(terms):
            return f"({' or '.join(_write(term, scope, access) for term in terms)})"
        case Not(term):
            return f"not {_write(term, scope, access)}"
        case Present(name, where):
            return _present(access.place(name, where, scope), where, scope, access)
        case ValuePath(name, where):
            return _value_path(access.place(name, where, scope), where, access)
        case Comparison(name, operator, literal, where):
            place = access.place(name, where, scope)
            if literal is None:
                refuse_null(operator)
                there = _present(place, where, scope, access)
                return there if operator is Operator.NE else f"not {there}"
            if operator is Operator.NE:
                return f"not {_compare(place, where, Operator.EQ, literal, scope, access)}"
            return _compare(place, where, operator, literal, scope, access)
        case _:
            assert_never(condition)


def _value_path(place: Place, where: Filter, access: Access) -> str:
    if place.attribute is None:
        raise InvalidFilter("The filter has brackets behind a whole schema: name an attribute of it.")
    if not place.known:
        return "false"
    match where:
        case Comparison(name, Operator.EQ, str(text), None) if (name.attribute or "").lower() == "value":
            # `members[value eq "id"]` asks the same as `members.value eq "id"`
            identified = _identified(place, Comparand(text=text, exact=True), access)
            if identified is not None and name.sub is None:
                return identified
        case _:
            pass
    walk = access.elements(place, None)
    inner = _write(where, Element(place.attribute, walk.element), access)
    return f"exists (select from {walk.source} where {inner})"


def _present(place: Place, where: Filter | None, scope: Scope, access: Access) -> str:
    access.parameters.charge(1)
    if not place.known:
        return "false"
    if place.attribute is None:
        body, source = access.body(place)
        return f"exists (select from {source} where {_holds_any(body)})"
    column = access.column(place, scope)
    if column is not None and column.expression is not None:
        return f"(({access.parameters.fill(column.expression)})::text <> '') is true"
    single = access.single(place, scope) if where is None else None
    if single is not None:
        return _holds_any(single)
    walk = access.elements(place, scope) if place.sub is None else access.values(place, scope)
    found = _some(_holds_any(walk.value), place, where, walk.source, walk.element, access)
    whole = whole_of(place) if where is None else None
    return found if whole is None else f"({_present(whole, None, scope, access)} or {found})"


def _compare(
    place: Place, where: Filter | None, operator: Operator, literal: Literal, scope: Scope, access: Access
) -> str:
    access.parameters.charge(1)
    if not place.known:
        return "false"
    compared = place.compared
    wanted = comparand(compared, operator, literal)
    column = access.column(place, scope)
    if column is not None:
        by_column = _by_column(column, operator, wanted, access.parameters)
        if by_column is not None:
            return by_column
    single = access.single(place, scope) if where is None else None
    if single is not None:
        return f"({_json_compares(single, compared, operator, wanted, access.parameters)}) is true"
    if where is None and operator is Operator.EQ and scope is None:
        identified = _identified(place, wanted, access)
        if identified is not None:
            return identified
    walk = access.values(place, scope)
    compares = _json_compares(walk.value, compared, operator, wanted, access.parameters)
    return _some(compares, place, where, walk.source, walk.element, access)


def _some(
    fulfilled: str, place: Place, where: Filter | None, source: str, element: str, access: Access
) -> str:
    """Some element fulfils it, one of those that `where` selects."""
    if where is not None:
        assert place.attribute is not None
        fulfilled = f"{_write(where, Element(place.attribute, element), access)} and {fulfilled}"
    return f"exists (select from {source} where {fulfilled})"


def _identified(place: Place, wanted: Comparand, access: Access) -> str | None:
    """An equality with the id of one of the rows that are elements."""
    rows = access.rows(place, None)
    if rows is None or rows.identified is None or (place.sub or "value") != "value" or wanted.text is None:
        return None
    if parse_id(wanted.text) is None:
        return "false"
    return rows.identified.replace("{id}", f"{access.parameters.add(wanted.text)}::uuid")


def _by_column(column: Column, operator: Operator, wanted: Comparand, parameters: Parameters) -> str | None:
    if operator is Operator.EQ and wanted.text and column.indexed is not None:
        if not column.identifier:
            # never null, and still what an index answers
            return f"({column.indexed} = {parameters.add(wanted.text)} and {column.indexed} is not null)"
        if parse_id(wanted.text) is None:
            return "false"
        return f"{column.indexed} = {parameters.add(wanted.text)}::uuid"
    if column.expression is None:
        return None
    value = parameters.fill(column.expression)
    if wanted.moment is not None:
        return f"(({value}) {_SIGNS[operator]} {parameters.add(str(wanted.moment))}::bigint) is true"
    if wanted.truth is not None:
        return f"(({value}) = {_truth(wanted.truth)}) is true"
    return f"({_texts_compare(f'({value})', operator, wanted, parameters)}) is true"


def _json_compares(
    value: str, attribute: Attribute, operator: Operator, wanted: Comparand, parameters: Parameters
) -> str:
    """Compare one JSON value, of whatever kind it is; may be null."""
    kinds = []
    if wanted.text is not None:
        text = f"({value} #>> '{{}}')"
        text = text if wanted.exact else f'lower({text} collate "C")'
        compares = _texts_compare(text, operator, wanted, parameters)
        kinds.append(f"jsonb_typeof({value}) = 'string' and {compares}" if attribute is FREE else compares)
    if wanted.truth is not None:
        kinds.append(f"{value} = '{_truth(wanted.truth)}'::jsonb")
    number = wanted.number if wanted.moment is None else wanted.moment
    if number is not None:
        compares = f"{value}::numeric {_SIGNS[operator]} {parameters.add(str(number))}::numeric"
        kinds.append(f"case jsonb_typeof({value}) when 'number' then {compares} end")
    return f"({' or '.join(kinds)})"


def _texts_compare(text: str, operator: Operator, wanted: Comparand, parameters: Parameters) -> str:
    assert wanted.text is not None
    parameter = parameters.add(wanted.text)
    match operator:
        case Operator.CO:
            return f"strpos({text}, {parameter}) > 0"
        case Operator.SW:
            return f"starts_with({text}, {parameter})"
        case Operator.EW:
            return f"right({text}, length({parameter})) = {parameter}"
        case Operator.EQ:
            return f"{text} = {parameter}"
        case _:
            return f'{text} collate "C" {_SIGNS[operator]} {parameter}'


def _holds_any(value: str) -> str:
    return f"jsonb_path_exists({value}, '{_ANY}') is true"


def _truth(value: bool) -> str:
    return "true" if value else "false"
