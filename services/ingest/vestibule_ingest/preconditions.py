"""If-Match and If-None-Match (RFC 7644 §3.14, RFC 9110 §13) against the versions that we number."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from vestibule.scim.errors import PreconditionFailed

_TAG = re.compile(r'(?:W/)?"([0-9]{1,18})"')


@dataclass(frozen=True, slots=True)
class Tags:
    """The versions that a header names; None is `*`, any version that is there."""

    versions: frozenset[int] | None

    def include(self, version: int) -> bool:
        """Tell whether a version is among them."""
        return self.versions is None or version in self.versions


def parse_tags(headers: Mapping[bytes, bytes], name: bytes) -> Tags | None:
    """Read a header of entity tags; None where it is absent. A tag that is none of ours matches nothing."""
    text = headers.get(name)
    if text is None:
        return None
    parts = [part.strip() for part in text.decode("latin-1").split(",")]
    if "*" in parts:
        return Tags(None)
    found = (_TAG.fullmatch(part) for part in parts)
    return Tags(frozenset(int(tag[1]) for tag in found if tag is not None))


def require(tags: Tags | None, version: int) -> None:
    """Raise PreconditionFailed where If-Match names other versions than this one."""
    if tags is not None and not tags.include(version):
        raise PreconditionFailed(
            "The resource has changed since the version in If-Match: read it again first."
        )
