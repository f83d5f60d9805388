"""Values of attributes: checked against their definition, brought into one shape, kept as sent."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from vestibule.scim.attributes import Attribute, Mutability, Type
from vestibule.scim.dialects import Repair, read_boolean, read_json_object, read_number
from vestibule.scim.errors import InvalidSyntax, InvalidValue
from vestibule.scim.folding import fold, stacks_marks
from vestibule.scim.moments import moment

MOST_ELEMENTS = 500

ElementKey: TypeAlias = tuple[object, ...]

_NAMES = {
    str: "a text",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}
_WANTED = {
    Type.BOOLEAN: "true or false",
    Type.COMPLEX: "an object",
    Type.INTEGER: "a whole number",
    Type.DECIMAL: "a number",
    Type.DATE_TIME: "an ISO 8601 time",
}
_TEXTS = frozenset({Type.STRING, Type.REFERENCE, Type.BINARY, Type.DATE_TIME})
_NUMBERS = frozenset({Type.INTEGER, Type.DECIMAL})


def normalise(attribute: Attribute, value: object, repairs: set[Repair]) -> Any:
    """The value as stored, None when it means "unassigned"; InvalidValue when it does not fit."""
    if value is None:
        return None
    kind = attribute.type
    if type(value) is bool and kind is Type.BOOLEAN and not attribute.multi_valued:
        return value
    if attribute.multi_valued:
        return normalise_elements(attribute, value, repairs)
    if kind is Type.COMPLEX:
        return normalise_complex(attribute, value, repairs)
    return normalise_simple(attribute, value, repairs)


def normalise_simple(attribute: Attribute, value: object, repairs: set[Repair]) -> Any:
    """One simple value: a text, a boolean or a number."""
    if type(value) is str:
        if attribute.type in _TEXTS:
            return check_text(attribute, value)
        if attribute.type is Type.BOOLEAN:
            truth = read_boolean(value)
            if truth is not None:
                repairs.add(Repair.BOOLEAN_AS_TEXT)
                return truth
        elif attribute.type in _NUMBERS:
            number = read_number(value)
            if number is not None:
                repairs.add(Repair.NUMBER_AS_TEXT)
                return normalise_simple(attribute, number, repairs)
    elif type(value) is bool:
        if attribute.type is Type.BOOLEAN:
            return value
    elif type(value) is int or type(value) is float:
        if attribute.type is Type.DECIMAL or (attribute.type is Type.INTEGER and type(value) is int):
            return value
    else:
        wrapped = _unwrap(value)
        if wrapped is not None:
            repairs.add(Repair.WRAPPED_VALUE)
            return normalise_simple(attribute, wrapped, repairs)
    raise _misfit(attribute, value)


def normalise_complex(attribute: Attribute, value: object, repairs: set[Repair]) -> dict[str, Any] | None:
    """One complex value with canonical names; unknown and read-only sub-attributes are left out."""
    if type(value) is not dict:
        unwrapped = _complex_from(attribute, value, repairs)
        if unwrapped is None:
            return None
        value = unwrapped
    plain = attribute.plain_texts
    result: dict[str, Any] = {}
    for key, inner in value.items():
        # A printable text has neither NUL nor half of a surrogate pair, and a short one no heap of marks.
        if key in plain and type(inner) is str and len(inner) <= plain[key] and inner.isprintable():
            result[key] = inner
            continue
        sub = attribute.table.get(key)
        if sub is None or sub.name != key:
            sub = _find_sub(attribute.table, key, value, repairs)
            if sub is None:
                continue
            if sub.name in result:
                raise duplicate(sub.name)
        if inner is None:
            continue
        if sub.mutability is Mutability.READ_ONLY:
            repairs.add(Repair.READ_ONLY_VALUE)
            continue
        normal = normalise(sub, inner, repairs)
        if normal is not None:
            result[sub.name] = normal
    return result or None


def normalise_elements(attribute: Attribute, value: object, repairs: set[Repair]) -> list[Any] | None:
    """A multi-valued attribute as a list with at most one primary; None when nothing is in it."""
    if type(value) is not list:
        value = [value]
    if len(value) > MOST_ELEMENTS:
        raise InvalidValue(
            f"The attribute '{attribute.name}' has more than {MOST_ELEMENTS} values: send fewer."
        )
    result = []
    primaries = 0
    for inner in value:
        if inner is None:
            continue
        if attribute.type is not Type.COMPLEX:
            result.append(normalise_simple(attribute, inner, repairs))
            continue
        element = normalise_complex(attribute, inner, repairs)
        if element is None:
            continue
        if attribute.name == "roles":
            element = _open_role(element, repairs)
        if element.get("primary") is True:
            primaries += 1
        result.append(element)
    if primaries > 1:
        repairs.add(Repair.SEVERAL_PRIMARY)
        return _one_primary(attribute, result)
    return result or None


def _one_primary(attribute: Attribute, elements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave only the last primary (RFC 7643 §2.4: at most one), and no two elements that are the same."""
    last = max(place for place, element in enumerate(elements) if element.get("primary") is True)
    chosen = element_key(attribute, elements[last])
    result: list[dict[str, Any]] = []
    for place, element in enumerate(elements):
        if element.get("primary") is not True or place == last:
            result.append(element)
        elif element_key(attribute, element) != chosen:
            result.append({**element, "primary": False})
    return result


