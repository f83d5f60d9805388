"""Filters that one key answers: what IdPs ask all day long, found by statements whose plans are kept."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from vestibule.domain.identifiers import parse_id
from vestibule.scim.attributes import ResourceType
from vestibule.scim.dialects import read_boolean, registered_urn
from vestibule.scim.filters import And, Comparison, Filter, Literal, Operator, ValuePath
from vestibule.scim.folding import fold
from vestibule.scim.names import AttributeName
from vestibule.scim.values import is_storable


class Field(StrEnum):
    """What a resource can be looked up by, and what may narrow that."""

    ID = "id"
    USER_NAME = "user_name"
    EXTERNAL_ID = "external_id"
    DISPLAY_NAME = "display_name"
    WORK_EMAIL = "work_email"
    MEMBER = "member"
    GROUP = "group"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class Lookup:
    """One key, folded where its letter case does not matter; `active` and `member` must hold beside it."""

    field: Field
    value: str
    active: bool | None = None
    member: str | None = None


_Term = tuple[Field, str | bool]

_USER_FIELDS: Final = {
    "id": Field.ID,
    "externalid": Field.EXTERNAL_ID,
    "username": Field.USER_NAME,
    "displayname": Field.DISPLAY_NAME,
    "emails": Field.WORK_EMAIL,
    "groups": Field.GROUP,
    "active": Field.ACTIVE,
}
_GROUP_FIELDS: Final = {
    "id": Field.ID,
    "externalid": Field.EXTERNAL_ID,
    "displayname": Field.DISPLAY_NAME,
    "members": Field.MEMBER,
}
_FOLDED: Final = frozenset({Field.USER_NAME, Field.DISPLAY_NAME, Field.WORK_EMAIL})
REFERENCES: Final = frozenset(
    {Field.MEMBER, Field.GROUP}
)  # of the latter as many may be found as there are people
_IDS: Final = frozenset({Field.ID, *REFERENCES})


def as_lookup(condition: Filter, resource_type: ResourceType) -> Lookup | None:
    """The look-up that answers a filter exactly; None where no key does, or it is not understood here."""
    if isinstance(condition, Comparison):  # nearly always
        return _lookup_of(_term(condition, resource_type))
    parts = condition.terms if isinstance(condition, And) else (condition,)
    found: dict[Field, str | bool] = {}
    for part in parts:
        term = _term(part, resource_type)
        if term is None or found.setdefault(*term) != term[1]:
            return None
    active = found.pop(Field.ACTIVE, None)
    member = found.pop(Field.MEMBER, None) if len(found) > 1 else None
    if len(found) != 1:
        return None
    [(key, value)] = found.items()
    assert isinstance(value, str)
    assert not isinstance(active, str)
    assert not isinstance(member, bool)
    return Lookup(key, value, active, member)


def _lookup_of(term: _Term | None) -> Lookup | None:
    """The look-up of one term alone."""
    if term is None or isinstance(term[1], bool):
        return None
    return Lookup(term[0], term[1])


def _term(condition: Filter, resource_type: ResourceType) -> _Term | None:
    match condition:
        case Comparison(name, Operator.EQ, value, None):
            found = _field(name, resource_type)
            if found is Field.WORK_EMAIL or (name.sub is not None and found not in REFERENCES):
                return None
            return _checked(found, value)
        case Comparison(name, Operator.EQ, value, where) if where is not None:
            if _field(name, resource_type) is Field.WORK_EMAIL and _sub(name) == "value" and _is_work(where):
                return _checked(Field.WORK_EMAIL, value)
        case ValuePath(name, where) if name.sub is None:
            return _element_term(_field(name, resource_type), where)
        case _:
            pass
    return None


def _element_term(found: Field | None, where: Filter) -> _Term | None:
    """`members[value eq "u"]`, `groups[value eq "g"]` and `emails[type eq "work" and value eq "a"]`."""
    match where:
        case Comparison(_, Operator.EQ, value, None) if found in REFERENCES and _is_of(where, "value"):
            return _checked(found, value)
        case And((one, other)) if found is Field.WORK_EMAIL:
            chosen, rest = (one, other) if _is_of(one, "value") else (other, one)
            if isinstance(chosen, Comparison) and _is_of(chosen, "value") and _is_work(rest):
                return _checked(found, chosen.value)
        case _:
            pass
    return None


def _field(name: AttributeName, resource_type: ResourceType) -> Field | None:
    if name.schema is not None and registered_urn(name.schema, set()) != resource_type.schema.id:
        return None
    fields = _USER_FIELDS if resource_type.name == "User" else _GROUP_FIELDS
    found = fields.get((name.attribute or "").lower())
    return found if _sub(name) == "value" else None


def _sub(name: AttributeName) -> str:
    return (name.sub or "value").lower()


def _checked(found: Field | None, value: Literal) -> _Term | None:
    if found is None:
        return None
    if found is Field.ACTIVE:
        truth = read_boolean(value) if isinstance(value, str) else value
        return (found, truth) if isinstance(truth, bool) else None
    if not isinstance(value, str) or not value or not is_storable(value):
        return None
    if found in _IDS and parse_id(value) is None:
        return None
    return found, fold(value) if found in _FOLDED else value


def _is_work(condition: Filter) -> bool:
    return (
        isinstance(condition, Comparison)
        and _is_of(condition, "type")
        and isinstance(condition.value, str)
        and fold(condition.value) == "work"
    )


def _is_of(condition: Filter, sub: str) -> bool:
    """Whether it is an equality with one sub-attribute, inside brackets."""
    return (
        isinstance(condition, Comparison)
        and condition.operator is Operator.EQ
        and condition.where is None
        and condition.name.schema is None
        and condition.name.sub is None
        and (condition.name.attribute or "").lower() == sub
    )
