"""Definitions of extension schemas (RFC 7643 §7) as an operator brings them: read within bounds."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, TypeVar

from vestibule.scim.attributes import Attribute, Mutability, Returned, Schema, Type, Uniqueness
from vestibule.scim.dialects import known_prefixes
from vestibule.scim.discovery import SCHEMA_SCHEMA, definition_body
from vestibule.scim.resource_types import Extension
from vestibule.scim.values import is_storable

MOST_SCHEMAS: Final = 10
MOST_ATTRIBUTES: Final = 100
MOST_PARTS: Final = 25
MOST_VALUES: Final = 100
MOST_PROBLEMS: Final = 20
_LONGEST_URN: Final = 200
_LONGEST_TEXT: Final = 1000
_LONGEST_VALUE: Final = 200

_URN: Final = re.compile(r"urn:[A-Za-z0-9][A-Za-z0-9\-]{0,31}(?::[A-Za-z0-9._\-]+)+", re.IGNORECASE)
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_\-]{0,63}")  # RFC 7643 §2.1, but for the $ of "$ref"
_IETF: Final = "urn:ietf:params:scim:"
_IETF_EXTENSIONS: Final = "urn:ietf:params:scim:schemas:extension:"
_COMMON: Final = frozenset({"schemas", "id", "externalid", "meta"})
_SCHEMA_KEYS: Final = frozenset({"schemas", "id", "name", "description", "attributes", "meta"})
_ATTRIBUTE_KEYS: Final = frozenset(
    {
        "name",
        "type",
        "subAttributes",
        "multiValued",
        "description",
        "required",
        "canonicalValues",
        "caseExact",
        "mutability",
        "returned",
        "uniqueness",
        "referenceTypes",
    }
)
_Word = TypeVar("_Word", bound=StrEnum)


class InvalidDefinition(ValueError):
    """A document that defines no schema; `problems` says why, each with the place that it is about."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


def parse_definition(document: object) -> Schema:
    """Read a schema; InvalidDefinition lists its problems at once."""
    problems: list[str] = []
    if not isinstance(document, dict):
        raise InvalidDefinition(["a schema must be one JSON object"])
    _refuse_unknown("the schema", document, _SCHEMA_KEYS, problems)
    if document.get("schemas", [SCHEMA_SCHEMA]) != [SCHEMA_SCHEMA]:
        problems.append(f"schemas must be [{SCHEMA_SCHEMA!r}], or be left out")
    urn = _urn(document.get("id"), problems)
    attributes = _attributes("", document.get("attributes"), MOST_ATTRIBUTES, problems)
    name = _text("", document, "name", problems) or urn
    schema = Schema(urn, name, _text("", document, "description", problems), attributes)
    if problems:
        shown = problems[:MOST_PROBLEMS]
        more = [f"and {len(problems) - MOST_PROBLEMS} more"] if len(problems) > MOST_PROBLEMS else []
        raise InvalidDefinition([*shown, *more])
    return schema


def refuse_clashes(new: Extension, others: Sequence[Extension]) -> None:
    """Raise InvalidDefinition for a schema too many, or one that cannot be told from another."""
    urn = new.schema.id.lower()
    rest = [other.schema.id for other in others if other.schema.id.lower() != urn]
    if len(rest) >= MOST_SCHEMAS:
        raise InvalidDefinition([f"a tenant has at most {MOST_SCHEMAS} schemas"])
    for other in rest:
        lower = other.lower()
        if lower.startswith(f"{urn}:") or urn.startswith(f"{lower}:"):
            raise InvalidDefinition(
                [f"{new.schema.id!r} and {other!r}: one begins with the other, so a name could mean both"]
            )


def extension_document(extension: Extension) -> dict[str, Any]:
    """An extension as it is stored; `parse_extensions` reads it."""
    return {
        "schema": definition_body(extension.schema),
        "resourceTypes": sorted(extension.types),
        "required": extension.required,
    }


def parse_extensions(document: Sequence[Mapping[str, Any]]) -> tuple[Extension, ...]:
    """Read what `extension_document` wrote; InvalidDefinition."""
    return tuple(
        Extension(parse_definition(one["schema"]), frozenset(one["resourceTypes"]), bool(one["required"]))
        for one in document
    )


def _urn(value: object, problems: list[str]) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_URN or _URN.fullmatch(value) is None:
        problems.append(
            f"id must be a URN of at most {_LONGEST_URN} letters, digits and . - _ :, "
            "such as urn:example:params:scim:schemas:extension:acme:2.0:User"
        )
        return ""
    lower = value.lower()
    known = known_prefixes()
    taken = any(lower == urn or lower.startswith((f"{urn}:", f"{urn}.")) for urn in known)
    if taken or any(urn.startswith(f"{lower}:") for urn in known):
        problems.append(f"id {value!r} is a registered schema, or cannot be told from one")
    elif lower.startswith(_IETF) and not lower.startswith(_IETF_EXTENSIONS):
        problems.append(f"id {value!r} is reserved: below {_IETF} only {_IETF_EXTENSIONS}... may be defined")
    return value


def _attributes(
    place: str, value: object, most: int, problems: list[str], *, parts: bool = False
) -> tuple[Attribute, ...]:
    key = f"{place}.subAttributes" if parts else "attributes"
    if not isinstance(value, list) or not value or len(value) > most:
        problems.append(f"{key} must list 1 to {most} attributes")
        return ()
    found: dict[str, Attribute] = {}
    for number, one in enumerate(value, 1):
        if not isinstance(one, dict):
            problems.append(f"{key}: number {number} is no object")
            continue
        name = _name(f"{key}: number {number}", one.get("name"), problems, parts=parts)
        if name is None:
            continue
        if name.lower() in found:
            problems.append(f"{key}: {name!r} is there twice; letter case makes no other name")
            continue
        found[name.lower()] = _attribute(
            f"{place}.{name}" if parts else name, name, one, problems, parts=parts
        )
    return tuple(found.values())


