"""Attribute names as clients write them: plain, dotted, URN-qualified, in any case (RFC 7644 §3.10)."""

import re
from dataclasses import dataclass
from functools import lru_cache

from vestibule.scim.dialects import known_prefixes
from vestibule.scim.errors import InvalidPath

_NAME = re.compile(r"\$?[A-Za-z][A-Za-z0-9_\-]*")  # RFC 7643 §2.1, and the $ of "$ref"
_KNOWN = known_prefixes()
_LONGEST = 512


@dataclass(frozen=True, slots=True)
class AttributeName:
    """`schema` is the URN as written; `attribute` is None where the whole extension is meant."""

    schema: str | None
    attribute: str | None
    sub: str | None = None


@lru_cache(maxsize=1024)  # names come again and again, and what cannot be one is not kept
def parse_name(text: str) -> AttributeName:
    """Take an attribute name apart; InvalidPath when it cannot be one."""
    if len(text) > _LONGEST:
        raise InvalidPath("An attribute name in the request is too long: correct the attribute mapping.")
    if text[:4].lower() == "urn:":
        return _parse_qualified(text)
    attribute, dot, sub = text.partition(".")
    if not _NAME.fullmatch(attribute) or (dot and not _NAME.fullmatch(sub)):
        raise _malformed(text)
    return AttributeName(None, attribute, sub or None)


def _parse_qualified(text: str) -> AttributeName:
    lower = text.lower()
    for urn in _KNOWN:
        if not lower.startswith(urn):
            continue
        if len(text) == len(urn):
            return AttributeName(text, None)
        if text[len(urn)] in ":.":
            inner = parse_name(text[len(urn) + 1 :])
            return AttributeName(text[: len(urn)], inner.attribute, inner.sub)
    # An extension that we do not know: the last part is the attribute, all before it the URN.
    schema, _, last = text.rpartition(":")
    attribute, dot, sub = last.partition(".")
    if schema.count(":") < 1 or not text.isprintable() or " " in text:
        raise _malformed(text)
    if schema.count(":") < 2 or not _NAME.fullmatch(attribute) or (dot and not _NAME.fullmatch(sub)):
        return AttributeName(text, None)
    return AttributeName(schema, attribute, sub or None)


def _malformed(text: str) -> InvalidPath:
    shown = text if len(text) <= 80 else f"{text[:80]}…"
    return InvalidPath(f"'{shown}' is not an attribute name: correct the attribute mapping.")
