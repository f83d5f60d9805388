"""What was stored before a schema was defined, brought into its shape."""

from typing import Any

import pytest

from tests.tenant_schema import ACME, extension, tailored
from vestibule.scim.errors import MutabilityViolation
from vestibule.scim.fitting import fit
from vestibule.scim.patch import patch_user
from vestibule.scim.resource_types import extended
from vestibule.scim.resources import parse_user
from vestibule.scim.schemas import USER

ACME_USER = tailored().user


def test_what_fits_is_the_very_same() -> None:
    document = {"userName": "ana", ACME: {"level": 3, "hiredAt": "2024-05-01", "desks": [{"value": "A"}]}}
    fitted = fit(ACME_USER, document)
    assert fitted.document is document
    assert fitted.left_out == ()


def test_names_and_values_get_the_form_that_the_schema_gives_them() -> None:
    document = {"userName": "ana", ACME.upper(): {"LEVEL": "3", "Remote": "False", "tags": "one"}}
    fitted = fit(ACME_USER, document)
    assert fitted.document == {"userName": "ana", ACME: {"level": 3, "remote": False, "tags": ["one"]}}
    assert fitted.left_out == ()
    assert fit(ACME_USER, fitted.document).document is fitted.document


def test_an_attribute_that_passed_for_an_extension_comes_home() -> None:
    document: dict[str, Any] = {f"{ACME}:desks": {"value": "A"}, ACME: {"level": 1}}
    assert fit(ACME_USER, document).document == {ACME: {"desks": [{"value": "A"}], "level": 1}}


@pytest.mark.parametrize(
    ("body", "kept", "left_out"),
    [
        ({"level": "high", "costCode": "A"}, {"costCode": "A"}, ["level"]),
        ({"unknown": 1}, None, ["unknown"]),
        ({"pin": "1", "reviewedBy": "x"}, None, ["pin", "reviewedBy"]),
        ({"level": 1, "LEVEL": 2}, {"level": 1}, ["LEVEL"]),
        ({"desks": [{"value": "A", "colour": "red"}]}, {"desks": [{"value": "A"}]}, ["desks"]),
        ({"level": True}, None, ["level"]),
        ({"hiredAt": "some day"}, None, ["hiredAt"]),
    ],
)
def test_what_does_not_fit_is_left_out_and_named(
    body: dict[str, Any], kept: dict[str, Any] | None, left_out: list[str]
) -> None:
    fitted = fit(ACME_USER, {"userName": "ana", ACME: body})
    assert fitted.document.get(ACME) == kept
    assert list(fitted.left_out) == [f"{ACME}:{name}" for name in left_out]


def test_without_definitions_everything_stays_free() -> None:
    document = {ACME: {"level": object()}}
    assert fit(USER, document).document is document


def test_a_patch_finds_what_was_stored_before_in_its_new_form() -> None:
    stored = {"userName": "ana", ACME.lower(): {"TAGS": "one", "desks": "A"}}
    operation = {"op": "add", "path": f"{ACME}:tags", "value": ["two"]}
    patched = patch_user(stored, {"Operations": [operation]}, ACME_USER)
    assert patched.document[ACME] == {"tags": ["one", "two"], "desks": [{"value": "A"}]}


def test_a_patch_that_changes_nothing_still_leaves_the_new_form() -> None:
    stored = {"userName": "ana", ACME: {"level": "3"}}
    operation = {"op": "replace", "path": "userName", "value": "ana"}
    patched = patch_user(stored, {"Operations": [operation]}, ACME_USER)
    assert patched.changed
    assert patched.document[ACME] == {"level": 3}


def test_a_put_may_repeat_an_immutable_value_in_the_new_form() -> None:
    types = extended(1, [extension(attributes=[{"name": "n", "type": "integer", "mutability": "immutable"}])])
    stored = {"userName": "ana", ACME.upper(): {"N": "3"}}
    assert parse_user({"userName": "ana", ACME: {"n": 3}}, stored, types.user).document[ACME] == {"n": 3}
    with pytest.raises(MutabilityViolation):
        parse_user({"userName": "ana", ACME: {"n": 4}}, stored, types.user)
