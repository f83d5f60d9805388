"""What is said twice: with one value it may pass, with two it is refused, never half dropped."""

from typing import Any

import pytest

from tests.unit.scim.samples import patch_body, user
from vestibule.scim.errors import InvalidSyntax, InvalidValue
from vestibule.scim.group_patch import patch_group
from vestibule.scim.groups import parse_group
from vestibule.scim.patch import patch_user
from vestibule.scim.resources import parse_user
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, GROUP_SCHEMA, USER_SCHEMA

OFF = {"op": "replace", "path": "active", "value": False}
TITLE = {"op": "replace", "path": "title", "value": "x"}

PATCHES: dict[str, Any] = {
    "two lists of operations": {"operations": [TITLE], "Operations": [OFF]},
    "two paths": patch_body({"op": "replace", "path": "title", "Path": "nickName", "value": "x"}),
    "two verbs": patch_body({"op": "add", "OP": "remove", "path": "title", "value": "x"}),
    "two values": patch_body({"op": "replace", "path": "active", "value": True, "Value": False}),
    "two keys": patch_body({"op": "replace", "value": {"active": False, "Active": True}}),
    "two keys, the second off": patch_body({"op": "replace", "value": {"ACTIVE": True, "active": False}}),
    "a qualified key": patch_body({"op": "add", "value": {"active": False, f"{USER_SCHEMA}:active": True}}),
    "true and 1": patch_body({"op": "replace", "value": {"active": True, "Active": 1}}),
    "a part and a part": patch_body(
        {"op": "add", "value": {"name.givenName": "A", "NAME.givenname": "B"}},
    ),
    "an extension and its attribute": patch_body(
        {
            "op": "add",
            "value": {ENTERPRISE_SCHEMA: {"department": "A"}, f"{ENTERPRISE_SCHEMA}:department": "B"},
        }
    ),
    "an extension's attribute twice": patch_body(
        {"op": "add", "path": ENTERPRISE_SCHEMA, "value": {"department": "A", "Department": "B"}}
    ),
    "an attribute with and without its URN": patch_body(
        {"op": "add", "value": {"department": "A", f"{ENTERPRISE_SCHEMA}:department": "B"}}
    ),
    "a part and its null": patch_body(
        {"op": "add", "path": "name", "value": {"GIVENNAME": None, "givenname": "B"}}
    ),
    "a wrapped value": patch_body(
        {"op": "replace", "path": "active", "value": {"value": True, "Value": False}}
    ),
}

BODIES: dict[str, dict[str, Any]] = {
    "a qualified active": {"active": False, f"{USER_SCHEMA}:active": True},
    "a qualified userName": {f"{USER_SCHEMA}:userName": "bo@corp.example"},
    "an unknown extension": {"urn:x:y:z": {"a": 1}, "URN:X:y:z": {"a": 2}},
    "an extension and its attribute": {
        ENTERPRISE_SCHEMA: {"department": "A"},
        f"{ENTERPRISE_SCHEMA}:department": "B",
    },
}


@pytest.mark.parametrize("body", PATCHES.values(), ids=PATCHES)
def test_a_patch_that_contradicts_itself_changes_nothing(body: Any) -> None:
    with pytest.raises(InvalidSyntax, match="twice"):
        patch_user(user(), body)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_contradicts_itself_is_refused(body: dict[str, Any]) -> None:
    for ordered in (body, dict(reversed(body.items()))):
        with pytest.raises(InvalidSyntax, match="twice"):
            parse_user({"userName": "ana@corp.example", **ordered})
        with pytest.raises(InvalidSyntax, match="twice"):
            parse_user({"userName": "ana@corp.example", **ordered}, user())


def test_the_same_value_twice_may_pass() -> None:
    off = {"active": False, "Active": False, f"{USER_SCHEMA}:active": False}
    assert (
        patch_user(user(), patch_body({"op": "replace", "OP": "replace", "value": off})).keys.active is False
    )
    assert patch_user(user(), {"Operations": [OFF], "operations": [OFF]}).keys.active is False
    twice = {"urn:x:y:z": {"a": 1}, "URN:X:y:z": {"a": 1}, f"{USER_SCHEMA}:userName": "ana@corp.example"}
    assert parse_user({"userName": "ana@corp.example", **twice}).keys.user_name == "ana@corp.example"


def test_elements_by_different_filters_are_no_contradiction() -> None:
    values = {
        'emails[type eq "work"].value': "w@corp.example",
        'emails[type eq "home"].value': "h@corp.example",
    }
    patched = patch_user(user(), patch_body({"op": "add", "value": values}))
    assert [email["value"] for email in patched.document["emails"]] == list(values.values())


def test_members_are_said_once() -> None:
    document = parse_group({"displayName": "IT"}).document
    one, other = [{"value": "a"}], [{"value": "b"}]
    for key in ("Members", f"{GROUP_SCHEMA}:members"):
        with pytest.raises(InvalidSyntax, match="twice"):
            patch_group(document, patch_body({"op": "replace", "value": {"members": one, key: other}}))
        with pytest.raises(InvalidSyntax, match="twice"):
            parse_group({"displayName": "IT", "members": one, key: other})
    with pytest.raises(InvalidSyntax, match="twice"):
        parse_group({"displayName": "IT", "members": [{"value": "a", "Value": "b"}]})


def test_members_under_their_whole_name_are_members() -> None:
    parsed = parse_group({"displayName": "IT", f"{GROUP_SCHEMA}:members": [{"value": "a"}]})
    assert [member.value for member in parsed.members or ()] == ["a"]
    assert "members" not in parsed.document


@pytest.mark.parametrize(
    "name",
    ["\u200b", "\u00ad", " \u2060\ufeff ", "\u3164", "\u2800\u200d", "\u034f", "\u3000", "\u00a0", "\x1b"],
)
def test_a_name_that_nobody_can_see_is_none(name: str) -> None:
    with pytest.raises(InvalidValue, match="empty"):
        parse_user({"userName": name})
    with pytest.raises(InvalidValue, match="empty"):
        parse_group({"displayName": name})


@pytest.mark.parametrize("name", ["ana\n@corp.example", "ana\x1b[2J", "ana\r", "a\x85b", "\x7fana"])
def test_a_name_has_no_control_characters(name: str) -> None:
    with pytest.raises(InvalidValue, match="control"):
        parse_user({"userName": name})
    with pytest.raises(InvalidValue, match="control"):
        parse_group({"displayName": name})
    with pytest.raises(InvalidValue, match="control"):
        patch_user(user(), patch_body({"op": "replace", "path": "userName", "value": name}))


@pytest.mark.parametrize("name", ["Zoë", "क्षि", "👩‍👩‍👧", "o\u2019neill@corp.example", "東京 部"])
def test_names_of_every_script_pass(name: str) -> None:
    assert parse_user({"userName": name}).keys.user_name == name
    assert parse_group({"displayName": name}).keys.display_name == name
