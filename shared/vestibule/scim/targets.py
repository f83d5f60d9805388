"""What a name means in a resource type: which container, which attribute, which part of it."""

from dataclasses import dataclass

from vestibule.scim.attributes import Attribute, ResourceType, Schema, Type
from vestibule.scim.dialects import Repair, registered_urn
from vestibule.scim.errors import InvalidPath
from vestibule.scim.names import AttributeName


@dataclass(frozen=True, slots=True)
class Target:
    """An attribute of a known schema; `container` is an extension's URN, None for the resource itself."""

    container: str | None
    attribute: Attribute
    sub: Attribute | None = None


@dataclass(frozen=True, slots=True)
class ExtensionTarget:
    """A whole extension, known (`schema`) or not."""

    urn: str
    schema: Schema | None


@dataclass(frozen=True, slots=True)
class FreeTarget:
    """An attribute of an extension that we do not know: kept as it is."""

    urn: str
    attribute: str
    sub: str | None


def resolve(
    resource_type: ResourceType, name: AttributeName, repairs: set[Repair]
) -> Target | ExtensionTarget | FreeTarget | None:
    """Find what a name means; None for an attribute that no schema has, which is ignored."""
    if name.schema is not None:
        return _resolve_qualified(resource_type, name.schema, name, repairs)
    assert name.attribute is not None
    lower = name.attribute.lower()
    attribute = resource_type.table.get(lower)
    if attribute is not None:
        return _with_sub(None, attribute, name.sub, repairs)
    for extension in resource_type.registered:
        attribute = extension.table.get(lower)
        if attribute is not None:
            repairs.add(Repair.EXTENSION_WITHOUT_URN)
            return _with_sub(extension.id, attribute, name.sub, repairs)
    repairs.add(Repair.UNKNOWN_ATTRIBUTE)
    return None


def _resolve_qualified(
    resource_type: ResourceType, schema: str, name: AttributeName, repairs: set[Repair]
) -> Target | ExtensionTarget | FreeTarget | None:
    urn = registered_urn(schema, repairs) or schema
    if urn == resource_type.schema.id:
        if name.attribute is None:
            raise InvalidPath("A path names an attribute of the resource, not its whole schema.")
        return resolve(resource_type, AttributeName(None, name.attribute, name.sub), repairs)
    known = resource_type.extension_table.get(urn) or resource_type.extension_table.get(urn.lower())
    if known is None and name.attribute is not None:
        # What looks like an attribute may be the end of the URN, as the `User` of `urn:corp:2.0:User`.
        whole = f"{urn}:{name.attribute}"
        known = resource_type.extension_table.get(whole.lower())
        if known is not None:
            name = AttributeName(whole, name.sub)
    if known is None:
        if registered_urn(urn, set()) is not None:  # of another resource type: no extension of this one
            repairs.add(Repair.UNKNOWN_ATTRIBUTE)
            return None
        if name.attribute is None:
            return ExtensionTarget(urn, None)
        return FreeTarget(urn, name.attribute, name.sub)
    if name.attribute is None:
        return ExtensionTarget(known.id, known)
    attribute = known.table.get(name.attribute.lower())
    if attribute is None:
        repairs.add(Repair.UNKNOWN_ATTRIBUTE)
        return None
    return _with_sub(known.id, attribute, name.sub, repairs)


def _with_sub(
    container: str | None, attribute: Attribute, sub_name: str | None, repairs: set[Repair]
) -> Target | None:
    if sub_name is None:
        return Target(container, attribute)
    if attribute.type is not Type.COMPLEX:
        raise InvalidPath(f"The attribute '{attribute.name}' has no parts, so '{sub_name}' names nothing.")
    sub = attribute.table.get(sub_name.lower())
    if sub is None:
        repairs.add(Repair.UNKNOWN_ATTRIBUTE)
        return None
    return Target(container, attribute, sub)
