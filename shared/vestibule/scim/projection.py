"""`attributes` and `excludedAttributes` (RFC 7644 §3.9): which parts of a resource an answer has."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vestibule.scim.attributes import Attribute, ResourceType, Returned, Type
from vestibule.scim.dialects import registered_urn
from vestibule.scim.errors import InvalidPath, InvalidValue
from vestibule.scim.names import AttributeName, parse_name

_LONGEST = 4096
_MOST = 100


@dataclass(frozen=True, slots=True)
class Projection:
    """Names in lower case: (container URN or None, attribute or None for a whole extension, sub or None)."""

    resource_type: ResourceType
    included: frozenset[tuple[str | None, str | None, str | None]] | None
    excluded: frozenset[tuple[str | None, str | None, str | None]]

    def leaves_out_only(self, name: str) -> bool:
        """Whether a resource that has no such attribute is answered as it is."""
        return (
            self.included is None
            and self.excluded == {(None, name.lower(), None)}
            and not self.resource_type.withholds
        )


def parse_projection(
    attributes: str | None, excluded_attributes: str | None, resource_type: ResourceType
) -> Projection | None:
    """Read both parameters; None when everything there is answered. `attributes` wins when both are there."""
    included = _parse_names(attributes, resource_type)
    if included:
        return Projection(resource_type, included, frozenset())
    excluded = _parse_names(excluded_attributes, resource_type)
    return Projection(resource_type, None, excluded) if excluded or resource_type.withholds else None


def wants(projection: Projection | None, name: str) -> bool:
    """Whether an answer may have an attribute; what is not wanted need not be loaded."""
    if projection is None:
        return True
    lower = name.lower()
    if projection.included is None:
        return (None, lower, None) not in projection.excluded
    return any(container is None and attribute == lower for container, attribute, _ in projection.included)


def project(
    projection: Projection | None, resource: Mapping[str, Any], resource_type: ResourceType
) -> dict[str, Any]:
    """The resource with the parts that are wanted; what is always or never returned stays so."""
    extensions = {extension.id: extension.table for extension in resource_type.extensions}
    result: dict[str, Any] = {}
    for key, value in resource.items():
        if ":" in key:
            body = _project_body(projection, key, value, extensions.get(key, {}))
            if body:
                result[key] = body
        else:
            attribute = resource_type.table.get(key)
            part = value if attribute is None else _project_value(projection, None, attribute, value)
            if part is not None:
                result[key] = part
    return result


def _project_body(projection: Projection | None, urn: str, body: Any, table: Mapping[str, Attribute]) -> Any:
    lower = urn.lower()
    if not isinstance(body, Mapping) or projection is None:
        return body
    whole = projection.included is not None and _name_whole(projection.included, lower)
    none = _name_whole(projection.excluded, lower)
    if not table and (whole or none):
        return body if whole else None
    result = {}
    for key, value in body.items():
        attribute = table.get(key) or Attribute(
            key, type=Type.COMPLEX if isinstance(value, dict) else Type.STRING
        )
        if whole or none:
            # RFC 7643 §7: what is always or never returned stays so, whatever whole is asked for.
            kept = {Returned.ALWAYS} if none else {*Returned} - {Returned.NEVER}
            part = value if attribute.returned in kept else None
        else:
            part = _project_value(projection, lower, attribute, value)
        if part is not None:
            result[key] = part
    return result


def _name_whole(names: frozenset[tuple[str | None, str | None, str | None]], lower: str) -> bool:
    """Whether a whole extension is named; an unknown one's last part was read as an attribute's name."""
    urn, _, last = lower.rpartition(":")
    return (lower, None, None) in names or (urn, last, None) in names


def _project_value(
    projection: Projection | None, container: str | None, attribute: Attribute, value: Any
) -> Any:
    """The wanted part of one attribute's value; None when it is left out."""
    if attribute.returned is Returned.NEVER:
        return None
    if attribute.returned is Returned.ALWAYS:
        return value
    if projection is None:
        return None if attribute.returned is Returned.REQUEST else value
    lower = attribute.name.lower()
    if projection.included is not None:
        if (container, lower, None) in projection.included:
            return value
        subs = {sub for urn, name, sub in projection.included if urn == container and name == lower and sub}
        return _filter_subs(value, subs, keep=True) if subs else None
    if attribute.returned is Returned.REQUEST or (container, lower, None) in projection.excluded:
        return None
    subs = {sub for urn, name, sub in projection.excluded if urn == container and name == lower and sub}
    return _filter_subs(value, subs, keep=False) if subs else value


def _filter_subs(value: Any, subs: set[str], *, keep: bool) -> Any:
    if isinstance(value, list):
        parts = [_filter_subs(element, subs, keep=keep) for element in value]
        return [part for part in parts if part is not None]
    if not isinstance(value, Mapping):
        return None if keep else value
    return {name: inner for name, inner in value.items() if (name.lower() in subs) is keep} or None


def _parse_names(
    text: str | None, resource_type: ResourceType
) -> frozenset[tuple[str | None, str | None, str | None]]:
    if not text:
        return frozenset()
    if len(text) > _LONGEST or text.count(",") >= _MOST:
        raise InvalidValue(f"'attributes' and 'excludedAttributes' take at most {_MOST} names.")
    return frozenset(_read_names(text.split(","), resource_type))


def _read_names(
    parts: Iterable[str], resource_type: ResourceType
) -> Iterable[tuple[str | None, str | None, str | None]]:
    for part in parts:
        if not part.strip():
            continue
        try:
            name = parse_name(part.strip())
        except InvalidPath as error:
            raise InvalidValue(error.detail) from None
        yield _normal(name, resource_type)


def _normal(name: AttributeName, resource_type: ResourceType) -> tuple[str | None, str | None, str | None]:
    attribute = name.attribute.lower() if name.attribute else None
    sub = name.sub.lower() if name.sub else None
    if name.schema is not None:
        urn = registered_urn(name.schema, set()) or name.schema
        # A schema's own attributes are the resource's; only extensions are containers.
        return (None if urn == resource_type.schema.id and attribute else urn.lower(), attribute, sub)
    if attribute not in resource_type.table:
        for extension in resource_type.registered:
            if attribute in extension.table:
                return extension.id.lower(), attribute, sub
    return None, attribute, sub
