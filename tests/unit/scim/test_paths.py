"""Names and paths: plain, dotted, URN-qualified, with a filter; everything else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.scim.errors import InvalidFilter, InvalidPath
from vestibule.scim.filters import parse_filter
from vestibule.scim.names import AttributeName, parse_name
from vestibule.scim.paths import Path, parse_path, parse_path_or_none
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, USER_SCHEMA


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("userName", AttributeName(None, "userName")),
        ("name.givenName", AttributeName(None, "name", "givenName")),
        ("members.$ref", AttributeName(None, "members", "$ref")),
        (f"{USER_SCHEMA}:name.givenName", AttributeName(USER_SCHEMA, "name", "givenName")),
        (f"{ENTERPRISE_SCHEMA}:manager", AttributeName(ENTERPRISE_SCHEMA, "manager")),
        (ENTERPRISE_SCHEMA, AttributeName(ENTERPRISE_SCHEMA, None)),
        ("urn:corp:ext:1.0:User:badge", AttributeName("urn:corp:ext:1.0:User", "badge")),
        ("urn:corp:ext:1.0:User:badge.no", AttributeName("urn:corp:ext:1.0:User", "badge", "no")),
        ("urn:corp:ext:1.0", AttributeName("urn:corp:ext:1.0", None)),
    ],
)
def test_names(text: str, parsed: AttributeName) -> None:
    assert parse_name(text) == parsed


def test_a_path_with_a_filter_and_a_part() -> None:
    where = parse_filter('type eq "work"')
    assert parse_path('emails[type eq "work"].value') == Path(AttributeName(None, "emails", "value"), where)
    assert parse_path('emails[type eq "work"]') == Path(AttributeName(None, "emails"), where)
    assert parse_path(f'{USER_SCHEMA}:emails[type eq "work"].value').name.schema == USER_SCHEMA


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1a",
        "a b",
        "a..b",
        "a.b.c",
        "a.",
        ".a",
        "urn:",
        "urn:a",
        "urn:a b:c:d",
        "a" * 513,
        "name.x[a pr]",
        "urn:a:b:1[a pr]",
    ],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(InvalidPath):
        parse_path(text)
    assert parse_path_or_none(text) is None


@pytest.mark.parametrize("text", ["a[", "a[]", "a[b]", 'a[b eq "c"', 'a[b eq "c"]].d', "[a pr]"])
def test_a_broken_filter_in_a_path_is_refused(text: str) -> None:
    with pytest.raises((InvalidFilter, InvalidPath)):
        parse_path(text)


@given(st.text(max_size=80))
def test_any_text_is_a_path_or_none(text: str) -> None:
    path = parse_path_or_none(text)
    assert path is None or path == parse_path(text)
