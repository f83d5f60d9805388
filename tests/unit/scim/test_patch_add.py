"""PATCH add (RFC 7644 §3.5.2.1) on users, with what identity providers make of it."""

from typing import Any

import pytest

from tests.unit.scim.samples import patch_body, user
from vestibule.scim.dialects import Repair
from vestibule.scim.errors import InvalidPath, InvalidValue
from vestibule.scim.patch import patch_user
from vestibule.scim.resources import parse_user
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, GROUP_SCHEMA

WORK = {"primary": True, "value": "ana@corp.example", "type": "work"}


def add(document: dict[str, Any], path: str | None, value: Any, op: str = "add") -> dict[str, Any]:
    operation = {"op": op, "value": value} if path is None else {"op": op, "path": path, "value": value}
    return patch_user(document, patch_body(operation)).document


def test_a_simple_attribute_is_set() -> None:
    assert add(user(), "nickName", "An")["nickName"] == "An"


def test_row_1_operations_in_any_case() -> None:
    patched = patch_user(user(), patch_body({"op": "Add", "path": "nickName", "value": "An"}))
    assert patched.document["nickName"] == "An"
    assert Repair.OPERATION_CASE in patched.repairs
    assert add(user(), "nickName", "An", op="ADD")["nickName"] == "An"


def test_a_part_of_a_complex_value_is_set_beside_the_others() -> None:
    assert add(user(), "name.middleName", "Mei")["name"] == {
        "givenName": "Ana",
        "familyName": "Li",
        "middleName": "Mei",
    }
    assert add(user(name=None), "name.givenName", "Ana")["name"] == {"givenName": "Ana"}


def test_a_complex_value_is_merged() -> None:
    assert add(user(), "name", {"middleName": "Mei"})["name"]["givenName"] == "Ana"


def test_a_new_element_is_appended() -> None:
    home = {"value": "ana@home.example", "type": "home"}
    assert add(user(), "emails", [home])["emails"] == [WORK, home]
    assert add(user(), "emails", home)["emails"] == [WORK, home]


def test_row_16_an_element_that_is_there_is_no_change() -> None:
    document = user()
    patched = patch_user(document, patch_body({"op": "add", "path": "emails", "value": [dict(WORK)]}))
    assert patched.document is document
    assert not patched.changed


def test_a_new_primary_takes_it_from_the_old_one() -> None:
    emails = add(user(), "emails", [{"value": "new@corp.example", "type": "work", "primary": True}])["emails"]
    assert [(email["value"], email["primary"]) for email in emails] == [
        ("ana@corp.example", False),
        ("new@corp.example", True),
    ]


