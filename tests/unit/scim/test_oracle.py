"""What scim2-models accepts, we accept and understand alike: resources, answers, results of a PATCH.

The differences that are meant are the tables DIFFERENT_BODIES and DIFFERENT_PATCHES.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.scim.bodies import GROUPS, LETTERS, USERS, Body, operations, what_it_is
from tests.unit.scim.oracle import Refused, document_of, patched, read, read_answer, written_answer
from vestibule.scim.errors import ScimError
from vestibule.scim.groups import MemberRef, parse_group
from vestibule.scim.patch import patch_user
from vestibule.scim.representation import GroupRef, Meta, RenderedMember, render_group, render_user
from vestibule.scim.resources import parse_user
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, GROUP_SCHEMA, USER_SCHEMA

BASE = "https://gateway.example/scim/v2/abc"
NOW = datetime(2026, 11, 22, 12, 30, 0, 123000, tzinfo=UTC)
META = Meta(f"{BASE}/Users/1", NOW, NOW, 3)
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


@dataclass(frozen=True, slots=True)
class Difference:
    """A body of a user, or operations on it, that the oracle and we understand in two ways, and why.

    `theirs` and `ours` are what becomes of the attribute `name`, or the scimType of a refusal.
    """

    reason: str
    body: Body
    name: str
    theirs: Any
    ours: Any
    operations: tuple[Body, ...] = ()


KEPT_AS_SENT = "RFC 7643 §2.2: what is not caseExact is compared without case, but stored as it was sent"
LIBERAL = "identity providers send it; refusing would keep the person out (idp-behaviours, section 0)"
WORK = {"value": "ana@corp.example", "type": "work", "primary": True, "display": "Ana"}
HOME = {"value": "ana@home.example", "type": "home"}

DIFFERENT_BODIES = {
    "an address's domain": Difference(
        KEPT_AS_SENT,
        {"emails": [{"value": "Ana@Corp.EXAMPLE"}]},
        "emails",
        [{"value": "Ana@corp.example"}],
        [{"value": "Ana@Corp.EXAMPLE"}],
    ),
    "a canonical type": Difference(
        KEPT_AS_SENT,
        {"emails": [{"value": "a@corp.example", "type": "Work"}]},
        "emails",
        [{"value": "a@corp.example", "type": "work"}],
        [{"value": "a@corp.example", "type": "Work"}],
    ),
    "active not said": Difference(
        "RFC 7643 §4.1.1 leaves the meaning to us: who is provisioned has access unless it is denied",
        {},
        "active",
        None,
        True,
    ),
    "an address without a domain": Difference(
        LIBERAL,
        {"emails": [{"value": "printer@localhost"}]},
        "emails",
        "invalidValue",
        [{"value": "printer@localhost"}],
    ),
    "two primaries": Difference(
        "RFC 7643 §2.4 allows one: the last one set wins, since PingOne marks two",
        {"emails": [{**HOME, "primary": True}, WORK]},
        "emails",
        "invalidValue",
        [{**HOME, "primary": False}, WORK],
    ),
    "a manager without $ref": Difference(
        LIBERAL,
        {ENTERPRISE_SCHEMA: {"manager": {"value": "u1"}}},
        ENTERPRISE_SCHEMA,
        "invalidValue",
        {"manager": {"value": "u1"}},
    ),
    "roles as texts": Difference(
        LIBERAL, {"roles": ["Admin"]}, "roles", "invalidValue", [{"value": "Admin"}]
    ),
    "an unknown attribute": Difference(LIBERAL, {"colour": "red"}, "colour", "invalidValue", None),
    "an extension that nobody knows": Difference(
        "a customer's own extension is kept and mapped",
        {"urn:corp:2.0:User": {"badge": 7}},
        "urn:corp:2.0:User",
        "invalidValue",
        {"badge": 7},
    ),
    "a control character in a name": Difference(
        "shown on a terminal or in a list it would pass for another name",
        {"userName": "ana\n"},
        "userName",
        "ana\n",
        "invalidValue",
    ),
    "a name that nobody can see": Difference(
        "RFC 7643 §4.1.1 wants a userName that is not empty",
        {"userName": "\xad"},
        "userName",
        "\xad",
        "invalidValue",
    ),
    "NUL": Difference("PostgreSQL cannot store it", {"title": "a\x00"}, "title", "a\x00", "invalidValue"),
    "a text without end": Difference(
        "what is indexed must fit an index row",
        {"displayName": "x" * 513},
        "displayName",
        "x" * 513,
        "invalidValue",
    ),
}

DIFFERENT_PATCHES = {
    "a part of all values": Difference(
        "RFC 7644 §3.5.2 does not say which value is meant: never all addresses at once, but the primary one",
        {"emails": [WORK, HOME]},
        "emails",
        [{**WORK, "display": "x"}, {**HOME, "display": "x"}],
        [{**WORK, "display": "x"}, HOME],
        ({"op": "replace", "path": "emails.display", "value": "x"},),
    ),
    "a part of no value": Difference(
        "RFC 7644 §3.5.2.3: an attribute that is not there yet is added",
        {},
        "emails",
        None,
        [{"value": "ana@corp.example"}],
        ({"op": "replace", "path": "emails.value", "value": "ana@corp.example"},),
    ),
    "the value of a value": Difference(
        "an address without its value is none",
        {"emails": [WORK, HOME]},
        "emails",
        [WORK, {"type": "home"}],
        [WORK],
        ({"op": "remove", "path": 'emails[type eq "home"].value'},),
    ),
    "the id of a manager": Difference(
        "RFC 7643 §4.3 recommends value and does not require it; without it nobody is meant",
        {ENTERPRISE_SCHEMA: {"manager": {"value": "u1", "$ref": "https://x.example/Users/u1"}}},
        ENTERPRISE_SCHEMA,
        "mutability",
        None,
        ({"op": "remove", "path": f"{ENTERPRISE_SCHEMA}:manager.value"},),
    ),
    "the same twice in one request": Difference(
        "RFC 7644 §3.5.2.1: what is there already is not added; a repeat inside one request counts too",
        {},
        "emails",
        [HOME, HOME],
        [HOME],
        ({"op": "add", "path": "emails", "value": [HOME, HOME]},),
    ),
    "the same with another display": Difference(
        "one address of one type is one value: it is brought up to date, not doubled",
        {"emails": [HOME]},
        "emails",
        [HOME, {**HOME, "display": "x"}],
        [{**HOME, "display": "x"}],
        ({"op": "add", "path": "emails", "value": [{**HOME, "display": "x"}]},),
    ),
    "a selected value": Difference(
        "RFC 7644 §3.5.2.3: the matching record is replaced, not merged",
        {"emails": [WORK]},
        "emails",
        [{**WORK, "value": "n@corp.example"}],
        [{"type": "work", "value": "n@corp.example"}],
        ({"op": "replace", "path": 'emails[type eq "work"]', "value": {"value": "n@corp.example"}},),
    ),
    "values that became one": Difference(
        "RFC 7643 §2.4: one (type, value) is there once",
        {"emails": [WORK, HOME]},
        "emails",
        [{**HOME, "primary": True, "display": "Ana"}, HOME],
        [{**HOME, "primary": True, "display": "Ana"}],
        ({"op": "add", "path": "emails[value pr]", "value": HOME},),
    ),
    "a value against its filter": Difference(
        LIBERAL,
        {},
        "emails",
        "invalidValue",
        [{**HOME, "type": "other"}],
        ({"op": "add", "path": 'emails[type eq "work"]', "value": {**HOME, "type": "other"}},),
    ),
    "a filter as a key": Difference(
        LIBERAL,
        {},
        "emails",
        "invalidValue",
        [{"type": "work", "value": "ana@corp.example"}],
        ({"op": "replace", "value": {'emails[type eq "work"].value': "ana@corp.example"}},),
    ),
    "nothing added to a list": Difference(
        "adding nothing takes nothing away",
        {"emails": [HOME]},
        "emails",
        None,
        [HOME],
        ({"op": "add", "value": {"emails": None}},),
    ),
    "no value for active": Difference(
        "Entra sends null for what is not mapped: it neither gives access nor takes it",
        {"active": False},
        "active",
        None,
        False,
        ({"op": "replace", "path": "active", "value": None},),
    ),
    "a number for a boolean": Difference(
        "RFC 7643 §2.3.2 has true and false; what gives or takes access is not guessed from a number",
        {},
        "active",
        False,
        "invalidValue",
        ({"op": "replace", "path": "active", "value": 0},),
    ),
    "an empty userName": Difference(
        "RFC 7643 §4.1.1 wants a userName that is not empty",
        {},
        "userName",
        "",
        "invalidValue",
        ({"op": "replace", "path": "userName", "value": ""},),
    ),
}


@patient
@given(USERS)
def test_a_user_is_understood_alike_and_its_answer_is_valid(body: Body) -> None:
    parsed = parse_user(body)
    theirs = document_of(read(USER_SCHEMA, body))
    theirs.setdefault("active", True)
    assert parsed.document == theirs
    answer = render_user(parsed.document, "1", META, [GroupRef("g1", "IT", f"{BASE}/Groups/g1")])
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
        RenderedMember(MemberRef(member.value, "User"), f"{BASE}/Users/1", "Ana")
        for member in parsed.members or ()
    ]
    answer = render_group(parsed.document, "1", META, shown or None)
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
