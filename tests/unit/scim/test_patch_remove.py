"""PATCH remove (RFC 7644 §3.5.2.2) on users, with what identity providers make of it."""

from typing import Any

import pytest

from tests.unit.scim.samples import patch_body, user
from vestibule.scim.dialects import Repair
from vestibule.scim.errors import InvalidPath, MutabilityViolation, NoTarget
from vestibule.scim.patch import patch_user
from vestibule.scim.resources import parse_user
from vestibule.scim.schemas import ENTERPRISE_SCHEMA

TWO = [
    {"value": "w@corp.example", "type": "work", "primary": True},
    {"value": "h@corp.example", "type": "home"},
]


def remove(document: dict[str, Any], path: str, **more: Any) -> dict[str, Any]:
    return patch_user(document, patch_body({"op": "remove", "path": path, **more})).document


def test_an_attribute_is_removed() -> None:
    assert "displayName" not in remove(user(), "displayName")
    assert "emails" not in remove(user(emails=TWO), "emails")
    assert remove(user(), "name.familyName")["name"] == {"givenName": "Ana"}
    assert "name" not in remove(user(name={"givenName": "Ana"}), "name.givenName")


def test_without_active_nobody_has_access() -> None:
    patched = patch_user(user(), patch_body({"op": "remove", "path": "active"}))
    assert "active" not in patched.document
    assert patched.keys.active is False
    put = parse_user({"userName": "ana@corp.example"}, previous=patched.document)
    assert (put.keys.active, "active" in put.document) == (False, False)
    assert parse_user({"userName": "ana@corp.example", "active": True}, previous=patched.document).keys.active


def test_selected_elements_are_removed() -> None:
    assert remove(user(emails=TWO), 'emails[type eq "home"]')["emails"] == TWO[:1]
    assert remove(user(emails=TWO), 'emails[type eq "home"].value')["emails"] == TWO[:1]
    assert remove(user(emails=TWO), 'emails[type eq "work"].primary')["emails"][0] == {
        "value": "w@corp.example",
        "type": "work",
    }


def test_row_3_listed_elements_are_removed() -> None:
    document = user(emails=TWO)
    patched = patch_user(
        document, patch_body({"op": "Remove", "path": "emails", "value": [{"value": "H@corp.example"}]})
    )
    assert patched.document["emails"] == TWO[:1]
    assert Repair.REMOVE_BY_VALUE in patched.repairs
    assert "emails" not in remove(document, "emails", value=None)
    assert remove(document, "emails", value=[]) == document


def test_row_16_what_is_not_there_is_removed_without_a_change() -> None:
    document = user()
    for path in (
        "nickName",
        'emails[type eq "fax"]',
        "manager",
        f"{ENTERPRISE_SCHEMA}:department",
        "x509Certificates",
    ):
        assert remove(document, path) is document


def test_extensions_and_their_parts_are_removed() -> None:
    urn = "urn:corp:2.0:User"
    document = user(
        **{ENTERPRISE_SCHEMA: {"department": "Sales", "manager": "u9"}, urn: {"badge": "B", "door": 1}}
    )
    assert remove(document, f"{ENTERPRISE_SCHEMA}:manager")[ENTERPRISE_SCHEMA] == {"department": "Sales"}
    assert ENTERPRISE_SCHEMA not in remove(document, ENTERPRISE_SCHEMA)
    assert remove(document, f"{urn}:badge")[urn] == {"door": 1}
    assert remove(document, f"{urn}:BADGE")[urn] == {"door": 1}
    with pytest.raises(InvalidPath, match="without a filter"):
        remove(document, f"{urn}:door[value eq 2]")
    assert urn not in remove(document, urn)
    assert remove(document, "urn:corp:other:2.0") is document
    assert ENTERPRISE_SCHEMA not in remove(
        user(**{ENTERPRISE_SCHEMA: {"division": "N"}}), f"{ENTERPRISE_SCHEMA}:division"
    )


def test_without_a_path_nothing_is_named() -> None:
    for operation in (
        {"op": "remove"},
        {"op": "remove", "path": ""},
        {"op": "remove", "value": {"title": "x"}},
    ):
        with pytest.raises(NoTarget, match="needs a 'path'"):
            patch_user(user(), patch_body(operation))


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("userName", "is required"),
        ("id", "set by the service"),
        ("meta", "set by the"),
    ],
)
def test_what_cannot_be_removed_says_so(path: str, detail: str) -> None:
    with pytest.raises(MutabilityViolation, match=detail):
        remove(user(), path)