def test_row_6_a_value_path_that_names_what_is_not_there_creates_it() -> None:
    patched = patch_user(
        user(), patch_body({"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "123"})
    )
    assert patched.document["phoneNumbers"] == [{"type": "mobile", "value": "123"}]
    assert Repair.CREATED_TARGET in patched.repairs


def test_row_6_a_created_address_gets_its_other_parts_in_the_same_request() -> None:
    patched = patch_user(
        user(),
        patch_body(
            {"op": "Add", "path": 'addresses[type eq "work"].streetAddress', "value": "Road 1"},
            {"op": "Add", "path": 'addresses[type eq "work"].locality', "value": "Town"},
        ),
    )
    assert patched.document["addresses"] == [{"type": "work", "streetAddress": "Road 1", "locality": "Town"}]


@pytest.mark.parametrize(
    "path", [f"{ENTERPRISE_SCHEMA}:manager", "manager", f"{ENTERPRISE_SCHEMA}:manager.value"]
)
@pytest.mark.parametrize("value", ["u9", {"value": "u9"}, [{"value": "u9", "$ref": None}]])
def test_row_7_the_manager_in_every_shape(path: str, value: Any) -> None:
    if path.endswith(".value") and not isinstance(value, str):
        value = "u9"
    assert add(user(), path, value)[ENTERPRISE_SCHEMA] == {"manager": {"value": "u9"}}


def test_row_7_another_manager_replaces_the_reference_to_the_old_one() -> None:
    document = user(**{ENTERPRISE_SCHEMA: {"manager": {"value": "u1", "$ref": "https://x.example/Users/u1"}}})
    assert add(document, f"{ENTERPRISE_SCHEMA}:manager", "u2")[ENTERPRISE_SCHEMA] == {
        "manager": {"value": "u2"}
    }


def test_an_app_role_as_json_text_is_opened() -> None:
    value = [{"value": '{"id":"1","value":"Admin","displayName":"The admin"}'}]
    assert add(user(), "roles", value, op="Add")["roles"] == [{"value": "Admin", "display": "The admin"}]


def test_without_path_all_keys_are_added() -> None:
    document = add(user(), None, {"nickName": "An", "emails": [{"value": "h@corp.example", "type": "home"}]})
    assert document["nickName"] == "An"
    assert len(document["emails"]) == 2


def test_an_unknown_attribute_is_ignored_and_noted() -> None:
    document = user()
    patched = patch_user(document, patch_body({"op": "add", "path": "favouriteColour", "value": "red"}))
    assert patched.document is document
    assert Repair.UNKNOWN_ATTRIBUTE in patched.repairs


def test_an_attribute_of_an_unknown_extension_is_kept() -> None:
    urn = "urn:corp:2.0:User"
    assert add(user(), f"{urn}:badge", "B-7")[urn] == {"badge": "B-7"}
    assert add(user(**{urn: {"badge": "B-7"}}), f"{urn}:door.number", 3)[urn] == {
        "badge": "B-7",
        "door": {"number": 3},
    }
    assert add(user(**{urn: {"badge": "B-7"}}), None, {urn: {"door": 1}})[urn] == {"badge": "B-7", "door": 1}
    assert add(user(**{urn: {"badge": "B-7"}}), f"{urn}:door", {"number": 3})[urn] == {
        "badge": "B-7",
        "door": {"number": 3},
    }
    assert urn not in add(user(**{urn: {"badge": "B-7"}}), urn, None)


def test_attributes_of_an_unknown_extension_have_no_case_either() -> None:
    urn = "urn:corp:2.0:User"
    old = {urn: {"badge": 7, "doors": [1, 2]}}
    for path, value in ((f"{urn}:BADGE", 8), (None, {urn.upper(): {"Badge": 8}})):
        assert add(user(**old), path, value)[urn] == {"badge": 8, "doors": [1, 2]}


def test_another_types_attributes_are_no_extension() -> None:
    for path, value in ((f"{GROUP_SCHEMA}:displayName", "x"), (GROUP_SCHEMA, {"displayName": "x"})):
        document = user()
        assert add(document, path, value) is document
        assert add(document, None, {path: value}) is document
        assert parse_user({"userName": "ana", path: value}).document == {"userName": "ana", "active": True}


def test_values_are_added_to_a_list_of_an_unknown_extension() -> None:
    urn = "urn:corp:2.0:User"
    assert add(user(**{urn: {"doors": [1, 2]}}), f"{urn}:doors", [2, 3])[urn] == {"doors": [1, 2, 3]}
    with pytest.raises(InvalidPath, match="without a filter"):
        add(user(**{urn: {"doors": [1, 2]}}), f"{urn}:doors[value eq 1]", 3)


def test_a_selected_element_may_come_inside_a_list() -> None:
    document = add(user(), 'emails[type eq "work"]', [{"value": "new@corp.example"}])
    assert document["emails"][0]["value"] == "new@corp.example"


def test_a_manager_of_whom_only_the_name_is_said_stays_the_same() -> None:
    document = user(**{ENTERPRISE_SCHEMA: {"manager": {"value": "u9"}}})
    path = f"{ENTERPRISE_SCHEMA}:manager"
    assert add(document, path, {"displayName": "Somebody"}) == document
    assert add(document, f"{path}.displayName", "Somebody") == document
    assert add(document, path, {"unknown": 1}) == document
    assert ENTERPRISE_SCHEMA not in add(document, path, {})
    assert ENTERPRISE_SCHEMA not in add(document, path, {"value": None, "displayName": "Somebody"})


def test_an_empty_manager_is_none_and_an_empty_address_is_kept_as_it_was_sent() -> None:
    path = f"{ENTERPRISE_SCHEMA}:manager"
    managed = add(user(), path, {"value": "u9", "$ref": "../Users/u9"})
    assert "manager" not in add(managed, f"{path}.value", "").get(ENTERPRISE_SCHEMA, {})
    emptied = add(user(emails=[WORK]), 'emails[type eq "work"].value', "")
    assert emptied["emails"] == [{**WORK, "value": ""}]


def test_a_wrong_value_is_refused() -> None:
    with pytest.raises(InvalidValue, match="'nickName' must be a text"):
        add(user(), "nickName", 7)
    with pytest.raises(InvalidValue, match="needs a 'value'"):
        patch_user(user(), patch_body({"op": "add", "path": "nickName"}))
    with pytest.raises(InvalidValue, match="more than 500 values"):
        add(user(), "emails", [{"value": f"{n}@x.example"} for n in range(500)])
