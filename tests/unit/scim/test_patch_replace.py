"""PATCH replace (RFC 7644 §3.5.2.3) on users, with what identity providers make of it."""

from typing import Any

import pytest

from tests.tenant_schema import ACME, tailored
from tests.unit.scim.samples import patch_body, user
from vestibule.scim.dialects import Repair
from vestibule.scim.errors import (
    InvalidFilter,
    InvalidPath,
    InvalidSyntax,
    InvalidValue,
    MutabilityViolation,
    NoTarget,
    ScimError,
    TooMany,
)
from vestibule.scim.patch import patch_user
from vestibule.scim.schemas import ENTERPRISE_SCHEMA


def replace(document: dict[str, Any], path: str | None, value: Any) -> dict[str, Any]:
    operation = (
        {"op": "replace", "value": value} if path is None else {"op": "replace", "path": path, "value": value}
    )
    return patch_user(document, patch_body(operation)).document


def test_okta_deactivates_without_a_path() -> None:
    patched = patch_user(user(), {"Operations": [{"op": "replace", "value": {"active": False}}]})
    assert patched.document["active"] is False
    assert patched.keys.active is False
    assert patched.changed


def test_row_2_entra_deactivates_with_a_text() -> None:
    patched = patch_user(user(), patch_body({"op": "Replace", "path": "active", "value": "False"}))
    assert patched.document["active"] is False
    assert patched.repairs == {Repair.OPERATION_CASE, Repair.BOOLEAN_AS_TEXT}


def test_entras_oldest_shape_of_a_simple_value() -> None:
    assert (
        replace(user(), "userName", [{"$ref": None, "value": "new@corp.example"}])["userName"]
        == "new@corp.example"
    )
    assert replace(user(), "active", [{"value": "False"}])["active"] is False


def test_an_email_change_of_entra_in_one_request() -> None:
    patched = patch_user(
        user(),
        patch_body(
            {"op": "Replace", "path": "userName", "value": "new@corp.example"},
            {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "New@corp.example"},
        ),
    )
    assert patched.document["emails"] == [{"primary": True, "value": "New@corp.example", "type": "work"}]
    assert patched.keys.user_name_ci == "new@corp.example"
    assert patched.keys.work_email_ci == "new@corp.example"


def test_row_5_keys_without_path_in_every_notation() -> None:
    patched = patch_user(
        user(),
        patch_body(
            {
                "op": "replace",
                "value": {
                    "displayName": "Ana Ek",
                    "name": {"formatted": "Ana Ek"},
                    "name.familyName": "Ek",
                    f"{ENTERPRISE_SCHEMA}:department": "Sales",
                    ENTERPRISE_SCHEMA: {"division": "North"},
                    'emails[type eq "work"].value': "ek@corp.example",
                    'addresses[type eq "work"].country': "SE",
                    f"{ENTERPRISE_SCHEMA}:manager": "u9",
                },
            }
        ),
    )
    document = patched.document
    assert document["displayName"] == "Ana Ek"
    assert document["name"] == {"givenName": "Ana", "familyName": "Ek", "formatted": "Ana Ek"}
    assert document[ENTERPRISE_SCHEMA] == {
        "department": "Sales",
        "division": "North",
        "manager": {"value": "u9"},
    }
    assert document["emails"][0]["value"] == "ek@corp.example"
    assert document["addresses"] == [{"type": "work", "country": "SE"}]
    assert Repair.QUALIFIED_KEY in patched.repairs


def test_row_6_replace_of_an_element_that_is_not_there_creates_it() -> None:
    document = replace(user(), 'phoneNumbers[type eq "mobile"].value', "123")
    assert document["phoneNumbers"] == [{"type": "mobile", "value": "123"}]
    document = replace(user(emails=None), 'emails[type eq "work"].value', "a@corp.example")
    assert document["emails"] == [{"type": "work", "value": "a@corp.example"}]


@pytest.mark.parametrize("truth", ['"True"', '"true"', "true"])
def test_row_8_a_text_against_a_boolean_in_a_filter(truth: str) -> None:
    document = user(roles=[{"value": "Reader", "primary": False}, {"value": "Writer", "primary": True}])
    path = f"roles[primary eq {truth}].value"
    assert [role["value"] for role in replace(document, path, "Admin")["roles"]] == ["Reader", "Admin"]
    assert replace(user(), path, "Admin")["roles"] == [{"primary": True, "value": "Admin"}]


