"""PATCH of a document (RFC 7644 §3.5.2): all operations or none, and no change when nothing changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vestibule.scim.attributes import ResourceType
from vestibule.scim.contradictions import refuse_contradictions
from vestibule.scim.dialects import Repair
from vestibule.scim.editing import put_extension, put_free, take_away
from vestibule.scim.elements import Mode
from vestibule.scim.fitting import fit
from vestibule.scim.limits import DEFAULTS
from vestibule.scim.operations import Operation, Verb, parse_operations
from vestibule.scim.paths import Path
from vestibule.scim.placing import is_left_out, put_at, put_qualified, resolve_in
from vestibule.scim.requirements import refuse_missing
from vestibule.scim.resources import UserKeys, user_keys
from vestibule.scim.sameness import same
from vestibule.scim.schemas import USER
from vestibule.scim.targets import ExtensionTarget, FreeTarget, Target

_LONGEST_FILTERS = 8192
_MODES = {Verb.ADD: Mode.ADD, Verb.REPLACE: Mode.REPLACE}


@dataclass(frozen=True, slots=True)
class PatchedUser:
    """The user after a PATCH; where `changed` is false, `document` is the very object that came in."""

    document: dict[str, Any]
    keys: UserKeys
    changed: bool
    repairs: frozenset[Repair]


def patch_user(
    document: dict[str, Any],
    body: object,
    kind: ResourceType = USER,
    most_operations: int = DEFAULTS.user_operations,
) -> PatchedUser:
    """Apply a PATCH body to a normalised user. Any error leaves the user as it was."""
    repairs: set[Repair] = set()
    operations = parse_operations(body, repairs, most=most_operations, most_filter=_LONGEST_FILTERS)
    fitted = fit(kind, document).document
    result = apply_operations(kind, fitted, operations, repairs)
    refuse_missing(kind, result, before=fitted)
    keys = user_keys(result)
    changed = not same(result, document)
    return PatchedUser(result if changed else document, keys, changed, frozenset(repairs))


def apply_operations(
    resource_type: ResourceType,
    document: dict[str, Any],
    operations: Iterable[Operation],
    repairs: set[Repair],
) -> dict[str, Any]:
    """Apply operations one after the other; the document that comes in is never touched."""
    for operation in operations:
        if operation.verb is Verb.REMOVE:
            assert operation.path is not None
            document = _remove(resource_type, document, operation.path, operation.value, repairs)
        elif operation.path is None:
            document = put_all(resource_type, document, operation.value, _MODES[operation.verb], repairs)
        else:
            document = put_at(
                resource_type,
                document,
                operation.path,
                operation.value,
                _MODES[operation.verb],
                repairs,
                ignore_read_only=False,
            )
    return document


def put_all(
    resource_type: ResourceType,
    document: dict[str, Any],
    values: Mapping[str, Any],
    mode: Mode,
    repairs: set[Repair],
) -> dict[str, Any]:
    """Put each attribute of an operation without path; its keys may be qualified in any way."""
    refuse_contradictions(resource_type, values)
    for key, value in values.items():
        document = put_qualified(resource_type, document, key, value, mode, repairs)
    return document


def _remove(
    resource_type: ResourceType, document: dict[str, Any], path: Path, value: object, repairs: set[Repair]
) -> dict[str, Any]:
    target = resolve_in(document, resource_type, path, repairs, is_object=False)
    match target:
        case None:
            return document
        case ExtensionTarget():
            return put_extension(document, target, None, Mode.REPLACE, repairs)
        case FreeTarget():
            return put_free(document, target, path.where, None, Mode.REPLACE)
        case Target():
            if is_left_out(target, repairs, ignore_read_only=False):
                return document
            return take_away(document, target, path.where, value, repairs)
