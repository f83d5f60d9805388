"""What scim2-models accepts, we accept and understand alike: resources, answers, results of a PATCH.

The differences that are meant are the tables of known_differences, each with its reason.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.scim.bodies import GROUPS, LETTERS, USERS, Body, operations, what_it_is
from tests.unit.scim.known_differences import DIFFERENT_BODIES, DIFFERENT_PATCHES, Difference
from tests.unit.scim.oracle import Refused, document_of, patched, read, read_answer, written_answer
from vestibule.scim.errors import ScimError
from vestibule.scim.groups import parse_group
from vestibule.scim.patch import patch_user
from vestibule.scim.representation import render_group, render_meta, render_user
from vestibule.scim.resources import parse_user
from vestibule.scim.schemas import GROUP_SCHEMA, USER, USER_SCHEMA

BASE = "https://gateway.example/scim/v2/abc"
NOW = datetime(2026, 11, 22, 12, 30, 0, 123000, tzinfo=UTC)
META = render_meta(USER, f"{BASE}/Users/1", NOW, NOW, 3)
# Of the texts that are tried here, beside the numbers 0 and 1; see "a number for a boolean" below.
BOOLEAN_TO_THE_ORACLE = frozenset({"n", "no"})
WRONG = st.one_of(
    st.booleans(),
    st.integers().filter(lambda number: number not in (0, 1)),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: number not in (0.0, 1.0)),
    LETTERS.map("n{}".format).filter(lambda text: text.lower() not in BOOLEAN_TO_THE_ORACLE),
    st.lists(st.integers(), min_size=1, max_size=2),
    st.just([{"value": "x", "primary": 7}]),
    st.just({"value": {"value": "x"}}),
)
patient = settings(deadline=None)  # the oracle takes milliseconds


@patient
@given(USERS)
def test_a_user_is_understood_alike_and_its_answer_is_valid(body: Body) -> None:
    parsed = parse_user(body)
    theirs = document_of(read(USER_SCHEMA, body))
    theirs.setdefault("active", True)
    assert parsed.document == theirs
    groups = [{"value": "g1", "$ref": f"{BASE}/Groups/g1", "display": "IT", "type": "direct"}]
    answer = json.loads(render_user(json.dumps(parsed.document), "1", META, json.dumps(groups)))
    assert written_answer(read_answer(USER_SCHEMA, answer)) == answer


@patient
@given(GROUPS)
def test_a_group_is_understood_alike_and_its_answer_is_valid(body: Body) -> None:
    parsed = parse_group(body)
    theirs = document_of(read(GROUP_SCHEMA, body))
    members = theirs.pop("members", [])
    assert parsed.document == theirs
    assert [(member.value, member.type) for member in parsed.members or ()] == [
        (member["value"], member.get("type") if member.get("type") in ("User", "Group") else None)
        for member in members
    ]
    shown = [
        {"value": member.value, "$ref": f"{BASE}/Users/1", "type": "User", "display": "Ana"}
        for member in parsed.members or ()
    ]
    answer = json.loads(
        render_group(json.dumps(parsed.document), "1", META, json.dumps(shown) if shown else None)
    )
    assert written_answer(read_answer(GROUP_SCHEMA, answer)) == answer


@patient
@given(USERS, st.lists(operations(), min_size=1, max_size=3))
def test_what_the_oracle_patches_we_patch_alike(body: Body, asked: list[Body]) -> None:
    ours = outcome(body, asked)
    try:
        theirs = patched(read(USER_SCHEMA, {"active": True, **body}), asked)
    except Refused as refused:
        # "invalidValue" is its word for a value against its filter, where we go on; of two faults one is told
        if refused.scim_type != "invalidValue":
            assert ours.get("scimType") in {refused.scim_type, *(told(body, one) for one in asked)}
    else:
        assert ours == each_once(theirs)


@patient
@given(USERS, operations(WRONG))
def test_a_wrong_operation_is_refused_with_the_same_scim_type(body: Body, asked: Body) -> None:
    ours = outcome(body, [asked])
    try:
        theirs = patched(read(USER_SCHEMA, {"active": True, **body}), [asked])
    except Refused as refused:
        assert ours.get("scimType", refused.scim_type) == refused.scim_type
    else:
        assert ours == each_once(theirs)


@pytest.mark.parametrize("difference", DIFFERENT_BODIES.values(), ids=DIFFERENT_BODIES)
def test_a_body_that_is_meant_to_be_understood_in_another_way(difference: Difference) -> None:
    body = {"userName": "ana@corp.example", **difference.body}
    try:
        theirs: Any = document_of(read(USER_SCHEMA, body)).get(difference.name)
    except Refused as refused:
        theirs = refused.scim_type
    try:
        ours: Any = parse_user(body).document.get(difference.name)
    except ScimError as error:
        ours = error.scim_type
    assert (theirs, ours) == (difference.theirs, difference.ours), difference.reason


@pytest.mark.parametrize("difference", DIFFERENT_PATCHES.values(), ids=DIFFERENT_PATCHES)
def test_a_patch_that_is_meant_to_end_in_another_way(difference: Difference) -> None:
    body = {"userName": "ana@corp.example", **difference.body}
    try:
        theirs = patched(read(USER_SCHEMA, body), list(difference.operations)).get(difference.name)
    except Refused as refused:
        theirs = refused.scim_type
    result = outcome(body, list(difference.operations))
    ours = result.get("scimType", result.get(difference.name))
    assert (theirs, ours) == (difference.theirs, difference.ours), difference.reason


def outcome(body: Body, asked: list[Body]) -> Body:
    """The document after our PATCH, or the scimType of the refusal; over JSON, as it would come."""
    message = json.loads(json.dumps({"Operations": asked}))
    try:
        return patch_user(parse_user(body).document, message).document
    except ScimError as error:
        return {"scimType": error.scim_type}


def told(body: Body, operation: Body) -> object:
    """The scimType of our refusal of one operation alone; None when it goes well."""
    return outcome(body, [operation]).get("scimType")


def each_once(document: Body) -> Body:
    """A document of the oracle's with "values that became one" made one."""
    return {name: _each_once(value) for name, value in document.items()}


def _each_once(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    found: dict[str, Body] = {}
    for element in value:
        before = found.get(what_it_is(element), {})
        merged = {**before, **element}
        if before.get("primary") or element.get("primary"):
            merged["primary"] = True
        found[what_it_is(element)] = merged
    return list(found.values())