def test_row_9_null_takes_a_value_away() -> None:
    assert "displayName" not in replace(user(), "displayName", None)
    assert "displayName" not in replace(user(), None, {"displayName": None})
    assert replace(user(), "name.familyName", None)["name"] == {"givenName": "Ana"}
    assert replace(user(), "name", {"familyName": None})["name"] == {"givenName": "Ana"}
    assert "emails" not in replace(user(), "emails", [])
    assert "emails" not in replace(user(), 'emails[type eq "work"].value', None)
    assert replace(user(), 'phoneNumbers[type eq "fax"].value', None) == user()


def test_row_11_paths_in_any_case() -> None:
    assert replace(user(), "NAME.GIVENNAME", "Anna")["name"]["givenName"] == "Anna"
    assert (
        replace(user(), 'EMAILS[TYPE Eq "WORK"].VALUE', "n@x.example")["emails"][0]["value"] == "n@x.example"
    )
    path = f"{ENTERPRISE_SCHEMA.upper()}:Department"
    assert replace(user(), path, "Sales")[ENTERPRISE_SCHEMA] == {"department": "Sales"}


def test_row_14_read_only_keys_without_path_are_ignored() -> None:
    document = user()
    value = {"id": "other", "meta": {"version": "x"}, "groups": [], "schemas": [], "password": "Secret-1"}
    assert patch_user(document, patch_body({"op": "replace", "value": value})).document is document
    assert (
        patch_user(document, patch_body({"op": "replace", "path": "password", "value": "x"})).document
        is document
    )


@pytest.mark.parametrize("path", ["id", "meta.version", "groups", "meta"])
def test_a_read_only_path_is_refused(path: str) -> None:
    with pytest.raises(MutabilityViolation, match="set by the service"):
        replace(user(), path, "x")


def test_a_list_is_replaced_as_a_whole() -> None:
    document = replace(user(), "emails", [{"value": "n@corp.example", "type": "work"}])
    assert document["emails"] == [{"value": "n@corp.example", "type": "work"}]


def test_a_selected_element_is_replaced_and_stays_what_the_filter_says() -> None:
    document = replace(user(), 'emails[type eq "work"]', {"value": "n@corp.example"})
    assert document["emails"] == [{"type": "work", "value": "n@corp.example"}]
    document = replace(user(), 'emails[type eq "work"]', {"display": "Work"})
    assert document["emails"] == [
        {"primary": True, "value": "ana@corp.example", "type": "work", "display": "Work"}
    ]
    document = replace(user(), 'emails[type eq "work"]', "n@corp.example")
    assert document["emails"][0]["value"] == "n@corp.example"


def test_a_part_without_filter_means_the_only_or_the_primary_element() -> None:
    assert replace(user(), "emails.value", "n@corp.example")["emails"][0]["value"] == "n@corp.example"
    assert replace(user(emails=None), "emails.value", "n@x.example")["emails"] == [{"value": "n@x.example"}]
    two = user(emails=[{"value": "a@x.example"}, {"value": "b@x.example", "primary": True}])
    assert replace(two, "emails.value", "c@x.example")["emails"][1]["value"] == "c@x.example"
    with pytest.raises(InvalidPath, match="several values"):
        replace(user(emails=[{"value": "a@x.example"}, {"value": "b@x.example"}]), "emails.value", "c")


def test_primary_set_by_a_filter_moves_it() -> None:
    two = user(emails=[{"value": "a@x.example", "primary": True}, {"value": "b@x.example", "type": "home"}])
    emails = replace(two, 'emails[type eq "home"].primary', True)["emails"]
    assert [email.get("primary") for email in emails] == [False, True]


def test_null_for_active_changes_nothing() -> None:
    document = user(active=False)
    assert patch_user(document, patch_body({"op": "replace", "value": {"active": None}})).document is document


def test_an_extension_is_replaced_by_its_parts() -> None:
    document = user(**{ENTERPRISE_SCHEMA: {"department": "Sales", "division": "North"}})
    assert replace(document, ENTERPRISE_SCHEMA, {"department": "Legal"})[ENTERPRISE_SCHEMA] == {
        "department": "Legal",
        "division": "North",
    }
    assert ENTERPRISE_SCHEMA not in replace(document, ENTERPRISE_SCHEMA, None)


def test_the_same_value_is_no_change() -> None:
    document = user()
    patched = patch_user(
        document, patch_body({"op": "replace", "value": {"active": True, "displayName": "Ana Li"}})
    )
    assert patched.document is document
    assert not patched.changed


