"""If-Match and If-None-Match (RFC 7644 §3.14, RFC 9110 §13) against the versions that we number."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vestibule.scim.errors import PreconditionFailed

_TAG = re.compile(r'(?:W/)?"([0-9]{1,18})"')


@dataclass(frozen=True, slots=True)
class Tags:
    """The versions that a header names; None is `*`, any version that is there."""

    versions: frozenset[int] | None

    def include(self, version: int) -> bool:
        """Tell whether a version is among them."""
        return self.versions is None or version in self.versions


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a request says of the version that it is meant for: If-Match and If-None-Match."""

    match: Tags | None = None
    unless: Tags | None = None

    @property
    def are_there(self) -> bool:
        """Whether there is any."""
        return self.match is not None or self.unless is not None

    def require(self, version: int) -> None:
        """Raise PreconditionFailed where a write is not meant for this version (RFC 9110 §13.2.2)."""
        self._require_match(version)
        if self.unless is not None and self.unless.include(version):
            raise PreconditionFailed("The resource has the version in If-None-Match: it is left as it is.")

    def spare(self, version: int) -> bool:
        """Tell whether a reader has this version; PreconditionFailed where If-Match wants another one."""
        self._require_match(version)
        return self.unless is not None and self.unless.include(version)

    def _require_match(self, version: int) -> None:
        if self.match is not None and not self.match.include(version):
            raise PreconditionFailed(
                "The resource has changed since the version in If-Match: read it again first."
            )


UNCONDITIONAL: Final = Conditions()


def read_conditions(headers: Mapping[bytes, bytes]) -> Conditions:
    """Read both headers of a request; nearly none has them."""
    if b"if-match" not in headers and b"if-none-match" not in headers:
        return UNCONDITIONAL
    return Conditions(_parse_tags(headers.get(b"if-match")), _parse_tags(headers.get(b"if-none-match")))


def _parse_tags(value: bytes | None) -> Tags | None:
    """Read a header of entity tags; None where it is absent. A tag that is none of ours matches nothing."""
    if value is None:
        return None
    parts = [part.strip() for part in value.decode("latin-1").split(",")]
    if "*" in parts:
        return Tags(None)
    found = (_TAG.fullmatch(part) for part in parts)
    return Tags(frozenset(int(tag[1]) for tag in found if tag is not None))
