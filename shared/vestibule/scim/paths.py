"""Paths of PATCH operations (RFC 7644 §3.5.2): `name`, `name.sub`, `name[filter]`, `name[filter].sub`."""

from dataclasses import dataclass
from functools import lru_cache

from vestibule.scim.errors import InvalidFilter, InvalidPath
from vestibule.scim.filters import Filter, Tokens, parse_bracketed
from vestibule.scim.names import AttributeName, parse_name


@dataclass(frozen=True, slots=True)
class Path:
    """Where an operation works: `where` selects elements of a multi-valued attribute."""

    name: AttributeName
    where: Filter | None = None


@lru_cache(maxsize=1024)
def parse_path(text: str) -> Path:
    """Read a path; InvalidPath for anything malformed, InvalidFilter inside the brackets."""
    head, bracket, _ = text.partition("[")
    if not bracket:
        return Path(parse_name(text.strip()))
    name = parse_name(head.strip())
    if name.attribute is None or name.sub is not None:
        raise InvalidPath("A path has its value filter behind the attribute itself: name[filter].sub.")
    tokens = Tokens(text[len(head) :])
    tokens.take("'['")
    where = parse_bracketed(tokens, 0)
    behind = tokens.peek()
    if behind is None:
        return Path(name, where)
    tokens.take("a sub-attribute")
    if not behind.startswith(".") or tokens.peek() is not None:
        raise InvalidPath("A path ends with ']' or with one '.sub-attribute' behind it.")
    sub = parse_name(behind[1:])
    if sub.schema is not None or sub.sub is not None:
        raise InvalidPath("A path has at most one sub-attribute behind its value filter.")
    return Path(AttributeName(name.schema, name.attribute, sub.attribute), where)


def parse_path_or_none(text: str) -> Path | None:
    """The path that a key stands for, None when it cannot be one: used for keys that may be ignored."""
    try:
        return parse_path(text)
    except (InvalidPath, InvalidFilter):
        return None
