"""A mapping's source in an extension: `urn:…:2.0:User:attribute`, or a part of it behind a dot."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from vestibule.scim.dialects import registered_urn
from vestibule.scim.errors import InvalidPath
from vestibule.scim.names import parse_name
from vestibule.scim.schemas import GROUP_SCHEMA, USER_SCHEMA

_LONGEST: Final = 256
_LONGEST_VALUE: Final = 512  # what is longer is no login and no name, and is not cut into one


class InvalidSource(ValueError):
    """A text that names no attribute of an extension."""


@dataclass(frozen=True, slots=True)
class ExtensionSource:
    """`text` is the source as written; URN and names are in lower case, since they have none."""

    text: str
    urn: str
    attribute: str
    part: str | None = None

    def __str__(self) -> str:
        return self.text


def parse_extension_source(text: object) -> ExtensionSource:
    """Read a source; InvalidSource for anything that is no attribute behind an extension's URN."""
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise InvalidSource
    try:
        name = parse_name(text)
    except InvalidPath:
        raise InvalidSource from None
    if name.schema is None or name.attribute is None:
        raise InvalidSource
    urn = registered_urn(name.schema, set()) or name.schema
    if urn in (USER_SCHEMA, GROUP_SCHEMA):
        raise InvalidSource
    part = None if name.sub is None else name.sub.lower()
    return ExtensionSource(text, urn.lower(), name.attribute.lower(), part)


def extension_text(source: ExtensionSource, document: Mapping[str, Any]) -> str:
    """The value as a text, empty where there is none: of several the primary one, else the first."""
    for body in _named(document, source.urn):
        for value in _named(body, source.attribute):
            for one in _preferred(value):
                for simple in _named(one, source.part or "value") if isinstance(one, Mapping) else (one,):
                    text = _as_text(simple)
                    if text:
                        return text
    return ""


def _named(holder: object, lower: str) -> Iterator[Any]:
    if isinstance(holder, Mapping):
        for key, value in holder.items():
            if key.lower() == lower:
                yield value


def _preferred(value: object) -> list[Any]:
    if not isinstance(value, list):
        return [value]
    return sorted(value, key=lambda one: not (isinstance(one, Mapping) and one.get("primary") is True))


def _as_text(value: object) -> str:
    if isinstance(value, str):
        text = value.strip()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        text = str(value)
    else:
        return ""
    return text if len(text) <= _LONGEST_VALUE else ""
