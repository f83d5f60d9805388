"""Filters: what the grammar allows is read, everything else is refused quickly and with a reason."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.scim.errors import InvalidFilter, ScimError, TooMany
from vestibule.scim.filters import And, Comparison, Not, Operator, Or, Present, ValuePath, parse_filter
from vestibule.scim.names import AttributeName
from vestibule.scim.schemas import ENTERPRISE_SCHEMA


def name(attribute: str, sub: str | None = None, schema: str | None = None) -> AttributeName:
    return AttributeName(schema, attribute, sub)


def eq(attribute: str, value: Any) -> Comparison:
    return Comparison(name(attribute), Operator.EQ, value)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ('userName eq "ana"', eq("userName", "ana")),
        ('  userName   eq\t"ana" ', eq("userName", "ana")),
        ('userName Eq "ana"', eq("userName", "ana")),
        ('userName eq ""', eq("userName", "")),
        (r'userName eq "a\"b\\c\u00e9"', eq("userName", 'a"b\\cé')),
        ('name.familyName co "O\'Malley"', Comparison(name("name", "familyName"), Operator.CO, "O'Malley")),
        ("active eq true", eq("active", True)),
        ("active eq False", eq("active", False)),
        ("title eq null", eq("title", None)),
        ("n gt 3", Comparison(name("n"), Operator.GT, 3)),
        ("n le -1.5e3", Comparison(name("n"), Operator.LE, -1500.0)),
        ("title pr", Present(name("title"))),
        (
            f'{ENTERPRISE_SCHEMA}:department eq "Sales"',
            Comparison(name("department", None, ENTERPRISE_SCHEMA), Operator.EQ, "Sales"),
        ),
        (
            f'{ENTERPRISE_SCHEMA}:manager.value eq "u"',
            Comparison(name("manager", "value", ENTERPRISE_SCHEMA), Operator.EQ, "u"),
        ),
        ('emails[type eq "work"]', ValuePath(name("emails"), eq("type", "work"))),
        (
            'emails[type eq "work"].value eq "a"',
            Comparison(name("emails", "value"), Operator.EQ, "a", eq("type", "work")),
        ),
        (
            'emails[type eq "work" and value co "@x"]',
            ValuePath(
                name("emails"), And((eq("type", "work"), Comparison(name("value"), Operator.CO, "@x")))
            ),
        ),
        ('not (userName eq "a")', Not(eq("userName", "a"))),
        ('NOT(userName eq "a")', Not(eq("userName", "a"))),
        # RFC 7644 §3.4.2.2: `and` binds closer than `or`.
        (
            'a eq "1" or b eq "2" and c eq "3"',
            Or((eq("a", "1"), And((eq("b", "2"), eq("c", "3"))))),
        ),
        (
            '(a eq "1" or b eq "2") and c eq "3"',
            And((Or((eq("a", "1"), eq("b", "2"))), eq("c", "3"))),
        ),
        ('id eq "g" and members eq "u"', And((eq("id", "g"), eq("members", "u")))),
        ('userName eq "größe 名前"', eq("userName", "größe 名前")),
    ],
)
def test_what_the_grammar_allows_is_read(text: str, tree: object) -> None:
    assert parse_filter(text) == tree


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "userName",
        "userName eq",
        'eq "a"',
        "userName eq ana",
        "userName eq 'ana'",
        'userName eq "ana',
        'userName is "ana"',
        'userName eq "a" and',
        'userName eq "a" or or b pr',
        '(userName eq "a"',
        'userName eq "a")',
        "emails[",
        "emails[]",
        'emails[type eq "work"',
        'emails[type eq "work"] eq "a"',
        'emails[type eq "work"].value',
        'not userName eq "a"',
        "()",
        'user name eq "a"',
        r'userName eq "\x"',
        "n gt 1e999",
        '9a eq "x"',
        'a.b.c eq "x"',
    ],
)
def test_what_it_does_not_allow_is_refused(text: str) -> None:
    with pytest.raises(InvalidFilter, match=r"^The filter cannot be read: .*\.$"):
        parse_filter(text)


def test_no_error_shows_a_value() -> None:
    for text in ('userName eq "secret', 'userName eq "a" "secret"', '"secret" eq "a"'):
        with pytest.raises(InvalidFilter) as caught:
            parse_filter(text)
        assert "secret" not in caught.value.detail


def test_length_depth_and_terms_are_limited() -> None:
    assert parse_filter("(" * 32 + "a pr" + ")" * 32) == Present(name("a"))
    with pytest.raises(InvalidFilter, match="deeper than 32"):
        parse_filter("(" * 33 + "a pr" + ")" * 33)
    with pytest.raises(InvalidFilter, match="deeper than 32"):
        parse_filter("not (" * 500 + "a pr" + ")" * 500)
    with pytest.raises(InvalidFilter, match="deeper than 32"):
        parse_filter("a[" * 100 + "a pr" + "]" * 100)
    with pytest.raises(InvalidFilter, match="longer than 4096"):
        parse_filter("a" * 4097)
    with pytest.raises(TooMany, match="more than 100"):
        parse_filter(" or ".join(["a pr"] * 101))


HOSTILE = [
    "(" * 4096,
    "[" * 4096,
    '"' * 4095,
    '"' + "\\" * 4090,
    "\\" * 4096,
    " " * 4096,
    "a" * 4096,
    "a." * 2048,
    "urn:" * 1024,
    "a eq " + "9" * 4000,
    "a eq -" + "0" * 4000,
    'a eq "' + "\\u0000" * 600 + '"',
    " ".join(["not"] * 1000),
    "a pr and " * 400,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_answered_at_once(text: str) -> None:
    begin = time.perf_counter()
    try:
        parse_filter(text)
    except ScimError as error:
        assert len(error.detail) < 300
    assert time.perf_counter() - begin < 0.5


WORDS = st.sampled_from(
    [
        "userName",
        "eq",
        "and",
        "or",
        "not",
        "(",
        ")",
        "[",
        "]",
        '"a"',
        "true",
        "pr",
        ".value",
        "emails",
        " ",
        "3",
        "urn:",
    ]
)


@given(st.text(max_size=60) | st.lists(WORDS, max_size=14).map(" ".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_filter(text)
    except ScimError as error:
        assert error.status == 400


@pytest.mark.parametrize(
    "text",
    [
        'userName eq "a@b.example"',
        ' USERNAME\u00a0EQ\n"a b\t" ',
        'x-1_y Eq ""',
        'notes eq "not"',
    ],
)
def test_a_filter_that_is_read_at_once_is_the_same_in_parentheses(text: str) -> None:
    assert parse_filter(text) == parse_filter(f"({text})")


def test_a_negation_is_never_read_as_a_name() -> None:
    with pytest.raises(InvalidFilter):
        parse_filter('not eq "a"')
