"""Cursors (RFC 9865): the place in a list behind which, or before which, the next page is.

A cursor carries the last key and id that were shown, so a page costs the same wherever it is, and a digest of
the query, so it is good for the list only that it was given out with. It opens nothing: whoever made one up
would see a page of a list that is his own.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from vestibule.domain.identifiers import parse_id
from vestibule.scim.errors import ExpiredCursor, InvalidCursor
from vestibule.scim.limits import DEFAULTS

_LONGEST: Final = 8192  # a sort key of nothing but escaped characters, and more
_DIGEST: Final = 12


@dataclass(frozen=True, slots=True)
class Cursor:
    """The resource at the edge of a page; `backwards`: those before it are meant."""

    backwards: bool
    sort_key: str | None
    id: UUID


def write_cursor(cursor: Cursor, query: str, now: int) -> str:
    """Write a cursor for a query; `now` in Unix seconds. Its letters need no encoding in a URL."""
    content = [now, cursor.backwards, str(cursor.id), cursor.sort_key]
    payload = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_digest(query, payload) + payload).rstrip(b"=").decode()


def read_cursor(text: str, query: str, now: int, seconds: int = DEFAULTS.cursor_seconds) -> Cursor:
    """Read a cursor of this query; InvalidCursor for any other text, ExpiredCursor after so many seconds."""
    payload = _payload(text, query)
    match _parsed(payload):
        case [int(issued), bool(backwards), str(identifier), None | str() as sort_key]:
            found = parse_id(identifier)
        case _:
            raise _invalid()
    if found is None or issued > now + seconds:
        raise _invalid()
    if now - issued > seconds:
        raise ExpiredCursor(
            f"The cursor is older than {seconds} s: begin again with the first page, without a cursor."
        )
    return Cursor(backwards, sort_key, found)


def _payload(text: str, query: str) -> bytes:
    if len(text) > _LONGEST or not text.isascii():
        raise _invalid()
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise _invalid() from None
    digest, payload = raw[:_DIGEST], raw[_DIGEST:]
    if digest != _digest(query, payload):
        raise _invalid()
    return payload


def _parsed(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        raise _invalid() from None


def _digest(query: str, payload: bytes) -> bytes:
    query_digest = hashlib.sha256(query.encode(errors="surrogatepass")).digest()
    return hashlib.sha256(query_digest + payload).digest()[:_DIGEST]


def _invalid() -> InvalidCursor:
    return InvalidCursor(
        "The cursor is none that this service gave for this query: begin again with the first page."
    )
