"""Bodies of POST and PUT: what is kept, what is left out, and under which names."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.scim.samples import ENTRA_USER, OKTA_USER
from vestibule.scim.dialects import Repair
from vestibule.scim.errors import ScimError
from vestibule.scim.resources import depth_within, parse_user, user_keys
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, USER_SCHEMA


def document_of(**body: Any) -> dict[str, Any]:
    return parse_user({"userName": "ana", "active": True, **body}).document


def test_an_okta_user_is_kept_without_what_only_the_service_sets() -> None:
    parsed = parse_user(OKTA_USER)
    assert parsed.document == {
        "userName": "ana@corp.example",
        "name": {"givenName": "Ana", "familyName": "Li"},
        "emails": [{"primary": True, "value": "ana@corp.example", "type": "work"}],
        "displayName": "Ana Li",
        "locale": "en-US",
        "externalId": "00u1abcdef",
        "active": True,
    }
    assert parsed.repairs == {Repair.PASSWORD, Repair.READ_ONLY_VALUE}


def test_an_entra_user_with_nulls_is_kept() -> None:
    parsed = parse_user(ENTRA_USER)
    assert parsed.document[ENTERPRISE_SCHEMA] == {"department": "Sales"}
    assert "displayName" not in parsed.document
    assert "roles" not in parsed.document
    assert "meta" not in parsed.document


def test_keys_are_folded_where_case_does_not_matter() -> None:
    keys = parse_user({**OKTA_USER, "userName": "Ana@Corp.EXAMPLE", "displayName": "ÁNA"}).keys
    assert keys.user_name == "Ana@Corp.EXAMPLE"
    assert keys.user_name_ci == "ana@corp.example"
    assert keys.display_name_ci == "ána"
    assert keys.external_id == "00u1abcdef"
    assert keys.active is True


@pytest.mark.parametrize(
    ("emails", "work"),
    [
        ([{"value": "a@x.example", "type": "work"}], "a@x.example"),
        ([{"value": "A@x.example", "type": "Work"}], "a@x.example"),
        ([{"value": "a@x.example", "type": "home"}], None),
        (
            [
                {"value": "a@x.example", "type": "work"},
                {"value": "b@x.example", "type": "work", "primary": True},
            ],
            "b@x.example",
        ),
        (
            [
                {"value": "h@x.example", "type": "home", "primary": True},
                {"value": "w@x.example", "type": "work"},
            ],
            "w@x.example",
        ),
        (None, None),
    ],
)
def test_the_work_email_key(emails: Any, work: str | None) -> None:
    assert parse_user({"userName": "a", "emails": emails}).keys.work_email_ci == work


# idp-behaviours, section 0, by row


def test_row_2_booleans_as_text_are_booleans() -> None:
    parsed = parse_user({"userName": "ana", "active": "False"})
    assert parsed.document["active"] is False
    assert parsed.keys.active is False
    assert Repair.BOOLEAN_AS_TEXT in parsed.repairs
    assert document_of(active="True")["active"] is True


@pytest.mark.parametrize(
    "body",
    [
        {ENTERPRISE_SCHEMA: {"manager": "u9"}},
        {ENTERPRISE_SCHEMA: {"manager": {"value": "u9"}}},
        {ENTERPRISE_SCHEMA: {"manager": [{"value": "u9", "$ref": None}]}},
        {ENTERPRISE_SCHEMA: {"manager": {"value": "u9", "displayName": "Boss"}}},
        {"manager": "u9"},
        {"manager": {"value": "u9"}},
        {"manager": [{"value": "u9"}]},
        {f"{ENTERPRISE_SCHEMA}:manager": "u9"},
        {f"{ENTERPRISE_SCHEMA}:manager.value": "u9"},
    ],
)
def test_row_7_the_manager_in_every_shape(body: dict[str, Any]) -> None:
    assert document_of(**body)[ENTERPRISE_SCHEMA] == {"manager": {"value": "u9"}}


def test_row_9_unknown_attributes_and_nulls_are_ignored() -> None:
    document = document_of(
        roles=[{"value": "Admin", "displayName": "Administrator", "colour": "red"}],
        favouriteColour="red",
        nested={"a": {"b": 1}},
        title=None,
        name={"givenName": "Ana", "nick": "A", "familyName": None},
        emails=[None],
    )
    assert document == {
        "userName": "ana",
        "active": True,
        "roles": [{"value": "Admin"}],
        "name": {"givenName": "Ana"},
    }


@pytest.mark.parametrize(
    "schemas",
    [
        ["http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        ["urn:scim:schemas:core:1.0", USER_SCHEMA],
        ["urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"],
        [],
        "nonsense",
        None,
    ],
)
def test_row_10_the_schemas_list_decides_nothing(schemas: Any) -> None:
    assert document_of(schemas=schemas) == {"userName": "ana", "active": True}


@pytest.mark.parametrize(
    "urn",
    [
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0User",
        "urn:scim:schemas:extension:enterprise:1.0",
        "urn:scim:schemas:extension:enterprise:2.0",
        ENTERPRISE_SCHEMA.upper(),
    ],
)
def test_row_10_old_and_mistyped_urns_reach_the_enterprise_extension(urn: str) -> None:
    assert document_of(**{urn: {"department": "Sales"}})[ENTERPRISE_SCHEMA] == {"department": "Sales"}


def test_row_11_names_in_any_case_become_canonical() -> None:
    parsed = parse_user(
        {
            "USERNAME": "ana",
            "Emails": [{"Primary": True, "VALUE": "a@x.example", "Type": "work"}],
            ENTERPRISE_SCHEMA.lower(): {"Department": "Sales"},
        }
    )
    assert parsed.document == {
        "userName": "ana",
        "emails": [{"primary": True, "value": "a@x.example", "type": "work"}],
        ENTERPRISE_SCHEMA: {"department": "Sales"},
        "active": True,
    }
    assert Repair.NAME_CASE in parsed.repairs


def test_row_14_read_only_members_and_the_password_are_left_out() -> None:
    body = {"id": "mine", "meta": {"version": "x"}, "groups": [{"value": "g"}], "password": "Secret-1"}
    assert document_of(**body) == {"userName": "ana", "active": True}


def test_values_are_stored_as_sent() -> None:
    sent = {"phoneNumbers": [{"value": " +49 (30) 1234-5 ", "type": "Work"}], "displayName": "  ÁNA  Li"}
    document = document_of(**sent)
    assert document["phoneNumbers"] == sent["phoneNumbers"]
    assert document["displayName"] == sent["displayName"]


def test_addresses_that_stricter_readers_refuse_are_kept() -> None:
    for address in ("ana@printers.local", "ana@localhost", "", "not an address"):
        assert document_of(emails=[{"value": address, "type": "work"}])["emails"][0]["value"] == address
    assert document_of(profileUrl="no uri", roles=["Admin"])["roles"] == [{"value": "Admin"}]


def test_of_several_primaries_the_last_one_wins() -> None:
    document = document_of(
        emails=[{"value": "a@x.example", "primary": True}, {"value": "b@x.example", "primary": "True"}]
    )
    assert document["emails"] == [
        {"value": "a@x.example", "primary": False},
        {"value": "b@x.example", "primary": True},
    ]


def test_the_same_primary_address_twice_is_one() -> None:
    twice = {"value": "a@x.example", "type": "work", "primary": True}
    assert document_of(emails=[twice, dict(twice)])["emails"] == [twice]


def test_a_role_as_json_text_is_opened() -> None:
    document = document_of(roles=[{"value": '{"id":"1","value":"Admin","displayName":"The admin"}'}])
    assert document["roles"] == [{"value": "Admin", "display": "The admin"}]


def test_unknown_extensions_are_kept_without_nulls() -> None:
    urn = "urn:corp:params:scim:schemas:extension:badge:2.0:User"
    document = document_of(**{urn: {"badge": "B-7", "doors": [1, None], "old": None}})
    assert document[urn] == {"badge": "B-7", "doors": [1]}


def test_qualified_keys_in_a_body_are_understood() -> None:
    document = document_of(
        **{
            "name.givenName": "Ana",
            f"{ENTERPRISE_SCHEMA}:department": "Sales",
            f"{USER_SCHEMA}:title": "Lead",
            "urn:corp:2.0:User:badge": "B-7",
            'phoneNumbers[type eq "mobile"].value': "123",
        }
    )
    assert document["name"] == {"givenName": "Ana"}
    assert document[ENTERPRISE_SCHEMA] == {"department": "Sales"}
    assert document["title"] == "Lead"
    assert document["urn:corp:2.0:User"] == {"badge": "B-7"}
    assert document["phoneNumbers"] == [{"type": "mobile", "value": "123"}]


def test_active_is_true_unless_said() -> None:
    assert parse_user({"userName": "ana"}).document["active"] is True


@pytest.mark.parametrize("said", [{}, {"active": None}])
def test_a_put_that_does_not_say_active_gives_no_access_back(said: dict[str, Any]) -> None:
    parsed = parse_user({"userName": "ana", **said}, previous={"userName": "ana", "active": False})
    assert parsed.document["active"] is False
    assert parsed.keys.active is False


# Bad input


def test_depth_is_measured_without_recursion() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    assert not depth_within(deep, 64)
    assert depth_within({"a": [{"b": 1}]}, 3)
    assert not depth_within({"a": [{"b": 1}]}, 2)
    assert depth_within("text", 0)
    while isinstance(deep, list):  # take it apart step by step: freeing it at once would recurse
        deep = deep.pop()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        *("userName", "USERNAME", "name", "name.givenName", "emails", "Emails", "active", "roles", "manager"),
        *("id", "externalId", "schemas", ENTERPRISE_SCHEMA, f"{ENTERPRISE_SCHEMA}:manager", "urn:a:b:C"),
        *("urn:a:b:C:d", 'emails[type eq "work"].value', "emails[", "x.y.z", "$ref", "urn:", "password"),
        *("groups", "addresses"),
    ]
)
VALUES = JSON | st.sampled_from(
    [
        "True",
        {"value": "a", "primary": True},
        [{"value": "a", "primary": "true"}, {"value": "b", "primary": True}],
    ]
)


@given(st.dictionaries(NAMES | st.text(max_size=8), VALUES, max_size=6))
def test_any_body_is_read_or_refused_and_reading_twice_changes_nothing(body: dict[str, Any]) -> None:
    before = copy.deepcopy(body)
    try:
        parsed = parse_user({"userName": "ana", **body})
    except ScimError as error:
        assert error.detail.endswith(".")
        assert body == before
        return
    assert body == before
    again = parse_user(parsed.document)
    assert again.document == parsed.document
    assert again.keys == user_keys(parsed.document)
