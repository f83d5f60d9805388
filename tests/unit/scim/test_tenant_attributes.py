"""Attributes of a tenant's schema, however an identity provider names them."""

import pytest

from tests.tenant_schema import ACME, extension, tailored
from vestibule.scim.errors import InvalidValue
from vestibule.scim.patch import patch_user
from vestibule.scim.projection import parse_projection
from vestibule.scim.resource_types import CORE, extended
from vestibule.scim.resources import parse_user
from vestibule.scim.schemas import GROUP, USER

ACME_USER = tailored().user


@pytest.mark.parametrize("key", [f"{ACME}:level", f"{ACME.upper()}:LEVEL", f"{ACME}.level"])
def test_a_qualified_key_reaches_the_extension(key: str) -> None:
    assert parse_user({"userName": "ana", key: "7"}, None, ACME_USER).document[ACME] == {"level": 7}
    for operation in ({"op": "add", "path": key, "value": "7"}, {"op": "replace", "value": {key: 7}}):
        patched = patch_user({"userName": "ana"}, {"Operations": [operation]}, ACME_USER)
        assert patched.document[ACME] == {"level": 7}


def test_a_bare_name_never_means_a_tenants_attribute() -> None:
    document = parse_user({"userName": "ana", "level": 7, "costCode": "A1"}, None, ACME_USER).document
    assert ACME not in document


def test_active_of_an_extension_is_an_attribute_like_any_other() -> None:
    types = extended(1, [extension(attributes=[{"name": "active", "type": "boolean"}])])
    gone = {"op": "replace", "path": f"{ACME}:active", "value": None}
    stored = {"userName": "ana", "active": True, ACME: {"active": True}}
    assert patch_user(stored, {"Operations": [gone]}, types.user).document == {
        "userName": "ana",
        "active": True,
    }


def test_a_list_of_booleans_is_a_list() -> None:
    types = extended(1, [extension(attributes=[{"name": "flags", "type": "boolean", "multiValued": True}])])
    for sent in (True, [True], "True"):
        document = parse_user({"userName": "ana", ACME: {"flags": sent}}, None, types.user).document
        assert document[ACME] == {"flags": [True]}


def test_a_required_part_is_asked_of_each_value() -> None:
    with pytest.raises(InvalidValue, match=r"desks\.value"):
        parse_user({"userName": "ana", ACME: {"desks": [{"value": "A"}, {"floor": 1}]}}, None, ACME_USER)


def test_what_is_lacking_since_before_stops_no_patch_but_nothing_new_may_be_lacking() -> None:
    types = extended(1, [extension(attributes=[{"name": "team", "required": True}, {"name": "seat"}])])
    off = {"op": "replace", "path": "active", "value": False}
    assert patch_user({"userName": "ana"}, {"Operations": [off]}, types.user).document["active"] is False
    lacking = {"userName": "ana", ACME: {"seat": "1"}}
    assert patch_user(lacking, {"Operations": [off]}, types.user).changed
    with pytest.raises(InvalidValue, match="team"):
        add = {"op": "add", "path": f"{ACME}:seat", "value": "1"}
        patch_user({"userName": "ana"}, {"Operations": [add]}, types.user)


def test_whoever_defines_nothing_has_the_very_types_of_the_rfc() -> None:
    assert (CORE.user, CORE.group) == (USER, GROUP)
    assert extended(7, []).user is USER
    assert tailored().group is GROUP
    assert parse_projection(None, None, USER) is None
    assert parse_projection(None, None, ACME_USER) is not None
