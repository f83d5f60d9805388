"""Where a name in a filter leads: which container, which attribute, which part of it."""

from dataclasses import dataclass, field
from typing import Final

from vestibule.scim.attributes import Attribute, ResourceType, Type
from vestibule.scim.comparands import FREE
from vestibule.scim.errors import InvalidFilter, InvalidPath
from vestibule.scim.names import AttributeName
from vestibule.scim.targets import ExtensionTarget, FreeTarget, Target, resolve

_NONE: Final = Attribute("unknown")


@dataclass(frozen=True, slots=True)
class Place:
    """`container` is an extension's URN in lower case, None for the resource (or the element) itself.

    `name` is the canonical name, in lower case where the attribute is FREE; `attribute` and `name` are None
    for a whole extension. `sub` is canonical or, for FREE, in lower case. With `known` false no schema has
    the attribute, and nothing ever stands there.
    """

    container: str | None
    name: str | None
    attribute: Attribute | None
    sub: str | None = None
    known: bool = field(default=True, compare=False)

    @property
    def compared(self) -> Attribute:
        """The definition of what is compared; InvalidFilter where a whole has no value to compare."""
        if self.attribute is None:
            raise InvalidFilter("The filter compares a whole schema: name an attribute of it.")
        if self.attribute is FREE or self.attribute.type is not Type.COMPLEX:
            return self.attribute
        # RFC 7644 §3.4.2.2: a complex attribute without sub-attribute is compared by its `value`.
        return self.attribute.table.get(self.sub or "value", self.attribute)


def place_of(name: AttributeName, resource_type: ResourceType) -> Place:
    """Where a name leads from the top of a resource; InvalidFilter where it can lead nowhere."""
    try:
        target = resolve(resource_type, name, set())
    except InvalidPath as error:
        raise InvalidFilter(error.detail) from None
    match target:
        case Target(container, attribute, sub):
            lower = None if container is None else container.lower()
            return Place(lower, attribute.name, attribute, None if sub is None else sub.name)
        case FreeTarget(urn, free, sub_name):
            return Place(lowered(urn), free.lower(), FREE, None if sub_name is None else sub_name.lower())
        case ExtensionTarget(urn, _):
            return Place(lowered(urn), None, None)
        case None:
            return _nowhere(name)


def place_inside(name: AttributeName, attribute: Attribute) -> Place:
    """Where a name inside brackets leads from one element of an attribute."""
    if name.attribute is None:
        raise InvalidFilter("The filter has a whole schema inside brackets: name a sub-attribute there.")
    lower = name.attribute.lower()
    if attribute is FREE:
        return Place(None, lower, FREE, None if name.sub is None else name.sub.lower())
    if attribute.type is not Type.COMPLEX and lower == "value":
        return Place(None, "value", attribute)
    sub = attribute.table.get(lower)
    if sub is None or name.sub is not None:
        return _nowhere(name)
    return Place(None, sub.name, sub)


def whole_of(place: Place) -> Place | None:
    """The extension that the same text names, if any: `urn:corp:2.0:User` may be that or an attribute."""
    if place.attribute is not FREE or place.container is None or place.sub is not None:
        return None
    return Place(f"{place.container}:{place.name}", None, None)


def lowered(text: str) -> str:
    """A text with its ASCII letters in lower case, as a database does it without knowing a language."""
    if text.isascii():
        return text.lower()
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _nowhere(name: AttributeName) -> Place:
    return Place(None, name.attribute, _NONE, known=False)
