"""Cursors (RFC 9865): read back as written, for one query and for one hour."""

import base64
import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.scim.cursors import Cursor, read_cursor, write_cursor
from vestibule.scim.errors import ExpiredCursor, InvalidCursor
from vestibule.scim.limits import DEFAULTS

ID = UUID("01981e2a-0000-7000-8000-000000000001")
NOW = 1_800_000_000


@given(st.booleans(), st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=500), st.text())
def test_a_cursor_is_read_as_it_was_written(backwards: bool, sort_key: str | None, query: str) -> None:
    cursor = Cursor(backwards, sort_key, ID)
    text = write_cursor(cursor, query, NOW)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
    assert read_cursor(text, query, NOW + DEFAULTS.cursor_seconds) == cursor


def test_the_longest_cursor_is_read_too() -> None:
    cursor = Cursor(False, "\x01" * 500, ID)
    assert read_cursor(write_cursor(cursor, "one", NOW), "one", NOW) == cursor


def test_a_cursor_of_another_query_is_none() -> None:
    text = write_cursor(Cursor(False, None, ID), "one", NOW)
    with pytest.raises(InvalidCursor):
        read_cursor(text, "two", NOW)


def test_an_old_cursor_is_expired() -> None:
    text = write_cursor(Cursor(False, None, ID), "one", NOW)
    with pytest.raises(ExpiredCursor, match="older than 3600 s"):
        read_cursor(text, "one", NOW + DEFAULTS.cursor_seconds + 1)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_anything_else_is_no_cursor(text: str) -> None:
    with pytest.raises(InvalidCursor):
        read_cursor(text, "one", NOW)


@given(st.integers(0, 100), st.integers(0, 255))
def test_a_changed_cursor_is_no_cursor(place: int, byte: int) -> None:
    text = write_cursor(Cursor(True, "key", ID), "one", NOW)
    raw = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    place %= len(raw)
    if raw[place] == byte:
        return
    raw[place] = byte
    with pytest.raises(InvalidCursor):
        read_cursor(base64.urlsafe_b64encode(raw).rstrip(b"=").decode(), "one", NOW)
