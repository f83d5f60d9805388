"""Bodies of groups: the document without its members, and the members as a list of their own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vestibule.scim.attributes import ResourceType
from vestibule.scim.contradictions import refuse_twice
from vestibule.scim.dialects import Repair, registered_urn
from vestibule.scim.errors import InvalidSyntax, InvalidValue, TooMany
from vestibule.scim.folding import is_blank
from vestibule.scim.requirements import refuse_missing
from vestibule.scim.resources import folded_key, normalise_resource, refuse_controls
from vestibule.scim.schemas import GROUP
from vestibule.scim.values import duplicate, is_storable

MOST_MEMBERS = 100_000
_LONGEST_VALUE = 256
_MEMBER_NAMES = frozenset({"value", "display", "type", "$ref"})
_TYPES = {"user": "User", "group": "Group"}


@dataclass(frozen=True, slots=True)
class MemberRef:
    """A member as the IdP names it: `value` is a SCIM id as text; `type` is User, Group or not said."""

    value: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class GroupKeys:
    """What a group is found by. `display_name_ci` is folded."""

    display_name: str
    display_name_ci: str
    external_id: str | None


@dataclass(frozen=True, slots=True)
class ParsedGroup:
    """A group's document without members; `members` is None where the body does not say any."""

    document: dict[str, Any]
    keys: GroupKeys
    members: tuple[MemberRef, ...] | None
    repairs: frozenset[Repair]


def parse_group(body: object, kind: ResourceType = GROUP) -> ParsedGroup:
    """Read the body of a POST or PUT. Each member comes once, in the order of the body."""
    if not isinstance(body, dict):
        raise InvalidSyntax("The body must be one JSON object with the group's attributes.")
    repairs: set[Repair] = set()
    names = [key for key in body if _means_members(key)]
    if len(names) > 1:
        raise duplicate("members")
    members = parse_members(body[names[0]], repairs) if names else None
    rest = {key: value for key, value in body.items() if key not in names} if names else body
    document = normalise_resource(kind, rest, repairs)
    refuse_missing(kind, document)
    return ParsedGroup(document, group_keys(document), members, frozenset(repairs))


def _means_members(key: str) -> bool:
    urn, _, name = key.rpartition(":")
    return name.lower() == "members" and (not urn or registered_urn(urn, set()) == GROUP.schema.id)


def group_keys(document: Mapping[str, Any]) -> GroupKeys:
    """The keys of a normalised group; InvalidValue when it has no name."""
    name = document.get("displayName")
    if not isinstance(name, str) or is_blank(name):
        raise InvalidValue("The attribute 'displayName' is missing or empty: give the group a name.")
    refuse_controls("displayName", name)
    return GroupKeys(name, folded_key("displayName", name), document.get("externalId") or None)


def parse_members(value: object, repairs: set[Repair]) -> tuple[MemberRef, ...]:
    """Read a list of members in any shape that IdPs use; null is an empty list."""
    if value is None:
        return ()
    elements: Iterable[object] = value if isinstance(value, list) else (value,)
    if isinstance(value, list) and len(value) > MOST_MEMBERS:
        raise TooMany(f"A request may name at most {MOST_MEMBERS} members: send several requests.")
    found: dict[str, MemberRef] = {}
    for element in elements:
        if element is not None:
            member = _parse_member(element, repairs)
            found[member.value] = member
    return tuple(found.values())


def _parse_member(element: object, repairs: set[Repair]) -> MemberRef:
    if isinstance(element, str):
        repairs.add(Repair.MEMBER_SHAPE)
        return MemberRef(_check_value(element))
    if not isinstance(element, dict):
        raise InvalidValue("Each member must be an object with the member's id as 'value'.")
    if not element.keys() <= _MEMBER_NAMES:
        refuse_twice(element)
    value, kind = element.get("value"), element.get("type")
    if value is None or "value" not in element:
        lower = {key.lower(): inner for key, inner in element.items()}
        value, kind = lower.get("value"), lower.get("type")
        reference = lower.get("$ref")
        if value is None and isinstance(reference, str):
            value = reference.rstrip("/").rpartition("/")[2]
        repairs.add(Repair.MEMBER_SHAPE)
    return MemberRef(_check_value(value), _TYPES.get(kind.lower()) if isinstance(kind, str) else None)


def _check_value(value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > _LONGEST_VALUE or not is_storable(value):
        raise InvalidValue("A member has no usable 'value': send the id that this service gave the member.")
    return value
