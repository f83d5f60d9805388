"""What must not stand in a URL, where every log on its way keeps it (RFC 7644 §7.5.2).

A secret only: names and addresses, which the RFC would rather have in a `/.search` too, are what every
identity provider looks people up by in a GET. In the body of a `/.search` a secret reaches no log; there the
filter is invalid, because what nobody keeps matches nothing (RFC 7643 §7, `returned`, leaves it open).
"""

import re
from typing import Final

from vestibule.scim.attributes import Returned
from vestibule.scim.errors import Sensitive
from vestibule.scim.schemas import RESOURCE_TYPES

# What is never returned is known to its owner alone: a password.
SECRETS: Final = frozenset(
    attribute.name.lower()
    for kind in RESOURCE_TYPES
    for attribute in kind.schema.attributes
    if attribute.returned is Returned.NEVER
)

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAME = re.compile(r"[a-z][a-z0-9_-]*")


def refuse_secrets(filter_text: str) -> None:
    """Raise Sensitive for the text of a filter that names a secret; what others are compared with is free."""
    lower = filter_text.lower()
    if not any(secret in lower for secret in SECRETS):
        return
    if SECRETS.intersection(_NAME.findall(_QUOTED.sub("", lower))):
        raise Sensitive(
            "A password must not stand in a URL, and this service keeps none: filter by another attribute."
        )
