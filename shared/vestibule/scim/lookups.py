"""Filters that are answered by keys: equalities joined by `and`, which is all that IdPs ask with."""

from dataclasses import dataclass
from enum import StrEnum

from vestibule.scim.attributes import ResourceType
from vestibule.scim.dialects import read_boolean, registered_urn
from vestibule.scim.errors import InvalidFilter
from vestibule.scim.filters import And, Comparison, Filter, Literal, Operator, ValuePath
from vestibule.scim.folding import fold
from vestibule.scim.names import AttributeName


class Field(StrEnum):
    """What a resource can be looked up by."""

    ID = "id"
    USER_NAME = "user_name"
    EXTERNAL_ID = "external_id"
    DISPLAY_NAME = "display_name"
    WORK_EMAIL = "work_email"
    EMAIL = "email"
    ACTIVE = "active"
    MEMBER = "member"


@dataclass(frozen=True, slots=True)
class Term:
    """One equality. The value is folded where the field's letter case does not matter; a bool for ACTIVE."""

    field: Field
    value: str | bool


@dataclass(frozen=True, slots=True)
class Lookup:
    """All terms must hold."""

    terms: tuple[Term, ...]


_USER_FIELDS = {
    "id": Field.ID,
    "externalid": Field.EXTERNAL_ID,
    "username": Field.USER_NAME,
    "displayname": Field.DISPLAY_NAME,
    "emails": Field.EMAIL,
    "active": Field.ACTIVE,
}
_GROUP_FIELDS = {
    "id": Field.ID,
    "externalid": Field.EXTERNAL_ID,
    "displayname": Field.DISPLAY_NAME,
    "members": Field.MEMBER,
}
_MULTI_VALUED = frozenset({Field.EMAIL, Field.MEMBER})
_CASE_EXACT = frozenset({Field.ID, Field.EXTERNAL_ID, Field.MEMBER})
_SUPPORTED = {
    "User": 'userName, externalId, id, displayName, active, emails.value and emails[type eq "work"].value',
    "Group": "displayName, externalId, id and members",
}


def as_lookup(condition: Filter, resource_type: ResourceType) -> Lookup:
    """The look-up by keys that a filter asks for; InvalidFilter when it asks for more."""
    terms = condition.terms if isinstance(condition, And) else (condition,)
    return Lookup(tuple(_as_term(term, resource_type) for term in terms))


def _as_term(condition: Filter, resource_type: ResourceType) -> Term:
    match condition:
        case Comparison(name, Operator.EQ, value, None):
            return _term(_field(name, resource_type), value, resource_type)
        case Comparison(name, Operator.EQ, value, where) if where is not None:
            if _field(name, resource_type) is Field.EMAIL and _is_work(where):
                return _term(Field.WORK_EMAIL, value, resource_type)
        case ValuePath(name, where):
            return _element_term(_field(name, resource_type), where, resource_type)
        case _:
            pass
    raise _unsupported(resource_type)


def _element_term(found: Field | None, where: Filter, resource_type: ResourceType) -> Term:
    """`members[value eq "u"]`, `emails[value eq "a"]` and `emails[type eq "work" and value eq "a"]`."""
    terms = where.terms if isinstance(where, And) else (where,)
    values = [term for term in terms if _is_equality(term, "value")]
    others = [term for term in terms if term not in values]
    if found not in _MULTI_VALUED or len(values) != 1:
        raise _unsupported(resource_type)
    assert isinstance(values[0], Comparison)
    if not others:
        return _term(found, values[0].value, resource_type)
    if found is Field.EMAIL and len(others) == 1 and _is_work(others[0]):
        return _term(Field.WORK_EMAIL, values[0].value, resource_type)
    raise _unsupported(resource_type)


def _field(name: AttributeName, resource_type: ResourceType) -> Field | None:
    if name.schema is not None and registered_urn(name.schema, set()) != resource_type.schema.id:
        return None
    fields = _USER_FIELDS if resource_type.name == "User" else _GROUP_FIELDS
    found = fields.get((name.attribute or "").lower())
    if name.sub is not None and (found not in _MULTI_VALUED or name.sub.lower() != "value"):
        return None
    return found


def _term(found: Field | None, value: Literal, resource_type: ResourceType) -> Term:
    if found is None:
        raise _unsupported(resource_type)
    if found is Field.ACTIVE:
        truth = read_boolean(value) if isinstance(value, str) else value
        if not isinstance(truth, bool):
            raise InvalidFilter("The filter must compare 'active' with true or false.")
        return Term(found, truth)
    if not isinstance(value, str):
        raise InvalidFilter("The filter must compare with a text in double quotes.")
    if "\x00" in value:
        raise InvalidFilter("The filter has a character that is no text: remove it.")
    return Term(found, value if found in _CASE_EXACT else fold(value))


def _is_work(condition: Filter) -> bool:
    return (
        _is_equality(condition, "type")
        and isinstance(condition, Comparison)
        and isinstance(condition.value, str)
        and condition.value.lower() == "work"
    )


def _is_equality(condition: Filter, sub: str) -> bool:
    return (
        isinstance(condition, Comparison)
        and condition.operator is Operator.EQ
        and condition.where is None
        and condition.name.schema is None
        and condition.name.sub is None
        and (condition.name.attribute or "").lower() == sub
    )


def _unsupported(resource_type: ResourceType) -> InvalidFilter:
    return InvalidFilter(
        f"This service filters {resource_type.name} resources by 'eq' on {_SUPPORTED[resource_type.name]}, "
        "joined by 'and': change the matching attribute in the identity provider."
    )
