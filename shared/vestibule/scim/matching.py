"""Does this resource fulfil this filter? (RFC 7644 §3.4.2.2) A pure evaluator on documents and elements.

It says what a filter means; `conditions` says the same to a database, and a property test holds both equal.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, assert_never

from vestibule.scim.attributes import Attribute, ResourceType, Type
from vestibule.scim.comparands import FREE, comparand, fulfils, is_present, refuse_null
from vestibule.scim.errors import InvalidFilter
from vestibule.scim.filters import And, Comparison, Filter, Literal, Not, Operator, Or, Present, ValuePath
from vestibule.scim.names import AttributeName
from vestibule.scim.places import Place, lowered, place_inside, place_of, whole_of

# What names mean: at the top of a resource, or inside the elements of one attribute.
Scope: TypeAlias = ResourceType | Attribute


def matches(condition: Filter, resource: Mapping[str, Any], resource_type: ResourceType) -> bool:
    """Whether a resource with canonical names fulfils the filter; InvalidFilter on misuse."""
    return _evaluate(condition, resource, resource_type)


def element_matches(condition: Filter, element: object, attribute: Attribute) -> bool:
    """Whether one element of a multi-valued attribute fulfils a value path's filter."""
    return _evaluate(condition, as_holder(element), attribute)


def as_holder(element: object) -> Mapping[str, Any]:
    """An element as something with parts: a simple one is its own `value`."""
    return element if isinstance(element, Mapping) else {"value": element}


def each(value: object) -> list[Any]:
    """The elements of a value: itself where it is single."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def parts_named(holder: Mapping[str, Any], lower: str) -> Iterator[Any]:
    """What stands under a name in any letter case; in what no schema describes there may be several."""
    for key, value in holder.items():
        if lowered(key) == lower:
            yield value


def _evaluate(condition: Filter, holder: Mapping[str, Any], scope: Scope) -> bool:
    match condition:
        case And(terms):
            return all(_evaluate(term, holder, scope) for term in terms)
        case Or(terms):
            return any(_evaluate(term, holder, scope) for term in terms)
        case Not(term):
            return not _evaluate(term, holder, scope)
        case Present(name, where):
            return _is_there(_place(name, where, scope), where, holder)
        case ValuePath(name, where):
            place = _place(name, where, scope)
            if place.attribute is None:
                raise InvalidFilter("The filter has brackets behind a whole schema: name an attribute of it.")
            return any(element_matches(where, one, place.attribute) for one in _elements(place, holder))
        case Comparison(name, operator, literal, where):
            place = _place(name, where, scope)
            if literal is None:
                refuse_null(operator)
                return _is_there(place, where, holder) is (operator is Operator.NE)
            return _compare(place, where, operator, literal, holder)
        case _:
            assert_never(condition)


def _compare(
    place: Place, where: Filter | None, operator: Operator, literal: Literal, holder: Mapping[str, Any]
) -> bool:
    if not place.known:
        return operator is Operator.NE
    wanted = comparand(place.compared, operator, literal)
    asked = Operator.EQ if operator is Operator.NE else operator
    found = any(fulfils(value, asked, wanted) for value in _values(place, where, holder))
    return found is not (operator is Operator.NE)


def _place(name: AttributeName, where: Filter | None, scope: Scope) -> Place:
    if isinstance(scope, ResourceType):
        return place_of(name, scope)
    if where is not None:
        raise InvalidFilter("The filter has brackets inside brackets, which no attribute needs.")
    return place_inside(name, scope)


def _is_there(place: Place, where: Filter | None, holder: Mapping[str, Any]) -> bool:
    whole = whole_of(place) if where is None else None
    if whole is not None and _is_there(whole, None, holder):
        return True
    return any(is_present(value) for value in _whole(place, where, holder))


def _whole(place: Place, where: Filter | None, holder: Mapping[str, Any]) -> Iterator[Any]:
    """Every value that a place stands for, with all its parts."""
    if place.sub is not None:
        yield from _values(place, where, holder)
    elif place.attribute is None:
        yield from _bodies(place, holder)
    else:
        for element in _elements(place, holder):
            if where is None or element_matches(where, element, place.attribute):
                yield element


def _values(place: Place, where: Filter | None, holder: Mapping[str, Any]) -> Iterator[Any]:
    """Every simple value that a place stands for; of a complex one without sub-attribute its `value`."""
    assert place.attribute is not None
    for element in _elements(place, holder):
        if where is not None and not element_matches(where, element, place.attribute):
            continue
        if place.attribute is FREE:
            for part in parts_named(as_holder(element), place.sub or "value"):
                yield from each(part)
        elif place.attribute.type is not Type.COMPLEX:
            yield element
        elif isinstance(element, Mapping):
            yield element.get(place.sub or "value")


def _elements(place: Place, holder: Mapping[str, Any]) -> Iterator[Any]:
    if place.name is None or not place.known:
        return
    for body in _bodies(place, holder):
        found = parts_named(body, place.name) if place.attribute is FREE else iter((body.get(place.name),))
        for value in found:
            yield from each(value)


def _bodies(place: Place, holder: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What holds the attribute: the holder itself, or the body of an extension in it."""
    if place.container is None:
        yield holder
        return
    for body in parts_named(holder, place.container):
        if isinstance(body, Mapping):
            yield body
