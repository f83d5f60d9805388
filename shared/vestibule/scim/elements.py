"""Changes to the elements of one multi-valued attribute: by filter, by listed values, or all of them."""

from enum import Enum
from typing import Any

from vestibule.scim.attributes import Attribute, Type
from vestibule.scim.dialects import Repair, read_boolean
from vestibule.scim.errors import InvalidPath, InvalidValue, NoTarget
from vestibule.scim.filters import And, Comparison, Filter, Operator
from vestibule.scim.matching import element_matches
from vestibule.scim.targets import Target
from vestibule.scim.values import (
    MOST_ELEMENTS,
    ElementKey,
    element_key,
    normalise,
    normalise_complex,
    normalise_simple,
)

Document = dict[str, Any]


class Mode(Enum):
    ADD = "add"
    REPLACE = "replace"


def put_sub(
    attribute: Attribute, sub: Attribute, old: Document, value: object, repairs: set[Repair]
) -> Document:
    new = normalise(sub, value, repairs)
    # An empty manager is none; in a list of values an empty text is kept as it was sent.
    if new is None or (new == "" and sub.name == "value" and not attribute.multi_valued):
        return without_sub(attribute, sub, old)
    return {**old, sub.name: new}


def without_sub(attribute: Attribute, sub: Attribute, old: Document) -> Document:
    """A complex value without one part; a manager without an id is none: no old name or address stays."""
    if sub.name == "value" and not attribute.multi_valued:
        return {}
    return {name: inner for name, inner in old.items() if name != sub.name}


def put_elements(
    target: Target, where: Filter | None, old: list[Any], value: object, mode: Mode, repairs: set[Repair]
) -> list[Any]:
    attribute = target.attribute
    if where is not None:
        return _put_selected(target, where, old, value, mode, repairs)
    if target.sub is not None:
        return _put_unselected_sub(target, old, value, repairs)
    new = normalise(attribute, value, repairs) or []
    if mode is Mode.REPLACE:
        return list(new)
    return _merge(attribute, old, new)


def _merge(attribute: Attribute, old: list[Any], new: list[Any]) -> list[Any]:
    """Add elements; one that is there already is brought up to date in its place."""
    if attribute.type is not Type.COMPLEX:
        return old + [value for value in dict.fromkeys(new) if value not in old]
    result = list(old)
    places = {element_key(attribute, element): place for place, element in enumerate(old)}
    if any(element.get("primary") is True for element in new):
        result = _without_primary(result)
    for element in new:
        key = element_key(attribute, element)
        if key in places:
            result[places[key]] = {**result[places[key]], **element}
        else:
            places[key] = len(result)
            result.append(element)
    if len(result) > MOST_ELEMENTS:
        raise InvalidValue(
            f"The attribute '{attribute.name}' has more than {MOST_ELEMENTS} values: send fewer."
        )
    return result


def _without_primary(elements: list[Any]) -> list[Any]:
    return [
        {**element, "primary": False} if element.get("primary") is True else element for element in elements
    ]


def _put_selected(
    target: Target, where: Filter, old: list[Any], value: object, mode: Mode, repairs: set[Repair]
) -> list[Any]:
    attribute = target.attribute
    chosen = [element_matches(where, element, attribute) for element in old]
    if attribute.type is not Type.COMPLEX:
        return _put_simple(attribute, chosen, old, value, repairs)
    if not any(chosen):
        if value is None:
            return old
        # Strict servers answer `noTarget` to a replace here, and Entra then never gets the value in.
        seed = _seed(where, attribute)
        if seed is None:
            raise NoTarget(
                f"No value of '{attribute.name}' fits the path's filter, and the filter does not "
                f"say what to create."
            )
        repairs.add(Repair.CREATED_TARGET)
        new = _put_in_element(target, seed, seed, value, Mode.ADD, repairs)
        return _settle(old, [*old, new] if new is not None else old)
    result = []
    for element, is_chosen in zip(old, chosen, strict=True):
        if not is_chosen:
            result.append(element)
            continue
        new = _put_in_element(target, element, _seed(where, attribute) or {}, value, mode, repairs)
        if new is not None:
            result.append(new)
    return _once(attribute, _settle(old, result))


def _once(attribute: Attribute, elements: list[Any]) -> list[Any]:
    """Values that became one, since RFC 7643 §2.4 wants each (type, value) once; later parts win."""
    found: dict[ElementKey, Document] = {}
    for element in elements:
        key = element_key(attribute, element)
        before = found.get(key)
        if before is None:
            found[key] = element
        else:
            is_primary = before.get("primary") is True or element.get("primary") is True
            found[key] = {**before, **element} | ({"primary": True} if is_primary else {})
    return list(found.values())


