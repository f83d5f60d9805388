"""What was stored freely, as the schemas have it that were defined for it since."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from vestibule.scim.attributes import ResourceType, Schema
from vestibule.scim.dialects import Repair
from vestibule.scim.errors import ScimError
from vestibule.scim.sameness import same
from vestibule.scim.values import normalise

_LONGEST_NAME: Final = 64  # of what is told
_LOSSES: Final = frozenset({Repair.UNKNOWN_ATTRIBUTE, Repair.READ_ONLY_VALUE})


@dataclass(frozen=True, slots=True)
class Fitted:
    """The very document that came in where all of it fits; `left_out` names attributes with their URN."""

    document: dict[str, Any]
    left_out: tuple[str, ...] = ()


def fit(resource_type: ResourceType, document: Mapping[str, Any]) -> Fitted:
    """Bring extension bodies into the shape of their schemas; what does not fit is left out.

    Fitting twice changes nothing.
    """
    whole = document if isinstance(document, dict) else dict(document)
    if not resource_type.defined:
        return Fitted(whole)
    found = {key: key.lower() for key in document if ":" in key}
    left_out: list[str] = []
    result = whole
    for schema in resource_type.defined:
        urn = schema.id.lower()
        keys = [key for key, lower in found.items() if lower == urn or lower.startswith(f"{urn}:")]
        if not keys:
            continue
        body = _fit_body(schema, [_named(schema, key, document[key]) for key in keys], left_out)
        if keys == [schema.id] and same(body, document[schema.id]):
            continue
        result = {key: value for key, value in result.items() if key not in keys}
        if body:
            result[schema.id] = body
    return Fitted(result, tuple(left_out))


def _named(schema: Schema, key: str, value: object) -> Mapping[str, object]:
    """A body by names: `urn:corp:2.0:User:manager` alone was taken for an extension, if it had an object."""
    if len(key) > len(schema.id):
        return {key[len(schema.id) + 1 :]: value}
    return value if isinstance(value, dict) else {}


def _fit_body(schema: Schema, bodies: Iterable[Mapping[str, object]], left_out: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for body in bodies:
        for name, value in body.items():
            attribute = schema.table.get(name) or schema.table.get(name.lower())
            if attribute is None or not attribute.kept or attribute.name in result:
                left_out.append(f"{schema.id}:{name[:_LONGEST_NAME]}")
                continue
            repairs: set[Repair] = set()
            try:
                normal = normalise(attribute, value, repairs)
            except ScimError:
                normal = None
            if normal is None or not repairs.isdisjoint(_LOSSES):
                left_out.append(f"{schema.id}:{name[:_LONGEST_NAME]}")
            if normal is not None:
                result[attribute.name] = normal
    return result
