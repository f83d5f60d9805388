"""What operators may call things; a name that cannot be used is told with what would be."""

import re

from vestibule_operator_console.problems import Unusable

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def checked_slug(slug: str) -> str:
    """A tenant's short name."""
    if _SLUG.fullmatch(slug) is None:
        raise Unusable(
            f"{slug!r} cannot be a tenant's short name.",
            "Use 1 to 40 lower-case letters, digits and dashes, beginning with a letter or digit.",
        )
    return slug


def checked_name(what: str, name: str, longest: int) -> str:
    """A name for people, on one line."""
    if not 1 <= len(name) <= longest or not name.isprintable() or name != name.strip():
        raise Unusable(
            f"the {what} cannot be used.",
            f"Use 1 to {longest} characters on one line, without blanks around them.",
        )
    return name