def element_key(attribute: Attribute, element: Mapping[str, Any]) -> ElementKey:
    """What makes two elements the same: one value of one type; without `value` all but `primary`."""
    if attribute.has_value and "value" in element:
        return _folded(attribute, "value", element), _folded(attribute, "type", element)
    return tuple(sorted((name, repr(inner)) for name, inner in element.items() if name != "primary"))


def check_text(attribute: Attribute, value: str) -> str:
    """A text that can be stored: no NUL, no half of a surrogate pair, no heap of marks, not too long where
    we index it."""
    if attribute.longest is not None and len(value) > attribute.longest:
        raise InvalidValue(
            f"The attribute '{attribute.name}' is longer than {attribute.longest} characters: "
            f"send a shorter value."
        )
    if "\x00" in value or (not value.isascii() and not is_storable(value)):
        raise InvalidValue(
            f"The attribute '{attribute.name}' has a character that is no text, or marks without end: "
            "remove it."
        )
    if attribute.type is Type.DATE_TIME and moment(value) is None:
        raise _misfit(attribute, value)
    return value


def is_storable(text: str) -> bool:
    """Whether a text can be written as UTF-8, kept in a database, and folded."""
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return not stacks_marks(text)


def duplicate(name: str) -> InvalidSyntax:
    return InvalidSyntax(f"The attribute '{name}' is there twice in different letter case: send it once.")


def _folded(attribute: Attribute, name: str, element: Mapping[str, Any]) -> object:
    value = element.get(name)
    sub = attribute.table.get(name)
    return fold(value) if isinstance(value, str) and sub is not None and not sub.case_exact else value


def _find_sub(
    table: Mapping[str, Attribute], key: str, siblings: Mapping[str, object], repairs: set[Repair]
) -> Attribute | None:
    sub = table.get(key.lower())
    if sub is None:
        repairs.add(Repair.UNKNOWN_ATTRIBUTE)
        return None
    repairs.add(Repair.NAME_CASE)
    if sub.name in siblings:
        raise duplicate(sub.name)
    return sub


def _complex_from(attribute: Attribute, value: object, repairs: set[Repair]) -> dict[str, Any] | None:
    """The object behind other shapes of a complex value; None for an empty one."""
    if isinstance(value, list) and len(value) <= 1 and not attribute.multi_valued:
        repairs.add(Repair.WRAPPED_VALUE)
        if not value or value[0] is None:
            return None
        value = value[0]
        if isinstance(value, dict):
            return value
    if isinstance(value, str) and attribute.has_value:
        inner = read_json_object(value)
        if inner is not None:
            repairs.add(Repair.JSON_AS_TEXT)
            return inner
        repairs.add(Repair.BARE_VALUE)
        return {"value": value} if value else None
    raise _misfit(attribute, value)


def _open_role(element: dict[str, Any], repairs: set[Repair]) -> dict[str, Any]:
    inner = read_json_object(element.get("value", ""))
    if inner is None or not isinstance(inner.get("value"), str):
        return element
    repairs.add(Repair.JSON_AS_TEXT)
    opened = {**element, "value": inner["value"]}
    if isinstance(inner.get("displayName"), str):
        opened.setdefault("display", inner["displayName"])
    return opened


def _unwrap(value: object) -> object:
    """The one value inside `[x]`, `{"value": x}` or `[{"value": x}]`; None for anything else."""
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    if isinstance(value, dict):
        if sum(name.lower() == "value" for name in value) > 1:
            raise duplicate("value")
        value = value.get("value")
    return None if isinstance(value, list | dict) else value


def _misfit(attribute: Attribute, value: object) -> InvalidValue:
    wanted = _WANTED.get(attribute.type, "a text")
    sent = _NAMES.get(type(value), "something else")
    return InvalidValue(
        f"The attribute '{attribute.name}' must be {wanted}, the request has {sent}: correct the "
        f"attribute mapping."
    )
