"""Bodies of POST and PUT: from what an IdP sends to the document that we keep and the keys that find it."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vestibule.scim.attributes import Attribute, ResourceType, Returned, Schema
from vestibule.scim.contradictions import refuse_contradictions
from vestibule.scim.dialects import Repair, registered_urn
from vestibule.scim.editing import refuse_changed
from vestibule.scim.elements import Mode
from vestibule.scim.errors import InvalidSyntax, InvalidValue, TooMany
from vestibule.scim.extensions import keep_free_value, put_free_extension
from vestibule.scim.fitting import fit
from vestibule.scim.folding import fold, is_blank
from vestibule.scim.paths import parse_path_or_none
from vestibule.scim.placing import put_qualified
from vestibule.scim.requirements import refuse_missing
from vestibule.scim.schemas import USER
from vestibule.scim.values import duplicate, normalise

MOST_OTHER_KEYS = 200
_LONGEST_KEY = 2000  # bytes: an index row of PostgreSQL takes 2,704


@dataclass(frozen=True, slots=True)
class UserKeys:
    """What a user is found by. `_ci` values are folded; `work_email_ci` is the primary work address."""

    user_name: str
    user_name_ci: str
    external_id: str | None
    work_email_ci: str | None
    display_name: str | None
    display_name_ci: str | None
    active: bool


@dataclass(frozen=True, slots=True)
class ParsedUser:
    """A user's document with canonical names and without `schemas`, `id`, `meta`, `groups` and `password`."""

    document: dict[str, Any]
    keys: UserKeys
    repairs: frozenset[Repair]


def parse_user(
    body: object, previous: Mapping[str, Any] | None = None, kind: ResourceType = USER
) -> ParsedUser:
    """Read the body of a POST or, with the document so far as `previous`, of a PUT.

    A PUT that does not say `active` keeps what was: nobody gets access back by an omission.
    """
    repairs: set[Repair] = set()
    document = normalise_resource(kind, body, repairs)
    refuse_missing(kind, document)
    if previous is not None:
        keep_immutable(kind, fit(kind, previous).document, document)
    if "active" not in document:
        if previous is None:
            document["active"] = True
        elif "active" in previous:
            document["active"] = previous["active"]
    return ParsedUser(document, user_keys(document), frozenset(repairs))


def user_keys(document: Mapping[str, Any]) -> UserKeys:
    """The keys of a normalised user; InvalidValue when there is no userName."""
    user_name = document.get("userName")
    if not isinstance(user_name, str) or is_blank(user_name):
        raise InvalidValue("The attribute 'userName' is missing or empty: map it to the person's login.")
    refuse_controls("userName", user_name)
    display_name = document.get("displayName")
    work_email = _work_email(document.get("emails"))
    return UserKeys(
        user_name=user_name,
        user_name_ci=folded_key("userName", user_name),
        external_id=document.get("externalId") or None,
        work_email_ci=folded_key("emails", work_email) if work_email else None,
        display_name=display_name,
        display_name_ci=folded_key("displayName", display_name) if display_name else None,
        # Unassigned after a PATCH removed it (RFC 7644 §3.5.2.2): a removal never gives access.
        active=document.get("active", False),
    )


def folded_key(name: str, text: str) -> str:
    """A folded value that fits an index row; InvalidValue when folding made it too long."""
    folded = fold(text)
    if len(folded) > _LONGEST_KEY // 4 and len(folded.encode()) > _LONGEST_KEY:
        raise InvalidValue(f"The attribute '{name}' is too long: send a shorter value.")
    return folded


def refuse_controls(name: str, text: str) -> None:
    """Raise InvalidValue for a name with a control character: shown somewhere it would pass for another."""
    if not text.isprintable() and any(unicodedata.category(sign) == "Cc" for sign in text):
        raise InvalidValue(f"The attribute '{name}' has a control character or a line end: remove it.")


def depth_within(value: object, limit: int) -> bool:
    """Whether lists and objects are nested at most `limit` deep; a bare value is 0 deep."""
    level: list[Any] = [value] if isinstance(value, dict | list) else []
    for _ in range(limit):
        # Level by level and by exact types: what may be a hundred thousand lists makes no object for each.
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return True
    return not level


def normalise_resource(resource_type: ResourceType, body: object, repairs: set[Repair]) -> dict[str, Any]:
    """A body with canonical names and checked values; what a client may not set is left out."""
    if not isinstance(body, dict):
        raise InvalidSyntax("The body must be one JSON object with the resource's attributes.")
    table = resource_type.table
    plain = resource_type.plain_texts
    document: dict[str, Any] = {}
    others: list[tuple[str, object]] = []
    for key, value in body.items():
        if key in plain and type(value) is str and len(value) <= plain[key] and value.isprintable():
            document[key] = value
            continue
        attribute = table.get(key)
        if attribute is None or attribute.name != key:
            others.append((key, value))
        elif value is None:
            repairs.add(Repair.NULL_VALUE)
        elif not attribute.kept:
            _note_left_out(attribute, repairs)
        else:
            normal = normalise(attribute, value, repairs)
            if normal is not None:
                document[key] = normal
    return _add_others(resource_type, body, document, others, repairs) if others else document


