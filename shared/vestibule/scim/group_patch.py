"""PATCH of a group as a change: its cost follows the request, never the number of members it has."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from vestibule.scim.attributes import ResourceType
from vestibule.scim.contradictions import refuse_contradictions
from vestibule.scim.dialects import Repair
from vestibule.scim.elements import Mode
from vestibule.scim.errors import InvalidPath, MutabilityViolation
from vestibule.scim.filters import And, Comparison, Filter, Operator, Or
from vestibule.scim.fitting import fit
from vestibule.scim.groups import GroupKeys, MemberRef, group_keys, parse_members
from vestibule.scim.limits import DEFAULTS
from vestibule.scim.names import AttributeName
from vestibule.scim.operations import Operation, Verb, parse_operations
from vestibule.scim.patch import apply_operations, put_all
from vestibule.scim.paths import Path, parse_path_or_none
from vestibule.scim.requirements import refuse_missing
from vestibule.scim.sameness import same
from vestibule.scim.schemas import GROUP
from vestibule.scim.targets import Target, resolve


@dataclass(frozen=True, slots=True)
class MembersChange:
    """The net effect of all operations: members = ((none if `replaced` else those now) - removed) + added.

    `added` and `removed` have no value in common; with `replaced`, `removed` is empty.
    """

    replaced: bool
    added: tuple[MemberRef, ...]
    removed: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.replaced or self.added or self.removed)


@dataclass(frozen=True, slots=True)
class GroupChange:
    """The group after a PATCH; where `changed` is false, `document` is the very object that came in."""

    document: dict[str, Any]
    keys: GroupKeys
    changed: bool
    members: MembersChange
    repairs: frozenset[Repair]


@dataclass(slots=True)
class _Members:
    """The members' change while it is put together from operations in their order."""

    replaced: bool = False
    added: dict[str, MemberRef] = field(default_factory=dict)
    removed: dict[str, None] = field(default_factory=dict)

    def add(self, members: tuple[MemberRef, ...]) -> None:
        for member in members:
            self.removed.pop(member.value, None)
            self.added[member.value] = member

    def remove(self, values: tuple[str, ...]) -> None:
        for value in values:
            self.added.pop(value, None)
            if not self.replaced:
                self.removed[value] = None

    def replace(self, members: tuple[MemberRef, ...]) -> None:
        self.replaced = True
        self.removed.clear()
        self.added = {member.value: member for member in members}


def patch_group(
    document: dict[str, Any],
    body: object,
    kind: ResourceType = GROUP,
    most_operations: int = DEFAULTS.group_operations,
) -> GroupChange:
    """Read a PATCH of a group whose document (without members) is given. Any error means no change."""
    repairs: set[Repair] = set()
    members = _Members()
    result = fitted = fit(kind, document).document
    for operation in parse_operations(body, repairs, most=most_operations):
        if operation.path is None:
            result = _apply_pathless(kind, result, operation, members, repairs)
        elif _is_members(operation.path, repairs):
            _apply_to_members(members, operation.verb, operation.path, operation.value, repairs)
        else:
            result = apply_operations(kind, result, (operation,), repairs)
    refuse_missing(kind, result, before=fitted)
    changed = not same(result, document)
    change = MembersChange(members.replaced, tuple(members.added.values()), tuple(members.removed))
    return GroupChange(
        result if changed else document, group_keys(result), changed, change, frozenset(repairs)
    )


def _apply_pathless(
    kind: ResourceType,
    document: dict[str, Any],
    operation: Operation,
    members: _Members,
    repairs: set[Repair],
) -> dict[str, Any]:
    refuse_contradictions(kind, operation.value)
    rest: dict[str, Any] = {}
    for key, value in operation.value.items():
        path = parse_path_or_none(key)
        if path is not None and _is_members(path, repairs):
            _apply_to_members(members, operation.verb, path, value, repairs)
        else:
            rest[key] = value
    return put_all(kind, document, rest, Mode(operation.verb.value), repairs)


def _is_members(path: Path, repairs: set[Repair]) -> bool:
    if path.name.attribute is None or path.name.attribute.lower() != "members":
        return False
    target = resolve(GROUP, AttributeName(path.name.schema, path.name.attribute), repairs)
    return isinstance(target, Target) and target.attribute.name == "members"


def _apply_to_members(members: _Members, verb: Verb, path: Path, value: object, repairs: set[Repair]) -> None:
    if path.name.sub is not None and path.name.sub.lower() != "value":
        # What describes a member is looked up by the service: it is not stored with the membership.
        repairs.add(Repair.READ_ONLY_VALUE)
        return
    if path.where is not None:
        _apply_to_selected(members, verb, _selected(path.where), value, repairs)
    elif path.name.sub is not None and verb is not Verb.ADD:
        raise _immutable()
    elif verb is Verb.ADD:
        members.add(parse_members(value, repairs))
    elif verb is Verb.REPLACE:
        members.replace(parse_members(value, repairs))
    elif value is None:
        members.replace(())
    else:
        # Entra and JumpCloud list whom to remove in the value instead of a filter.
        repairs.add(Repair.REMOVE_BY_VALUE)
        members.remove(tuple(member.value for member in parse_members(value, repairs)))


def _apply_to_selected(
    members: _Members, verb: Verb, values: tuple[str, ...], value: object, repairs: set[Repair]
) -> None:
    if verb is Verb.REMOVE or (verb is Verb.REPLACE and value is None):
        members.remove(values)
        return
    if value is None:
        return
    if any(said not in values for said in _said_values(value)):
        raise _immutable()
    # As everywhere, a value path that names what is not there creates it.
    repairs.add(Repair.CREATED_TARGET)
    members.add(tuple(MemberRef(value) for value in values))


def _said_values(value: object) -> Iterator[object]:
    """The ids that a value says, in any of the shapes of a member."""
    for element in value if isinstance(value, list) else (value,):
        if isinstance(element, dict):
            yield from (inner for name, inner in element.items() if name.lower() == "value")
        else:
            yield element


def _immutable() -> MutabilityViolation:
    # RFC 7643 §8.7.1: members.value is immutable.
    return MutabilityViolation(
        "A member's 'value' cannot be changed: remove the member and add the other one."
    )


def _selected(where: Filter) -> tuple[str, ...]:
    """The ids that a filter on members names: `value eq "a"`, also several joined by `or`."""
    terms = where.terms if isinstance(where, Or) else (where,)
    values = []
    for term in terms:
        found = _value_of(term)
        if found is None:
            raise InvalidPath('Members are selected by their id only: members[value eq "…"].')
        values.append(found)
    return tuple(values)


def _value_of(term: Filter) -> str | None:
    if isinstance(term, And):
        # `value eq "a" and type eq "User"`: an id says it all.
        found = [value for value in map(_value_of, term.terms) if value is not None]
        return found[0] if len(found) == 1 and all(_is_plain(inner) for inner in term.terms) else None
    if not isinstance(term, Comparison) or term.operator is not Operator.EQ or term.where is not None:
        return None
    if (term.name.attribute or "").lower() != "value" or not isinstance(term.value, str):
        return None
    return term.value


def _is_plain(term: Filter) -> bool:
    return (
        isinstance(term, Comparison)
        and term.operator is Operator.EQ
        and (term.name.attribute or "").lower() in ("value", "type")
    )
