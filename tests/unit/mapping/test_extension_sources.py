"""A mapping may name attributes of extensions, defined or not, in any letter case."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tenant_schema import ACME
from vestibule.domain.outcomes import HeldReason
from vestibule.mapping.evaluate import Evaluated, evaluate
from vestibule.mapping.extension_sources import (
    InvalidSource,
    extension_text,
    parse_extension_source,
)
from vestibule.mapping.rules import LoginSource, NameSource, default_mapping, parse_mapping
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, USER_SCHEMA

RULES = replace(
    default_mapping(),
    login=(parse_extension_source(f"{ACME}:loginName"), LoginSource.USER_NAME),
    email=(parse_extension_source(f"{ACME}:mail"),),
    display_name=(parse_extension_source(f"{ACME}:shownAs"), NameSource.DISPLAY_NAME),
)


def judged(body: object, urn: str = ACME) -> Evaluated:
    person = {"userName": "ana", "displayName": "Ana", urn: body}
    return evaluate(RULES, person, active=True, groups=())


def test_a_person_has_what_the_extension_says() -> None:
    found = judged({"loginName": " al7 ", "mail": "Ana@Corp.example", "shownAs": "Ana\nLi"})
    assert (found.login, found.display_name, found.problem) == ("al7", "Ana Li", None)
    assert found.email is not None
    assert found.email.address == "ana@corp.example"


def test_without_a_value_the_next_source_decides() -> None:
    found = judged({"mail": "ana@corp.example", "loginName": " ", "shownAs": None})
    assert (found.login, found.display_name) == ("ana", "Ana")


def test_a_wrong_address_is_told() -> None:
    assert judged({"mail": "nobody"}).problem is HeldReason.INVALID_EMAIL
    assert judged({}).problem is HeldReason.NO_EMAIL


def test_letter_case_makes_no_other_name() -> None:
    assert judged({"LOGINNAME": "x", "Mail": "a@corp.example"}, ACME.upper()).login == "x"


@pytest.mark.parametrize(
    ("source", "body", "text"),
    [
        ("a", {"a": 42}, "42"),
        ("a", {"a": 1.5}, "1.5"),
        ("a", {"a": True}, ""),
        ("a", {"a": ["", "x", "y"]}, "x"),
        ("a", {"a": {"value": "x"}}, "x"),
        ("a", {"a": [{"value": "x"}, {"value": "y", "primary": True}]}, "y"),
        ("a.b", {"a": [{"b": "x"}]}, "x"),
        ("a.b", {"A": {"B": "x"}}, "x"),
        ("a.b", {"a": "x"}, "x"),
        ("a", {"a": "x" * 513}, ""),
        ("a", "x", ""),
        ("a", {"a": {"value": {"value": "x"}}}, ""),
    ],
)
def test_one_text_stands_for_a_value(source: str, body: object, text: str) -> None:
    assert extension_text(parse_extension_source(f"urn:corp:x:{source}"), {"urn:corp:x": body}) == text


def test_a_registered_extension_is_meant_by_any_of_its_urns() -> None:
    for urn in (ENTERPRISE_SCHEMA, "urn:scim:schemas:extension:enterprise:1.0"):
        source = parse_extension_source(f"{urn}:employeeNumber")
        assert extension_text(source, {ENTERPRISE_SCHEMA: {"employeeNumber": "7"}}) == "7"


@pytest.mark.parametrize(
    "text",
    [
        "badge",
        "",
        "urn:",
        "urn:corp:x",
        f"{USER_SCHEMA}:title",
        ENTERPRISE_SCHEMA,
        "urn:corp:x:a b",
        "urn:" * 90,
        7,
        None,
    ],
)
def test_what_names_no_attribute_of_an_extension_is_no_source(text: object) -> None:
    with pytest.raises(InvalidSource):
        parse_extension_source(text)


def test_such_rules_survive_storage() -> None:
    assert parse_mapping(json.loads(json.dumps(RULES.as_document()))) == RULES


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["loginName", "mail", "value", "primary"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(_JSON)
def test_no_body_breaks_it(body: object) -> None:
    judged(body)