def _put_simple(
    attribute: Attribute, chosen: list[bool], old: list[Any], value: object, repairs: set[Repair]
) -> list[Any]:
    """Replace the chosen ones of values without parts, `tags[value eq "a"]`; null takes them away."""
    new = None if value is None else normalise_simple(attribute, value, repairs)
    if new is not None and not any(chosen):
        raise NoTarget(f"No value of '{attribute.name}' fits the path's filter.")
    put = (new if is_chosen else element for element, is_chosen in zip(old, chosen, strict=True))
    return [element for element in dict.fromkeys(put) if element is not None]


def _put_in_element(
    target: Target, element: Document, seed: Document, value: object, mode: Mode, repairs: set[Repair]
) -> Document | None:
    """The element with the value put into it; None when nothing worth keeping is left."""
    attribute = target.attribute
    if target.sub is not None:
        new = put_sub(attribute, target.sub, element, value, repairs)
    elif value is None:
        return None
    else:
        if isinstance(value, list) and len(value) == 1:
            repairs.add(Repair.WRAPPED_VALUE)
            [value] = value
        given = normalise_complex(attribute, value, repairs) or {}
        keeps_value = attribute.has_value and "value" not in given
        new = {**element, **given} if mode is Mode.ADD or keeps_value else {**seed, **given}
    if attribute.has_value and "value" not in new and "value" in element:
        return None
    return new


def _put_unselected_sub(target: Target, old: list[Any], value: object, repairs: set[Repair]) -> list[Any]:
    """`emails.value` without a filter: the one element, or the primary one."""
    chosen = 0
    if len(old) > 1:
        found = [place for place, element in enumerate(old) if element.get("primary") is True]
        if not found:
            raise InvalidPath(
                f"'{target.attribute.name}' has several values: say which one in the path's filter."
            )
        chosen = found[0]
    if not old:
        repairs.add(Repair.CREATED_TARGET)
    new = _put_in_element(target, old[chosen] if old else {}, {}, value, Mode.ADD, repairs)
    return [*old[:chosen], *([new] if new else []), *old[chosen + 1 :]]


def _settle(old: list[Any], new: list[Any]) -> list[Any]:
    """Keep at most one primary: the one that this change set, else the last."""
    primaries = [element for element in new if element.get("primary") is True]
    if len(primaries) < 2:
        return new
    kept = {id(element) for element in old}
    fresh = [element for element in primaries if id(element) not in kept]
    last = (fresh or primaries)[-1]
    return [
        {**element, "primary": False} if element.get("primary") is True and element is not last else element
        for element in new
    ]


def _seed(where: Filter, attribute: Attribute) -> Document | None:
    """The element that a filter describes, when it is made of equalities only: `type eq "work"`."""
    terms = where.terms if isinstance(where, And) else (where,)
    seed: Document = {}
    for term in terms:
        if not isinstance(term, Comparison) or term.operator is not Operator.EQ or term.where is not None:
            return None
        if term.name.schema is not None or term.name.attribute is None or term.value is None:
            return None
        sub = attribute.table.get(term.name.attribute.lower())
        if sub is None or not sub.writable:
            return None
        value = (
            read_boolean(term.value)
            if sub.type is Type.BOOLEAN and isinstance(term.value, str)
            else term.value
        )
        if value is None:
            return None
        seed[sub.name] = normalise(sub, value, set())
    return seed


def remove_elements(
    target: Target, where: Filter | None, old: list[Any], value: object, repairs: set[Repair]
) -> list[Any]:
    attribute = target.attribute
    if attribute.type is not Type.COMPLEX:
        gone = old if value is None else normalise(attribute, value, repairs) or []
        if where is not None:
            gone = [element for element in gone if element_matches(where, element, attribute)]
        return [element for element in old if element not in gone]
    is_listed = value is not None and target.sub is None
    listed: frozenset[ElementKey] = frozenset()
    if is_listed:
        # Entra and JumpCloud list what to remove in the value instead of a filter.
        repairs.add(Repair.REMOVE_BY_VALUE)
        listed = frozenset(
            element_key(attribute, element) for element in normalise(attribute, value, repairs) or ()
        )
    result = []
    for element in old:
        if where is not None and not element_matches(where, element, attribute):
            result.append(element)
        elif is_listed:
            if not listed & _names_of(attribute, element):
                result.append(element)
        elif target.sub is not None:
            left = {name: inner for name, inner in element.items() if name != target.sub.name}
            if left and target.sub.name != "value":
                result.append(left)
    return result


def _names_of(attribute: Attribute, element: Document) -> set[ElementKey]:
    """The keys by which a remove may list an element: it may leave out the type."""
    without_type = {name: inner for name, inner in element.items() if name != "type"}
    return {element_key(attribute, element), element_key(attribute, without_type)}