def test_values_without_parts_are_selected_by_themselves() -> None:
    kind = tailored().user
    document = user(**{ACME: {"tags": ["a", "B", "c"]}})

    def patched(op: str, text: str, value: object = None) -> Any:
        operation = {"op": op, "path": f"{ACME}:tags[value {text}]", "value": value}
        return patch_user(document, patch_body(operation), kind).document[ACME]["tags"]

    assert patched("remove", 'eq "b"') == ["a", "c"]
    assert patched("remove", 'ge "b"', ["c"]) == ["a", "B"]
    assert patched("replace", 'eq "b"', "d") == ["a", "d", "c"]
    assert patched("add", 'sw "B"', ["c"]) == ["a", "c"]
    assert patched("replace", 'ne "a"') == ["a"]
    with pytest.raises(NoTarget, match="fits the path's filter"):
        patched("replace", 'eq "z"', "d")


def test_all_or_nothing() -> None:
    document = user()
    before = repr(document)
    with pytest.raises(InvalidValue):
        patch_user(
            document,
            patch_body(
                {"op": "replace", "path": "displayName", "value": "X"},
                {"op": "replace", "path": 'emails[type eq "work"].value', "value": "x@x.example"},
                {"op": "replace", "path": "active", "value": "maybe"},
            ),
        )
    assert repr(document) == before


@pytest.mark.parametrize(
    ("body", "error", "detail"),
    [
        ([], InvalidSyntax, "one JSON object"),
        ({}, InvalidSyntax, "'Operations'"),
        ({"Operations": []}, InvalidSyntax, "at least one"),
        ({"Operations": ["replace"]}, InvalidSyntax, "must be an object"),
        (patch_body({"value": {}}), InvalidSyntax, "add, replace or remove"),
        (patch_body({"op": "move", "path": "title", "value": "x"}), InvalidSyntax, "add, replace or remove"),
        (patch_body({"op": 7}), InvalidSyntax, "add, replace or remove"),
        (patch_body({"op": "replace", "value": "x"}), InvalidValue, "needs an object"),
        (patch_body({"op": "replace", "path": 7, "value": "x"}), InvalidPath, "must be a text"),
        (patch_body({"op": "replace", "path": "title"}), InvalidValue, "needs a 'value'"),
        (patch_body({"op": "replace", "path": "na me", "value": "x"}), InvalidPath, "not an attribute name"),
        (patch_body({"op": "replace", "path": "a.b.c", "value": "x"}), InvalidPath, "not an attribute name"),
        (patch_body({"op": "replace", "path": "userName.x", "value": "x"}), InvalidPath, "has no parts"),
        (
            patch_body({"op": "replace", "path": 'name[a eq "b"]', "value": {}}),
            InvalidPath,
            "no parts to filter",
        ),
        (
            patch_body({"op": "replace", "path": "emails[type eq", "value": "x"}),
            InvalidFilter,
            "cannot be read",
        ),
        (
            patch_body({"op": "replace", "path": 'emails[type eq "a"]x', "value": "x"}),
            InvalidPath,
            "ends with",
        ),
        (patch_body({"op": "replace", "path": 'emails[type ne "z"].value', "value": None}), None, ""),
        (
            patch_body({"op": "replace", "path": 'roles[value co "z"].value', "value": "x"}),
            NoTarget,
            "what to create",
        ),
        (
            patch_body({"op": "replace", "path": "userName", "value": ""}),
            InvalidValue,
            "'userName' is missing",
        ),
        (
            patch_body({"op": "replace", "path": "userName", "value": None}),
            MutabilityViolation,
            "is required",
        ),
        (patch_body(*[{"op": "replace", "value": {}}] * 201), TooMany, "at most 200 operations"),
        (
            patch_body({"op": "replace", "value": {f"a{n}": 1 for n in range(1001)}}),
            TooMany,
            "at most 1000 attributes",
        ),
        (
            patch_body(
                *[{"op": "replace", "path": f"emails[{' or '.join(['a pr'] * 99)}].value", "value": "x"}] * 12
            ),
            TooMany,
            "too long together",
        ),
    ],
)
def test_a_wrong_patch_is_refused_with_a_reason(
    body: Any, error: type[ScimError] | None, detail: str
) -> None:
    if error is None:
        assert "emails" not in patch_user(user(), body).document
        return
    with pytest.raises(error, match=detail):
        patch_user(user(), body)
