"""The rules of RFC 7643 §2 and RFC 7644 §3.5 by their sections: what each says, and what we make of it."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.scim.rfc_rules import ANA, CORP, RULES, STAFF, Rule, add, remove, replace
from vestibule.scim.errors import MutabilityViolation, ScimError
from vestibule.scim.group_patch import patch_group
from vestibule.scim.groups import parse_group
from vestibule.scim.operations import parse_operations
from vestibule.scim.patch import apply_operations
from vestibule.scim.projection import parse_projection, project
from vestibule.scim.resources import keep_immutable, normalise_resource
from vestibule.scim.schemas import GROUP_SCHEMA


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_patch_follows_the_rule(rule: Rule) -> None:
    document = copy.deepcopy(ANA)
    try:
        found = apply_operations(
            STAFF, document, parse_operations({"Operations": list(rule.operations)}, set(), most=10), set()
        )
    except ScimError as error:
        assert error.scim_type == rule.becomes, rule.says
    else:
        assert isinstance(rule.becomes, Mapping), (rule.says, found)
        wanted = {**ANA, **rule.becomes}
        assert found == {name: value for name, value in wanted.items() if value is not None}, rule.says
    assert document == ANA


def test_7644_3_5_1_a_put_keeps_what_is_immutable() -> None:
    bodies: tuple[dict[str, Any], ...] = ({CORP: {"badge": "B-8"}}, {CORP: {}}, {})
    for body in bodies:
        document = normalise_resource(STAFF, {"userName": "ana", **body}, set())
        with pytest.raises(MutabilityViolation, match="keeps its first value"):
            keep_immutable(STAFF, ANA, document)
    same = normalise_resource(STAFF, {"userName": "ana", CORP: {"badge": "B-7"}}, set())
    keep_immutable(STAFF, ANA, same)
    keep_immutable(STAFF, {"userName": "ana"}, same)  # RFC 7643 §7: set once, whenever that is


def test_7643_2_2_a_body_may_say_what_is_kept_and_only_that() -> None:
    body = {"badge": "B-7", "clearance": "x", "pin": "1", "Floor": 3, "colour": "red"}
    for urn in (CORP, CORP.upper()):
        document = normalise_resource(STAFF, {"userName": "ana", urn: body}, set())
        assert document == {"userName": "ana", CORP: {"badge": "B-7", "floor": 3}}


def test_7643_2_2_what_is_returned_on_request_is_and_what_is_never_returned_is_not() -> None:
    resource = {"id": "1", **ANA, CORP: {**ANA[CORP], "note": "x", "pin": "1"}}

    def shown(names: str | None) -> Any:
        return project(parse_projection(names, None, STAFF), resource, STAFF)

    assert shown(f"{CORP}:note") == {"id": "1", CORP: {"note": "x"}}
    assert shown(f"{CORP}:pin") == {"id": "1"}


IT = {"displayName": "IT"}
MEMBER_RULES: Mapping[str, tuple[Mapping[str, Any], str | None]] = {
    "another id for a member": (replace('members[value eq "u1"].value', "u2"), "mutability"),
    "another member for a member": (replace('members[value eq "u1"]', {"value": "u2"}), "mutability"),
    "one id for all members": (replace("members.value", "u2"), "mutability"),
    "no id for all members": (remove("members.value"), "mutability"),
    "the same id": (replace('members[value eq "u1"].value', "u1"), None),
    "another name for a member": (replace('members[value eq "u1"].display', "x"), None),
    "no name for the group": (remove("displayName"), "mutability"),
}


@pytest.mark.parametrize(("operation", "scim_type"), MEMBER_RULES.values(), ids=MEMBER_RULES)
def test_7643_4_2_members_are_immutable(operation: Mapping[str, Any], scim_type: str | None) -> None:
    try:
        patch_group(IT, {"Operations": [operation]})
    except ScimError as error:
        assert error.scim_type == scim_type
    else:
        assert scim_type is None


def test_7643_2_5_a_member_without_a_value_is_none() -> None:
    gone = patch_group(IT, {"Operations": [replace('members[value eq "u1"]', None)]}).members
    assert (gone.added, gone.removed) == ((), ("u1",))
    assert patch_group(IT, {"Operations": [add('members[value eq "u1"]', None)]}).members.is_empty


def test_7643_4_2_a_group_may_be_created_with_members() -> None:
    body = {"schemas": [GROUP_SCHEMA], **IT, "members": [{"value": "u1", "type": "User", "display": "Ana"}]}
    assert [member.value for member in parse_group(body).members or ()] == ["u1"]
