"""The resource types as one tenant has them: those of the RFC with the extensions that it defined."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from vestibule.scim.attributes import ResourceType, Schema
from vestibule.scim.schemas import GROUP, SCHEMAS, USER


@dataclass(frozen=True, slots=True)
class Extension:
    """A schema that a tenant defined, the resource types that it extends, and whether these must have it."""

    schema: Schema
    types: frozenset[str]
    required: bool = False


@dataclass(frozen=True, slots=True)
class ResourceTypes:
    """Users and groups at one version of a tenant's definitions; 0 is before the first one."""

    version: int
    user: ResourceType
    group: ResourceType
    extensions: tuple[Extension, ...] = ()

    @property
    def both(self) -> tuple[ResourceType, ResourceType]:
        return self.user, self.group

    @property
    def schemas(self) -> tuple[Schema, ...]:
        """Every schema there is: those of the RFC first."""
        return (*SCHEMAS.values(), *(extension.schema for extension in self.extensions))

    def named(self, name: str) -> ResourceType:
        """The type of this name, User or Group."""
        return self.user if name == self.user.name else self.group


CORE: Final = ResourceTypes(0, USER, GROUP)


def extended(version: int, extensions: Sequence[Extension]) -> ResourceTypes:
    """The resource types with a tenant's extensions."""
    user, group = _extend(USER, extensions), _extend(GROUP, extensions)
    return ResourceTypes(version, user, group, tuple(extensions))


def _extend(kind: ResourceType, extensions: Sequence[Extension]) -> ResourceType:
    own = [extension for extension in extensions if kind.name in extension.types]
    if not own:
        return kind
    defined = tuple(extension.schema for extension in own)
    required = frozenset(extension.schema.id for extension in own if extension.required)
    return replace(kind, extensions=(*kind.extensions, *defined), defined=defined, required=required)