def _name(place: str, value: object, problems: list[str], *, parts: bool) -> str | None:
    if isinstance(value, str):
        if parts and value == "$ref":
            return value
        if not parts and value.lower() in _COMMON:
            problems.append(f"{place}: every resource has {value!r} already")
            return None
        if _NAME.fullmatch(value):
            return value
    problems.append(f"{place}: name must be a letter, then up to 63 letters, digits, dashes and underscores")
    return None


def _attribute(
    place: str, name: str, value: Mapping[str, Any], problems: list[str], *, parts: bool
) -> Attribute:
    _refuse_unknown(place, value, _ATTRIBUTE_KEYS, problems)
    kind = _word(place, value, "type", Type, Type.STRING, problems)
    subs: tuple[Attribute, ...] = ()
    if kind is Type.COMPLEX and not parts:
        subs = _attributes(place, value.get("subAttributes"), MOST_PARTS, problems, parts=True)
    elif value.get("subAttributes"):
        problems.append(f"{place}: only type 'complex' has subAttributes")
    attribute = Attribute(
        name,
        _text(place, value, "description", problems),
        kind,
        multi_valued=_flag(place, value, "multiValued", problems),
        required=_flag(place, value, "required", problems),
        case_exact=_flag(place, value, "caseExact", problems),
        mutability=_word(place, value, "mutability", Mutability, Mutability.READ_WRITE, problems),
        returned=_word(place, value, "returned", Returned, Returned.DEFAULT, problems),
        uniqueness=_word(place, value, "uniqueness", Uniqueness, Uniqueness.NONE, problems),
        canonical_values=_texts(place, value, "canonicalValues", problems),
        reference_types=_texts(place, value, "referenceTypes", problems),
        sub_attributes=subs,
    )
    _refuse_what_is_not_kept(place, attribute, problems)
    if parts:
        _refuse_in_parts(place, attribute, problems)
    return attribute


def _refuse_what_is_not_kept(place: str, attribute: Attribute, problems: list[str]) -> None:
    """Characteristics that this service could show, but not keep: better refused than untrue."""
    if attribute.uniqueness is not Uniqueness.NONE:
        problems.append(f"{place}: uniqueness must be 'none': no two resources are compared for an extension")
    if (attribute.returned is Returned.NEVER) is not (attribute.mutability is Mutability.WRITE_ONLY):
        problems.append(
            f"{place}: returned 'never' and mutability 'writeOnly' go together: such values are accepted and "
            "thrown away, since no secrets are kept here"
        )
    if attribute.required and not attribute.kept:
        problems.append(f"{place}: what is {attribute.mutability.value!r} cannot be required")


def _refuse_in_parts(place: str, attribute: Attribute, problems: list[str]) -> None:
    if attribute.type is Type.COMPLEX:
        problems.append(f"{place}: a sub-attribute cannot be complex (RFC 7643 §2.3.8)")
    if attribute.multi_valued:
        problems.append(f"{place}: a sub-attribute cannot be multiValued here")
    if attribute.mutability not in (Mutability.READ_WRITE, Mutability.READ_ONLY):
        problems.append(f"{place}: the mutability of a sub-attribute is 'readWrite' or 'readOnly' here")
    if attribute.returned is not Returned.DEFAULT:
        problems.append(f"{place}: the returned of a sub-attribute is 'default' here")
    if attribute.name == "primary" and attribute.type is not Type.BOOLEAN:
        problems.append(f"{place}: primary is of type 'boolean' (RFC 7643 §2.4)")


def _refuse_unknown(place: str, value: Mapping[str, Any], known: frozenset[str], problems: list[str]) -> None:
    problems.extend(
        f"{place}: {key[:64]!r} is not part of a definition" for key in sorted(set(value) - known)
    )


def _word(
    place: str, value: Mapping[str, Any], key: str, words: type[_Word], default: _Word, problems: list[str]
) -> _Word:
    given = value.get(key, default.value)
    for word in words:
        if word.value == given:
            return word
    problems.append(f"{place}: {key} must be one of {', '.join(word.value for word in words)}")
    return default


def _flag(place: str, value: Mapping[str, Any], key: str, problems: list[str]) -> bool:
    given = value.get(key, False)
    if not isinstance(given, bool):
        problems.append(f"{place}: {key} must be true or false")
    return given is True


def _text(place: str, value: Mapping[str, Any], key: str, problems: list[str]) -> str:
    given = value.get(key, "")
    if isinstance(given, str) and len(given) <= _LONGEST_TEXT and is_storable(given):
        return given
    problems.append(f"{place or 'the schema'}: {key} must be a text of at most {_LONGEST_TEXT} characters")
    return ""


def _texts(place: str, value: Mapping[str, Any], key: str, problems: list[str]) -> tuple[str, ...]:
    given = value.get(key, [])
    if isinstance(given, list) and len(given) <= MOST_VALUES:
        texts = [
            one for one in given if isinstance(one, str) and len(one) <= _LONGEST_VALUE and is_storable(one)
        ]
        if len(texts) == len(given):
            return tuple(texts)
    problems.append(
        f"{place}: {key} must list at most {MOST_VALUES} texts of at most {_LONGEST_VALUE} characters"
    )
    return ()
