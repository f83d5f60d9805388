"""The evaluator: filters on whole resources and on elements (RFC 7644 §3.4.2.2)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.scim.errors import InvalidFilter
from vestibule.scim.filters import parse_filter
from vestibule.scim.folding import fold
from vestibule.scim.matching import matches
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, USER

ANA: dict[str, Any] = {
    "id": "Abc",
    "userName": "Ana@Corp.example",
    "externalId": "E-1",
    "active": True,
    "name": {"familyName": "Li"},
    "emails": [
        {"value": "ana@corp.example", "type": "work", "primary": True},
        {"value": "ana@home.example", "type": "home"},
    ],
    ENTERPRISE_SCHEMA: {"department": "Sales", "manager": {"value": "u9"}},
    "urn:corp:2.0:User": {"badge": 7},
    "meta": {"lastModified": "2026-01-02T03:04:05.000Z"},
}


@pytest.mark.parametrize(
    "text",
    [
        'userName eq "ANA@corp.example"',
        'USERNAME sw "ana@"',
        'userName ew ".example"',
        'userName co "CORP"',
        'userName ne "bo"',
        'userName gt "aaa" and userName lt "b" and userName ge "a" and userName le "z"',
        'id eq "Abc"',
        'not (id eq "abc")',
        'externalId ne "e-1"',
        "active eq true",
        'active eq "True"',
        "name.familyName pr",
        "not (title pr)",
        "title eq null",
        'title ne "x"',
        'emails eq "ANA@home.example"',
        'emails.value ew "corp.example"',
        'emails[type eq "work" and value co "corp"]',
        'emails[type eq "work"].value eq "ana@corp.example"',
        'emails[primary eq "true"].value sw "ana"',
        'emails[type eq "work"].primary eq true',
        'emails.type eq "home"',
        'emails[type eq "work"].value pr',
        f'{ENTERPRISE_SCHEMA}:department eq "sales"',
        f'{ENTERPRISE_SCHEMA}:manager eq "u9"',
        "urn:corp:2.0:User:badge ge 7",
        "URN:corp:2.0:User pr",
        "urn:corp:2.0:User ne null",
        "URN:CORP:2.0:USER:Badge eq 7",
        'meta.lastModified gt "2026-01-01T00:00:00Z"',
        'meta.lastModified eq "2026-01-02T04:04:05+01:00"',
        'userName eq "bo" or active eq true',
    ],
)
def test_what_is_so(text: str) -> None:
    assert matches(parse_filter(text), ANA, USER)


@pytest.mark.parametrize(
    "text",
    [
        'userName eq "bo"',
        'id eq "abc"',
        "active eq false",
        "title pr",
        'userName ne "ana@corp.example"',
        'emails[type eq "home" and value co "corp"]',
        'emails[type eq "other"].value pr',
        'unknown eq "x"',
        "urn:corp:3.0:User:badge eq 7",
        "urn:corp:3.0:User pr",
        'userName eq "ana@corp.example" and active eq false',
    ],
)
def test_what_is_not_so(text: str) -> None:
    assert not matches(parse_filter(text), ANA, USER)


@pytest.mark.parametrize(
    "text",
    [
        "active gt true",
        'active eq "x"',
        "userName eq 7",
        "userName gt null",
        'name eq "Li"',
        'active co "t"',
        "urn:corp:2.0:User:badge co 7",
        'meta.lastModified gt "yesterday"',
        'emails[sub[value eq "a"]]',
    ],
)
def test_a_comparison_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(InvalidFilter):
        matches(parse_filter(text), ANA, USER)


@given(st.text(max_size=30))
def test_folding_twice_changes_nothing_and_case_does_not_matter(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    if text.isascii():
        assert fold(text.upper()) == fold(text)


def test_folding_knows_other_alphabets() -> None:
    assert fold("STRASSE") == fold("straße")
    assert fold("É") == fold("E\u0301") == "é"
    assert fold("\uff21\uff22\uff23") == "abc"
