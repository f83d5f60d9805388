"""PATCH of groups: every dialect becomes one net change, without ever seeing the members."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.scim.samples import patch_body
from vestibule.scim.dialects import Repair
from vestibule.scim.errors import InvalidPath, InvalidValue, MutabilityViolation, NoTarget
from vestibule.scim.group_patch import GroupChange, MembersChange, patch_group
from vestibule.scim.groups import MemberRef

IT = {"displayName": "IT", "externalId": "g-1"}


def change(*operations: dict[str, Any]) -> GroupChange:
    return patch_group(IT, patch_body(*operations))


def added(*values: str) -> MembersChange:
    return MembersChange(False, tuple(map(MemberRef, values)), ())


def removed(*values: str) -> MembersChange:
    return MembersChange(False, (), values)


def replaced(*values: str) -> MembersChange:
    return MembersChange(True, tuple(map(MemberRef, values)), ())


def test_okta_renames_and_repeats_the_id() -> None:
    found = change({"op": "replace", "value": {"id": "g1", "displayName": "Support"}})
    assert found.document == {"displayName": "Support", "externalId": "g-1"}
    assert found.keys.display_name_ci == "support"
    assert found.changed
    assert found.members.is_empty


def test_okta_removes_and_adds_in_one_request() -> None:
    found = change(
        {"op": "remove", "path": 'members[value eq "u1"]'},
        {"op": "add", "path": "members", "value": [{"value": "u2", "display": "ana@corp.example"}]},
    )
    assert found.members == MembersChange(False, (MemberRef("u2"),), ("u1",))
    assert found.document is IT
    assert not found.changed


def test_okta_pushes_the_whole_list() -> None:
    assert change(
        {"op": "replace", "path": "members", "value": [{"value": "u1"}, {"value": "u2"}]}
    ).members == replaced("u1", "u2")
    assert change({"op": "replace", "path": "members", "value": []}).members == replaced()


def test_row_1_entra_adds_with_a_capital() -> None:
    found = change(
        {"op": "Add", "path": "members", "value": [{"$ref": None, "value": "u1"}, {"value": "u2"}]}
    )
    assert found.members == added("u1", "u2")
    assert Repair.OPERATION_CASE in found.repairs


def test_row_3_entra_lists_whom_to_remove() -> None:
    found = change({"op": "Remove", "path": "members", "value": [{"$ref": None, "value": "u1"}]})
    assert found.members == removed("u1")
    assert Repair.REMOVE_BY_VALUE in found.repairs


def test_row_3_remove_without_value_removes_all() -> None:
    assert change({"op": "Remove", "path": "members"}).members == replaced()
    assert change({"op": "remove", "path": "members", "value": None}).members == replaced()
    assert change({"op": "remove", "path": "members", "value": []}).members.is_empty


@pytest.mark.parametrize(
    "path",
    [
        'members[value eq "u1"]',
        'Members[Value Eq "u1"]',
        'members[value eq "u1"].value',
        'urn:ietf:params:scim:schemas:core:2.0:Group:members[value eq "u1"]',
        'members[value eq "u1" and type eq "User"]',
    ],
)
def test_row_4_a_filter_on_the_value_removes_that_member(path: str) -> None:
    assert change({"op": "remove", "path": path}).members == removed("u1")


def test_row_4_several_members_in_one_filter() -> None:
    assert change({"op": "remove", "path": 'members[value eq "u1" or value eq "u2"]'}).members == removed(
        "u1", "u2"
    )


def test_row_5_members_without_a_path() -> None:
    found = change({"op": "add", "value": {"members": [{"value": "u1"}], "displayName": "New"}})
    assert found.members == added("u1")
    assert found.document["displayName"] == "New"
    found = change({"op": "replace", "value": {"Members": [{"value": "u1"}]}})
    assert found.members == replaced("u1")
    found = change(
        {"op": "add", "value": {"urn:ietf:params:scim:schemas:core:2.0:Group:members": [{"value": "u1"}]}}
    )
    assert found.members == added("u1")


def test_row_15_a_bare_member_and_one_named_by_reference() -> None:
    assert change({"op": "add", "path": "members", "value": "u1"}).members == added("u1")
    assert change({"op": "add", "path": "members.value", "value": "u1"}).members == added("u1")
    assert change({"op": "add", "path": "members", "value": {"$ref": "../Users/u1"}}).members == added("u1")
    assert change(
        {"op": "add", "path": 'members[value eq "u1"]', "value": {"display": "A"}}
    ).members == added("u1")


def test_row_16_the_last_word_on_a_member_counts() -> None:
    add_one = {"op": "add", "path": "members", "value": [{"value": "u1"}]}
    remove_one = {"op": "remove", "path": 'members[value eq "u1"]'}
    assert change(add_one, add_one).members == added("u1")
    assert change(add_one, remove_one).members == removed("u1")
    assert change(remove_one, add_one).members == added("u1")
    assert change({"op": "remove", "path": "members"}, add_one).members == replaced("u1")


def test_the_display_of_a_member_is_not_the_idps_to_set() -> None:
    found = change({"op": "replace", "path": 'members[value eq "u1"].display', "value": "x"})
    assert found.members.is_empty
    assert Repair.READ_ONLY_VALUE in found.repairs


def test_null_unassigns_all_members() -> None:
    assert change({"op": "replace", "path": "members", "value": None}).members == replaced()


def test_a_group_given_stays_untouched_when_a_later_operation_is_wrong() -> None:
    with pytest.raises(InvalidValue):
        change(
            {"op": "replace", "path": "displayName", "value": "X"},
            {"op": "add", "path": "members", "value": [{}]},
        )
    assert IT == {"displayName": "IT", "externalId": "g-1"}


@pytest.mark.parametrize(
    "path",
    ['members[display eq "Ana"]', 'members[value ne "u1"]', 'members[type eq "User"]', "members[value pr]"],
)
def test_members_are_selected_by_id_only(path: str) -> None:
    with pytest.raises(InvalidPath, match="selected by their id only"):
        change({"op": "remove", "path": path})


def test_a_group_keeps_its_name() -> None:
    with pytest.raises(MutabilityViolation, match="is required"):
        change({"op": "remove", "path": "displayName"})
    with pytest.raises(InvalidValue, match="give the group a name"):
        change({"op": "replace", "path": "displayName", "value": ""})
    with pytest.raises(NoTarget):
        change({"op": "remove"})


IDS = st.sampled_from("abcde")
LISTS = st.lists(IDS, max_size=4)


def as_operation(kind: str, values: list[str]) -> dict[str, Any]:
    listed = [{"value": value} for value in values]
    match kind:
        case "filter":
            return {"op": "remove", "path": f'members[value eq "{values[0] if values else "z"}"]'}
        case "all":
            return {"op": "remove", "path": "members"}
        case _:
            return {"op": kind, "path": "members", "value": listed}


def expected(present: set[str], kind: str, values: list[str]) -> set[str]:
    match kind:
        case "add":
            return present | set(values)
        case "replace":
            return set(values)
        case "remove":
            return present - set(values)
        case "filter":
            return present - set(values[:1])
        case _:
            return set()


def carried_out(present: set[str], change: MembersChange) -> set[str]:
    """What the database makes of a change: those who go, then those who come."""
    kept = set() if change.replaced else present - set(change.removed)
    return kept | {member.value for member in change.added}


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "replace", "remove", "filter", "all"]), LISTS), min_size=1, max_size=6
)


@given(LISTS, STEPS)
def test_the_net_change_means_what_the_operations_mean_one_by_one(
    start: list[str], steps: list[tuple[str, list[str]]]
) -> None:
    found = change(*(as_operation(kind, values) for kind, values in steps))
    wanted = set(start)
    for kind, values in steps:
        wanted = expected(wanted, kind, values)
    assert carried_out(set(start), found.members) == wanted
    assert not set(found.members.removed) & {member.value for member in found.members.added}
    assert not (found.members.replaced and found.members.removed)
