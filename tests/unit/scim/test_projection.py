"""attributes and excludedAttributes (RFC 7644 §3.9)."""

from typing import Any

import pytest

from tests.tenant_schema import tailored
from vestibule.scim.attributes import ResourceType
from vestibule.scim.errors import InvalidValue
from vestibule.scim.projection import parse_projection, project, wants
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, GROUP, GROUP_SCHEMA, USER, USER_SCHEMA

BODY: dict[str, Any] = {
    "schemas": [USER_SCHEMA, ENTERPRISE_SCHEMA],
    "id": "1",
    "userName": "ana",
    "name": {"givenName": "Ana", "familyName": "Li"},
    "emails": [{"value": "a@x.example", "type": "work"}, {"type": "home"}],
    ENTERPRISE_SCHEMA: {"department": "Sales", "manager": {"value": "u9"}},
    "urn:corp:2.0:User": {"badge": 7, "door": {"no": 1}},
    "meta": {"version": 'W/"1"'},
}
ALWAYS = {"schemas": BODY["schemas"], "id": "1"}


def only(attributes: str | None = None, excluded: str | None = None) -> dict[str, Any]:
    return project(parse_projection(attributes, excluded, USER), BODY, USER)


@pytest.mark.parametrize(
    ("attributes", "rest"),
    [
        ("userName", {"userName": "ana"}),
        ("USERNAME, emails.value", {"userName": "ana", "emails": [{"value": "a@x.example"}]}),
        (f"{USER_SCHEMA}:name.givenName", {"name": {"givenName": "Ana"}}),
        (f"{ENTERPRISE_SCHEMA}:department", {ENTERPRISE_SCHEMA: {"department": "Sales"}}),
        (ENTERPRISE_SCHEMA, {ENTERPRISE_SCHEMA: BODY[ENTERPRISE_SCHEMA]}),
        ("department", {ENTERPRISE_SCHEMA: {"department": "Sales"}}),
        ("urn:corp:2.0:User:badge", {"urn:corp:2.0:User": {"badge": 7}}),
        ("urn:corp:2.0:User", {"urn:corp:2.0:User": BODY["urn:corp:2.0:User"]}),
        ("URN:CORP:2.0:USER:DOOR", {"urn:corp:2.0:User": {"door": {"no": 1}}}),
        ("nothing", {}),
        ("id", {}),
        ("password", {}),
    ],
)
def test_only_what_is_asked_for_and_what_is_always_returned(attributes: str, rest: dict[str, Any]) -> None:
    assert only(attributes) == {**ALWAYS, **rest}


def test_all_but_what_is_excluded() -> None:
    assert "emails" not in only(None, "emails")
    assert only(None, "name.givenName")["name"] == {"familyName": "Li"}
    assert only(None, f"{ENTERPRISE_SCHEMA}:manager")[ENTERPRISE_SCHEMA] == {"department": "Sales"}
    assert ENTERPRISE_SCHEMA not in only(None, ENTERPRISE_SCHEMA)
    assert "urn:corp:2.0:User" not in only(None, "urn:corp:2.0:User")
    assert only(None, "urn:corp:2.0:User:badge")["urn:corp:2.0:User"] == {"door": {"no": 1}}
    assert only(None, "id,schemas") == BODY


def test_without_a_word_everything_by_default() -> None:
    for nothing in (None, "", " , "):
        assert parse_projection(nothing, nothing, USER) is None
    assert only() == BODY
    assert project(None, {"id": "1", "password": "x"}, USER) == {"id": "1"}


def test_entra_reads_groups_without_members() -> None:
    projection = parse_projection(None, "members", GROUP)
    assert not wants(projection, "members")
    assert wants(projection, "displayName")
    assert wants(None, "members")
    assert not wants(parse_projection("displayName", None, GROUP), "members")
    assert wants(parse_projection("members.value", None, GROUP), "members")
    assert project(projection, {"id": "1", "displayName": "IT", "members": []}, GROUP) == {
        "id": "1",
        "displayName": "IT",
    }


@pytest.mark.parametrize(
    ("attributes", "excluded", "kind", "is_so"),
    [
        (None, "members", GROUP, True),
        (None, f"MEMBERS,{GROUP_SCHEMA}:members", GROUP, True),
        (None, "members,externalId", GROUP, False),
        (None, "members.display", GROUP, False),
        ("displayName", None, GROUP, False),
        ("displayName", "members", GROUP, False),
        (None, "members", tailored().user, False),  # has attributes that nobody is told unasked
    ],
)
def test_who_leaves_out_what_is_not_there_is_answered_as_it_is(
    attributes: str | None, excluded: str | None, kind: ResourceType, *, is_so: bool
) -> None:
    projection = parse_projection(attributes, excluded, kind)
    assert projection is not None
    assert projection.leaves_out_only("members") is is_so
    whole = {"schemas": [kind.schema.id], "id": "1", "displayName": "IT", "externalId": "x"}
    assert not is_so or project(projection, whole, kind) == whole


def test_wrong_names_and_too_many_are_refused() -> None:
    with pytest.raises(InvalidValue, match="not an attribute name"):
        only("a b")
    with pytest.raises(InvalidValue, match="at most 100"):
        only(",".join(["a"] * 101))
