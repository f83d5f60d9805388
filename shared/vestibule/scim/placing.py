"""From a path or a qualified key to the change that it asks for, and who may ask for it."""

from typing import Any

from vestibule.scim.attributes import Attribute, ResourceType, Returned
from vestibule.scim.dialects import Repair
from vestibule.scim.editing import put, put_extension, put_free
from vestibule.scim.elements import Mode
from vestibule.scim.errors import MutabilityViolation
from vestibule.scim.extensions import free_key
from vestibule.scim.paths import Path, parse_path_or_none
from vestibule.scim.targets import ExtensionTarget, FreeTarget, Target, resolve


def put_qualified(
    resource_type: ResourceType,
    document: dict[str, Any],
    key: str,
    value: object,
    mode: Mode,
    repairs: set[Repair],
) -> dict[str, Any]:
    """Put a value under a key of a body: dotted, URN-qualified or a value path; unknown ones are ignored."""
    path = parse_path_or_none(key)
    if path is None:
        repairs.add(Repair.UNKNOWN_ATTRIBUTE)
        return document
    if path.where is not None or path.name.sub is not None or path.name.schema is not None:
        repairs.add(Repair.QUALIFIED_KEY)
    return put_at(resource_type, document, path, value, mode, repairs, ignore_read_only=True)


def put_at(
    resource_type: ResourceType,
    document: dict[str, Any],
    path: Path,
    value: object,
    mode: Mode,
    repairs: set[Repair],
    *,
    ignore_read_only: bool,
) -> dict[str, Any]:
    """Put a value at a path. What only the server sets is refused, or ignored where it came by a bare key."""
    target = resolve_in(document, resource_type, path, repairs, is_object=isinstance(value, dict))
    match target:
        case None:
            return document
        case ExtensionTarget():
            return put_extension(document, target, value, mode, repairs)
        case FreeTarget():
            return put_free(document, target, path.where, value, mode)
        case Target():
            if is_left_out(target, repairs, ignore_read_only=ignore_read_only):
                return document
            return put(document, target, path.where, value, mode, repairs)


def resolve_in(
    document: dict[str, Any],
    resource_type: ResourceType,
    path: Path,
    repairs: set[Repair],
    *,
    is_object: bool,
) -> Target | ExtensionTarget | FreeTarget | None:
    """Find what a path means in this document, which settles where an unknown extension's URN ends."""
    target = resolve(resource_type, path.name, repairs)
    if not isinstance(target, FreeTarget) or free_key(document, target.urn) in document:
        return target
    whole = f"{target.urn}:{target.attribute}"
    if free_key(document, whole) in document or is_object:
        # The same text may be an extension or an attribute of one: `urn:corp:2.0:User`.
        return ExtensionTarget(whole, None) if target.sub is None else FreeTarget(whole, target.sub, None)
    return target


def is_left_out(target: Target, repairs: set[Repair], *, ignore_read_only: bool) -> bool:
    """Whether a target takes no value from clients; MutabilityViolation where it must be refused."""
    if target.attribute.returned is Returned.NEVER:
        repairs.add(Repair.PASSWORD)
        return True
    if not target.attribute.writable:
        if not ignore_read_only and target.attribute.name != "schemas":
            raise _read_only(target.attribute)
        repairs.add(Repair.READ_ONLY_VALUE)
        return True
    if target.sub is not None and not target.sub.writable:
        repairs.add(Repair.READ_ONLY_VALUE)
        return True
    return False


def _read_only(attribute: Attribute) -> MutabilityViolation:
    return MutabilityViolation(
        f"The attribute '{attribute.name}' is set by the service and cannot be changed: "
        "take it out of the attribute mapping."
    )