def keep_immutable(
    resource_type: ResourceType, previous: Mapping[str, Any], document: Mapping[str, Any]
) -> None:
    """Raise MutabilityViolation where a PUT changes what is set for ever (RFC 7644 §3.5.1)."""
    for attribute in resource_type.immutables:
        refuse_changed(attribute, previous.get(attribute.name), document.get(attribute.name))
    for schema in resource_type.extensions:
        for attribute in schema.immutables:
            old, new = previous.get(schema.id) or {}, document.get(schema.id) or {}
            refuse_changed(attribute, old.get(attribute.name), new.get(attribute.name))


def _note_left_out(attribute: Attribute, repairs: set[Repair]) -> None:
    """`schemas` is never read: the endpoint decides the type, whatever URNs the IdP lists."""
    if attribute.returned is Returned.NEVER:
        repairs.add(Repair.PASSWORD)
    elif attribute.name != "schemas":
        repairs.add(Repair.READ_ONLY_VALUE)


def _add_others(
    resource_type: ResourceType,
    body: Mapping[str, Any],
    document: dict[str, Any],
    others: list[tuple[str, object]],
    repairs: set[Repair],
) -> dict[str, Any]:
    """Read keys that are no canonical name: other case, extensions, qualified names, unknown ones."""
    if len(others) > MOST_OTHER_KEYS:
        raise TooMany(f"The body has more than {MOST_OTHER_KEYS} attributes that no schema has: send fewer.")
    if any(key not in resource_type.extension_table and not key.isalnum() for key, _ in others):
        refuse_contradictions(resource_type, body)
    qualified: list[tuple[str, object]] = []
    for key, value in others:
        if key in resource_type.extension_table and isinstance(value, dict):
            _put_extension(resource_type.extension_table[key], document, value, repairs)
            continue
        attribute = resource_type.table.get(key.lower())
        if attribute is not None:
            repairs.add(Repair.NAME_CASE)
            if attribute.name in document or attribute.name in body:
                raise duplicate(attribute.name)
            if attribute.kept and value is not None:
                normal = normalise(attribute, value, repairs)
                if normal is not None:
                    document[attribute.name] = normal
        elif not _add_extension(resource_type, document, key, value, repairs):
            qualified.append((key, value))
    for key, value in qualified:
        document = put_qualified(resource_type, document, key, value, Mode.REPLACE, repairs)
    return document


def _add_extension(
    resource_type: ResourceType, document: dict[str, Any], key: str, value: object, repairs: set[Repair]
) -> bool:
    """Read an extension's body; False when the key is none."""
    if key[:4].lower() != "urn:" or not (value is None or isinstance(value, dict)):
        return False
    registered = registered_urn(key, repairs)
    schema = resource_type.extension_table.get(registered or key.lower())
    if schema is None and registered is None:
        if parse_known_attribute(resource_type, key):
            return False
        put_free_extension(document, key, keep_free_value(key, value))
        return True
    if schema is not None and value is not None:
        _put_extension(schema, document, value, repairs)
    return True


def _put_extension(
    schema: Schema, document: dict[str, Any], body: Mapping[str, object], repairs: set[Repair]
) -> None:
    if schema.id in document:
        raise duplicate(schema.id)
    normal = _normalise_extension(schema, body, repairs)
    if normal:
        document[schema.id] = normal


def parse_known_attribute(resource_type: ResourceType, key: str) -> bool:
    """Whether a URN-qualified key names an attribute of a known schema, not an extension."""
    path = parse_path_or_none(key)
    if path is None or path.name.schema is None or path.name.attribute is None:
        return False
    urn = registered_urn(path.name.schema, set()) or path.name.schema.lower()
    return urn == resource_type.schema.id or urn in resource_type.extension_table


def _normalise_extension(schema: Schema, body: Mapping[str, object], repairs: set[Repair]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    plain = schema.plain_texts
    for key, value in body.items():
        is_new = key in plain and key not in result
        if is_new and type(value) is str and len(value) <= plain[key] and value.isprintable():
            result[key] = value
            continue
        attribute = schema.table.get(key) or schema.table.get(key.lower())
        if attribute is None:
            repairs.add(Repair.UNKNOWN_ATTRIBUTE)
            continue
        if attribute.name in result:
            raise duplicate(attribute.name)
        if not attribute.kept:
            _note_left_out(attribute, repairs)
            continue
        normal = normalise(attribute, value, repairs)
        if normal is not None:
            result[attribute.name] = normal
    return result


def _work_email(emails: object) -> str | None:
    """The address that `emails[type eq "work"].value` means: the primary one of type work, else the first."""
    if not isinstance(emails, list):
        return None
    found: str | None = None
    for email in emails:
        kind, value = email.get("type"), email.get("value")
        if not value or not isinstance(kind, str) or kind.lower() != "work":
            continue
        if email.get("primary") is True:
            return str(value)
        if found is None:
            found = value
    return found
