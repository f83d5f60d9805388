"""What a tenant's schemas require (RFC 7643 §7, `required`; §6, `schemaExtensions`)."""

from collections.abc import Iterator, Mapping
from typing import Any

from vestibule.scim.attributes import Attribute, ResourceType
from vestibule.scim.errors import InvalidValue

_UNASSIGNED: tuple[Any, ...] = (None, "", [], {})


def refuse_missing(
    resource_type: ResourceType, document: Mapping[str, Any], before: Mapping[str, Any] | None = None
) -> None:
    """Raise InvalidValue where something required is missing that was not missing `before`.

    Whoever was there before the schema was defined can still be changed, and above all deactivated.
    """
    if not resource_type.defined:
        return
    missing = set(_missing(resource_type, document))
    if before is not None and missing:
        missing -= set(_missing(resource_type, before))
    if missing:
        raise InvalidValue(f"The required '{min(missing)}' is missing or empty: add it to the mapping.")


def _missing(resource_type: ResourceType, document: Mapping[str, Any]) -> Iterator[str]:
    for schema in resource_type.defined:
        body = document.get(schema.id)
        if not body:
            if schema.id in resource_type.required:
                yield schema.id
            continue
        for attribute in schema.attributes:
            yield from _missing_in(f"{schema.id}:{attribute.name}", attribute, body.get(attribute.name))


def _missing_in(name: str, attribute: Attribute, value: Any) -> Iterator[str]:
    if value in _UNASSIGNED:
        if attribute.required:
            yield name
        return
    for sub in attribute.sub_attributes:
        if sub.required and any(
            one.get(sub.name) in _UNASSIGNED for one in (value if isinstance(value, list) else (value,))
        ):
            yield f"{name}.{sub.name}"
