"""Bodies of POST and PUT that are refused, and what the customer's admin reads then."""

from typing import Any

import pytest

from tests.unit.scim.samples import OKTA_USER
from vestibule.scim.errors import InvalidSyntax, InvalidValue
from vestibule.scim.resources import parse_user
from vestibule.scim.schemas import ENTERPRISE_SCHEMA


@pytest.mark.parametrize("body", [None, [], "text", 7, [OKTA_USER]])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    with pytest.raises(InvalidSyntax, match="one JSON object"):
        parse_user(body)


@pytest.mark.parametrize("body", [{}, {"userName": None}, {"userName": ""}, {"userName": "  "}])
def test_a_missing_user_name_says_what_to_do(body: Any) -> None:
    with pytest.raises(InvalidValue, match=r"'userName' is missing or empty: map it"):
        parse_user(body)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"userName": 7}, r"'userName' must be a text, the request has a number"),
        ({"userName": ["a", "b"]}, r"'userName' must be a text, the request has a list"),
        ({"active": "maybe"}, r"'active' must be true or false, the request has a text"),
        ({"active": 1}, r"'active' must be true or false, the request has a number"),
        ({"name": "Ana"}, r"'name' must be an object, the request has a text"),
        ({"emails": 7}, r"'emails' must be an object, the request has a number"),
        ({"emails": [{"value": True}]}, r"'value' must be a text, the request has a boolean"),
        ({"emails": [["a"]]}, r"'emails' must be an object, the request has a list"),
        ({"title": "a\x00b"}, r"'title' has a character that is no text"),
        ({"title": "\ud800"}, r"'title' has a character that is no text"),
        ({"userName": "x" * 513}, r"'userName' is longer than 512 characters"),
        ({"userName": "\ufdfa" * 512}, r"'userName' is too long"),
        ({"emails": [{"value": "a"}] * 501}, r"'emails' has more than 500 values"),
        ({"urn:a:b:c": {"x": "\x00"}}, r"extension 'urn:a:b:c' has a character that is no text"),
        ({"urn:a:b:c": {"x": [0] * 1000}}, r"more than 1000 values"),
        ({f"urn:a:b:{n}": {"x": 1} for n in range(11)}, r"more than 10 schema extensions"),
        ({"urn:a:b:" + "c" * 256: {"x": 1}}, r"URN is longer"),
    ],
)
def test_a_wrong_value_says_which_and_what(body: dict[str, Any], detail: str) -> None:
    with pytest.raises(InvalidValue, match=detail):
        parse_user({"userName": "ana", **body})


@pytest.mark.parametrize(
    "body",
    [
        {"userName": "ana", "USERNAME": "bo"},
        {"username": "ana", "USERNAME": "bo"},
        {"userName": "ana", "emails": [{"value": "a", "Value": "b"}]},
        {"userName": "ana", "emails": [{"VALUE": "a", "Value": "b"}]},
        {"userName": "ana", ENTERPRISE_SCHEMA: {"department": "a", "Department": "b"}},
        {
            "userName": "ana",
            ENTERPRISE_SCHEMA: {"department": "a"},
            ENTERPRISE_SCHEMA.upper(): {"division": "b"},
        },
    ],
)
def test_the_same_name_in_two_cases_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidSyntax, match="twice in different letter case"):
        parse_user(body)


def test_no_error_shows_the_value() -> None:
    for body in ({"userName": ["secret", "secret"]}, {"userName": "a", "active": "secret"}):
        with pytest.raises(InvalidValue) as caught:
            parse_user(body)
        assert "secret" not in caught.value.detail
