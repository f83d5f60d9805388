"""Does this resource fulfil this filter? (RFC 7644 §3.4.2.2) A pure evaluator on documents and elements."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, assert_never

from vestibule.scim.attributes import Attribute, ResourceType, Type
from vestibule.scim.dialects import read_boolean, registered_urn
from vestibule.scim.errors import InvalidFilter
from vestibule.scim.filters import And, Comparison, Filter, Literal, Not, Operator, Or, Present, ValuePath
from vestibule.scim.folding import fold
from vestibule.scim.names import AttributeName

_ORDERED = frozenset({Operator.GT, Operator.GE, Operator.LT, Operator.LE})
_PARTIAL = frozenset({Operator.CO, Operator.SW, Operator.EW})
_UNTYPED = Attribute("value")


@dataclass(frozen=True, slots=True)
class _Scope:
    """What names mean: at the top of a resource, or inside the elements of one attribute."""

    resource_type: ResourceType | None
    element_of: Attribute | None


def matches(condition: Filter, resource: Mapping[str, Any], resource_type: ResourceType) -> bool:
    """Whether a resource with canonical names fulfils the filter; InvalidFilter on misuse."""
    return _evaluate(condition, resource, _Scope(resource_type, None))


def element_matches(condition: Filter, element: object, attribute: Attribute) -> bool:
    """Whether one element of a multi-valued attribute fulfils a value path's filter."""
    holder = element if isinstance(element, Mapping) else {"value": element}
    return _evaluate(condition, holder, _Scope(None, attribute))


def _evaluate(condition: Filter, holder: Mapping[str, Any], scope: _Scope) -> bool:
    match condition:
        case And(terms):
            return all(_evaluate(term, holder, scope) for term in terms)
        case Or(terms):
            return any(_evaluate(term, holder, scope) for term in terms)
        case Not(term):
            return not _evaluate(term, holder, scope)
        case Present(name, where):
            return any(value not in ("", None) for _, value in _values(name, where, holder, scope))
        case ValuePath(name, where):
            attribute, value = _find(name, holder, scope)
            _refuse_nesting(scope)
            return any(element_matches(where, element, attribute) for element in _each(value))
        case Comparison(name, operator, literal, where):
            return _compare_all(operator, literal, list(_values(name, where, holder, scope)))
        case _:
            assert_never(condition)


def _compare_all(operator: Operator, literal: Literal, values: list[tuple[Attribute, Any]]) -> bool:
    if operator is Operator.NE:
        return not any(_compare(Operator.EQ, attribute, value, literal) for attribute, value in values)
    if literal is None and operator is Operator.EQ:
        return not values
    return any(_compare(operator, attribute, value, literal) for attribute, value in values)


def _values(
    name: AttributeName, where: Filter | None, holder: Mapping[str, Any], scope: _Scope
) -> Iterator[tuple[Attribute, Any]]:
    """Every value that a name stands for, each with its definition."""
    attribute, value = _find(name, holder, scope)
    if where is not None:
        _refuse_nesting(scope)
    for element in _each(value):
        if where is not None and not element_matches(where, element, attribute):
            continue
        if not isinstance(element, Mapping):
            yield attribute, element
            continue
        # RFC 7644 §3.4.2.2: a complex attribute without sub-attribute is compared by its `value`.
        sub_name = (name.sub or "value").lower()
        sub = attribute.table.get(sub_name, _UNTYPED)
        found = _get(element, sub_name, attribute.table)
        if found is not None:
            yield sub, found


def _find(name: AttributeName, holder: Mapping[str, Any], scope: _Scope) -> tuple[Attribute, Any]:
    if scope.element_of is not None:
        table: Mapping[str, Attribute] = scope.element_of.table
    else:
        assert scope.resource_type is not None
        holder, table = _container(name.schema, holder, scope.resource_type)
    if name.attribute is None:
        return _UNTYPED, holder
    lower = name.attribute.lower()
    return table.get(lower, _UNTYPED), _get(holder, lower, table)


def _container(
    schema: str | None, resource: Mapping[str, Any], resource_type: ResourceType
) -> tuple[Mapping[str, Any], Mapping[str, Attribute]]:
    if schema is None:
        return resource, resource_type.table
    urn = registered_urn(schema, set()) or schema
    if urn == resource_type.schema.id:
        return resource, resource_type.table
    for extension in resource_type.extensions:
        if extension.id == urn:
            return resource.get(urn) or {}, extension.table
    lower = urn.lower()
    body = next((value for key, value in resource.items() if key.lower() == lower), None)
    return (body if isinstance(body, Mapping) else {}), {}


def _get(holder: Mapping[str, Any], lower: str, table: Mapping[str, Attribute]) -> Any:
    known = table.get(lower)
    if known is not None:
        return holder.get(known.name)
    return next((value for key, value in holder.items() if key.lower() == lower), None)


def _each(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _compare(operator: Operator, attribute: Attribute, value: Any, literal: Literal) -> bool:
    if isinstance(value, bool):
        # `primary eq "True"`: a text against a boolean (Entra, app roles).
        wanted = read_boolean(literal) if isinstance(literal, str) else literal
        if operator is not Operator.EQ:
            raise InvalidFilter(f"The filter cannot use '{operator}' on the boolean '{attribute.name}'.")
        return value is wanted
    if isinstance(value, str) and isinstance(literal, str):
        return _compare_texts(operator, attribute, value, literal)
    if isinstance(value, int | float) and isinstance(literal, int | float) and not isinstance(literal, bool):
        if operator in _PARTIAL:
            raise InvalidFilter(f"The filter cannot use '{operator}' on the number '{attribute.name}'.")
        return _in_order(operator, value, literal)
    return False


def _compare_texts(operator: Operator, attribute: Attribute, value: str, literal: str) -> bool:
    if attribute.type is Type.DATE_TIME and operator not in _PARTIAL:
        return _in_order(operator, _moment(value), _moment(literal))
    if not attribute.case_exact:
        value, literal = fold(value), fold(literal)
    match operator:
        case Operator.CO:
            return literal in value
        case Operator.SW:
            return value.startswith(literal)
        case Operator.EW:
            return value.endswith(literal)
        case _:
            if operator in _ORDERED and attribute.type is Type.BINARY:
                raise InvalidFilter(f"The filter cannot order the binary '{attribute.name}'.")
            return _in_order(operator, value, literal)


def _in_order(operator: Operator, value: Any, literal: Any) -> bool:
    match operator:
        case Operator.EQ:
            return bool(value == literal)
        case Operator.GT:
            return bool(value > literal)
        case Operator.GE:
            return bool(value >= literal)
        case Operator.LT:
            return bool(value < literal)
        case Operator.LE:
            return bool(value <= literal)
        case _:
            raise InvalidFilter(f"The filter cannot use '{operator}' there.")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidFilter("The filter compares a time with something that is no ISO 8601 time.") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _refuse_nesting(scope: _Scope) -> None:
    if scope.element_of is not None:
        raise InvalidFilter("The filter has brackets inside brackets, which no attribute needs.")
