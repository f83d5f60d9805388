"""Changes at one place of a document (RFC 7644 §3.5.2.1 to .3); the one that comes in is never touched."""

from collections.abc import Mapping
from typing import Any

from vestibule.scim.attributes import Attribute, Mutability, Type
from vestibule.scim.contradictions import refuse_twice
from vestibule.scim.dialects import Repair
from vestibule.scim.elements import Document, Mode, put_elements, put_sub, remove_elements, without_sub
from vestibule.scim.errors import InvalidPath, InvalidValue, MutabilityViolation
from vestibule.scim.extensions import free_key, keep_free_value, put_free_extension
from vestibule.scim.filters import Filter
from vestibule.scim.matching import each
from vestibule.scim.sameness import not_among
from vestibule.scim.targets import ExtensionTarget, FreeTarget, Target
from vestibule.scim.values import duplicate, normalise

_UNASSIGNED: tuple[Any, ...] = (None, [], {})  # RFC 7643 §2.5


def put(
    document: Document, target: Target, where: Filter | None, value: object, mode: Mode, repairs: set[Repair]
) -> Document:
    """Add or replace a value at a target; null means "unassigned" and takes it away."""
    attribute = target.attribute
    holder = _holder(document, target)
    if where is not None:
        _refuse_filter(attribute)
    old = holder.get(attribute.name)
    new: Any
    if attribute.multi_valued:
        new = put_elements(target, where, old or [], value, mode, repairs)
    elif target.sub is not None:
        new = put_sub(attribute, target.sub, old or {}, value, repairs)
    elif value is None and attribute.name == "active" and target.container is None:
        repairs.add(Repair.NULL_VALUE)
        new = old
    else:
        new = _put_single(attribute, old, value, repairs)
    refuse_changed(attribute, old, new)
    return _with(document, target, new)


def take_away(
    document: Document, target: Target, where: Filter | None, value: object, repairs: set[Repair]
) -> Document:
    """Remove a target, the elements that a filter selects, or those that the operation's value lists."""
    attribute = target.attribute
    if where is not None:
        _refuse_filter(attribute)
    old = _holder(document, target).get(attribute.name)
    if old is None:
        _refuse_required(attribute, target.sub)
        return document
    new: Any
    if attribute.multi_valued:
        new = remove_elements(target, where, old, value, repairs)
    elif target.sub is not None:
        new = without_sub(attribute, target.sub, old)
    else:
        new = None
    refuse_changed(attribute, old, new)
    return _with(document, target, new)


def _refuse_filter(attribute: Attribute) -> None:
    if not attribute.multi_valued:
        raise InvalidPath(f"The attribute '{attribute.name}' has no parts to filter by: name it alone.")


def refuse_changed(attribute: Attribute, old: Any, new: Any) -> None:
    """Raise MutabilityViolation where an immutable attribute would lose its value (RFC 7643 §7)."""
    if attribute.mutability is Mutability.IMMUTABLE and old not in _UNASSIGNED and new != old:
        raise MutabilityViolation(
            f"The attribute '{attribute.name}' keeps its first value: take it out of the attribute mapping."
        )


def put_extension(
    document: Document, target: ExtensionTarget, value: object, mode: Mode, repairs: set[Repair]
) -> Document:
    """Merge into (add) or replace a whole extension body; null takes it away."""
    result = dict(document)
    if target.schema is None:
        key = free_key(result, target.urn)
        if value is not None and not isinstance(value, dict):
            raise InvalidValue(f"The extension '{target.urn[:80]}' must be an object.")
        body = dict(result.get(key, {})) if mode is Mode.ADD and value is not None else {}
        for name, inner in (keep_free_value(target.urn, value) or {}).items():
            body[free_key(body, name)] = inner
        put_free_extension(result, target.urn, body)
        return result
    # RFC 7644 §3.5.2.3: replacing a complex value replaces the sub-attributes that are given.
    if value is None:
        body = result.pop(target.urn, None) or {}
        for known in target.schema.attributes:
            refuse_changed(known, body.get(known.name), None)
            if known.name in body:
                _refuse_required(known, None)
        return result
    if not isinstance(value, dict):
        raise InvalidValue(f"The extension '{target.urn}' must be an object.")
    refuse_twice(value)
    for key, inner in value.items():
        attribute = target.schema.table.get(key.lower())
        if attribute is None:
            repairs.add(Repair.UNKNOWN_ATTRIBUTE)
            continue
        if not attribute.kept:
            repairs.add(Repair.READ_ONLY_VALUE)
            continue
        result = put(result, Target(target.urn, attribute), None, inner, mode, repairs)
    return result


def put_free(
    document: Document, target: FreeTarget, where: Filter | None, value: object, mode: Mode
) -> Document:
    """Set, add to or, with null, drop one attribute of an extension that we do not know."""
    if where is not None:
        raise InvalidPath(f"No schema says what '{target.attribute}' is a list of: name it without a filter.")
    result = dict(document)
    body = dict(result.get(free_key(result, target.urn)) or {})
    name = free_key(body, target.attribute)
    old = body.get(name)
    if target.sub is not None:
        holder = old if isinstance(old, dict) else {}
        body[name] = {**holder, free_key(holder, target.sub): value}
    elif mode is Mode.ADD and isinstance(old, list) and value is not None:
        body[name] = old + not_among(each(keep_free_value(target.urn, value)), old)
    else:
        body[name] = value
    put_free_extension(result, target.urn, keep_free_value(target.urn, body))
    return result


def _holder(document: Document, target: Target) -> Mapping[str, Any]:
    return document if target.container is None else document.get(target.container) or {}


def _with(document: Document, target: Target, value: Any) -> Document:
    """The document with the attribute set, or without it when nothing is left of it."""
    name = target.attribute.name
    if value in _UNASSIGNED:
        _refuse_required(target.attribute, None)
        value = None
    holder = dict(_holder(document, target))
    if value is None:
        holder.pop(name, None)
    else:
        holder[name] = value
    if target.container is None:
        return holder
    result = dict(document)
    if holder:
        result[target.container] = holder
    else:
        result.pop(target.container, None)
    return result


def _refuse_required(attribute: Attribute, sub: Attribute | None) -> None:
    if attribute.required and sub is None:
        raise MutabilityViolation(f"The attribute '{attribute.name}' is required and cannot be removed.")


def _put_single(attribute: Attribute, old: Any, value: object, repairs: set[Repair]) -> Any:
    if value is None:
        repairs.add(Repair.NULL_VALUE)
        return None
    new = normalise(attribute, value, repairs)
    if attribute.type is not Type.COMPLEX or not isinstance(value, dict):
        return new
    if attribute.has_value:
        # Replaced as a whole: no old name stays with a new id. What only the service sets changes nothing.
        names = {key.lower() for key in value}
        return old if new is None and names and "value" not in names else new
    nulls = [key.lower() for key, inner in value.items() if inner is None]
    gone = {attribute.table[key].name for key in nulls if key in attribute.table}
    if new is not None and not gone.isdisjoint(new):
        raise duplicate(attribute.name)
    return {name: inner for name, inner in {**(old or {}), **(new or {})}.items() if name not in gone}
