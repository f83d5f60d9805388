"""Bodies of groups: the document and the members apart, members in every shape that IdPs use."""

from typing import Any

import pytest

from vestibule.scim.errors import InvalidSyntax, InvalidValue, TooMany
from vestibule.scim.groups import MemberRef, parse_group
from vestibule.scim.schemas import GROUP_SCHEMA


def test_a_group_is_its_document_and_its_members() -> None:
    parsed = parse_group(
        {
            "schemas": [GROUP_SCHEMA],
            "id": "mine",
            "displayName": "IT",
            "externalId": "g-1",
            "members": [{"value": "u1", "display": "ana@corp.example", "type": "User"}, {"value": "u2"}],
        }
    )
    assert parsed.document == {"displayName": "IT", "externalId": "g-1"}
    assert parsed.keys.display_name_ci == "it"
    assert parsed.members == (MemberRef("u1", "User"), MemberRef("u2"))


def test_a_body_without_members_says_nothing_about_them() -> None:
    assert parse_group({"displayName": "IT"}).members is None
    assert parse_group({"displayName": "IT", "members": []}).members == ()
    assert parse_group({"displayName": "IT", "Members": None}).members == ()


def test_row_10_microsofts_own_schema_is_ignored() -> None:
    body = {
        "schemas": [GROUP_SCHEMA, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "displayName": "IT",
        "externalId": "8aa1a0c0",
        "meta": {"resourceType": "Group"},
    }
    assert parse_group(body).document == {"displayName": "IT", "externalId": "8aa1a0c0"}


@pytest.mark.parametrize(
    "element",
    [
        {"value": "u1"},
        {"value": "u1", "$ref": None},
        {"value": "u1", "$ref": None, "type": None, "displayName": "Ana"},
        {"Value": "u1"},
        {"$ref": "https://gateway.example/scim/v2/abc/Users/u1"},
        "u1",
    ],
)
def test_row_15_members_without_type_or_with_an_empty_reference(element: Any) -> None:
    assert parse_group({"displayName": "IT", "members": [element]}).members == (MemberRef("u1"),)


def test_row_16_a_member_named_twice_is_one() -> None:
    parsed = parse_group({"displayName": "IT", "members": [{"value": "u1"}, {"value": "u1", "type": "user"}]})
    assert parsed.members == (MemberRef("u1", "User"),)


@pytest.mark.parametrize("body", [{}, {"displayName": ""}, {"displayName": None}, {"displayName": " "}])
def test_a_group_without_a_name_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue, match="'displayName' is missing or empty: give the group a name"):
        parse_group(body)


@pytest.mark.parametrize(
    "element", [{}, {"value": ""}, {"value": 7}, {"value": "x" * 257}, {"value": "\x00"}, 7, []]
)
def test_a_member_without_an_id_is_refused(element: Any) -> None:
    with pytest.raises(InvalidValue, match=r"[Mm]ember"):
        parse_group({"displayName": "IT", "members": [element]})


def test_too_many_members_and_two_lists_are_refused() -> None:
    with pytest.raises(TooMany, match="at most"):
        parse_group({"displayName": "IT", "members": [{"value": "u1"}] * 100_001})
    with pytest.raises(InvalidSyntax, match="twice"):
        parse_group({"displayName": "IT", "members": [], "MEMBERS": []})
    with pytest.raises(InvalidSyntax, match="one JSON object"):
        parse_group([])
