"""Answers: lists, errors, resources and discovery, exact where IdPs are exact."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.unit.scim.samples import user
from vestibule.scim import errors
from vestibule.scim.discovery import resource_type, resource_types, schema, schemas, service_provider_config
from vestibule.scim.errors import InvalidValue, ScimError, Unauthorized, Uniqueness
from vestibule.scim.listing import Page, list_body, parse_page
from vestibule.scim.representation import format_time, render_group, render_meta, render_user
from vestibule.scim.resources import parse_user
from vestibule.scim.schemas import ENTERPRISE_SCHEMA, GROUP_SCHEMA, USER, USER_SCHEMA

BASE = "https://gateway.example/scim/v2/abc"
NOW = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
META = render_meta(USER, f"{BASE}/Users/1", NOW, NOW, 3)
IT = {"value": "g1", "$ref": f"{BASE}/Groups/g1", "display": "IT", "type": "direct"}


def shown(document: dict[str, Any], *groups: dict[str, str]) -> Any:
    listed = json.dumps(groups) if groups else None
    return json.loads(render_user(json.dumps(document), "1", META, listed))


def shown_group(document: dict[str, Any], members: list[dict[str, str]] | None = None) -> Any:
    listed = None if members is None else json.dumps(members)
    return json.loads(render_group(json.dumps(document), "g", META, listed))


def test_an_empty_search_is_an_empty_list() -> None:
    assert list_body([], 0, 1) == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 0,
        "startIndex": 1,
        "itemsPerPage": 0,
        "Resources": [],
    }


def test_items_per_page_is_the_number_in_this_answer() -> None:
    assert list_body([{}, {}], 7, 3)["itemsPerPage"] == 2


@pytest.mark.parametrize(
    ("start_index", "count", "page"),
    [
        (None, None, Page(1, 100)),
        ("", " ", Page(1, 100)),
        ("1", "2", Page(1, 2)),
        ("0", "-5", Page(1, 0)),
        ("-3", "0", Page(1, 0)),
        ("101", "100000", Page(101, 200)),
        ("999999999999999999", "1", Page(999999999999999999, 1)),
    ],
)
def test_pages(start_index: str | None, count: str | None, page: Page) -> None:
    assert parse_page(start_index, count) == page
    assert page.offset == page.start_index - 1


@pytest.mark.parametrize("text", ["x", "1.5", "1e3", "9" * 101, "\u0661", "0x1"])
def test_a_page_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="'count' must be a whole number"):
        parse_page(None, text)


def test_the_error_body() -> None:
    assert Uniqueness("The userName is taken.").as_body() == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": "409",
        "scimType": "uniqueness",
        "detail": "The userName is taken.",
    }


def test_401_has_the_same_body_without_a_scim_type() -> None:
    body = Unauthorized("Check the token.").as_body()
    assert body["status"] == "401"
    assert "scimType" not in body


def test_every_error_has_a_status_of_http_and_every_scim_type_of_the_rfc_is_there() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ScimError)]
    assert all(400 <= kind.status < 600 for kind in kinds)
    # RFC 7644 table 9
    assert {kind.scim_type for kind in kinds} == {
        *("invalidFilter", "tooMany", "uniqueness", "mutability", "invalidSyntax", "invalidPath", "noTarget"),
        *("invalidValue", "invalidVers", "sensitive", None),
        *("invalidCursor", "expiredCursor", "invalidCount"),  # RFC 9865
    }


def test_a_user_is_answered_with_registered_urns_and_its_meta() -> None:
    document = user(schemas=["urn:scim:schemas:core:1.0"], **{ENTERPRISE_SCHEMA: {"department": "Sales"}})
    body = shown(document, IT)
    assert body["schemas"] == [USER_SCHEMA, ENTERPRISE_SCHEMA]
    assert body["id"] == "1"
    assert body["groups"] == [IT]
    assert body["meta"] == {
        "resourceType": "User",
        "created": "2026-11-21T12:00:00.123Z",
        "lastModified": "2026-11-21T12:00:00.123Z",
        "location": f"{BASE}/Users/1",
        "version": 'W/"3"',
    }
    assert "password" not in body


def test_row_2_active_is_answered_as_a_boolean() -> None:
    assert shown(parse_user({"userName": "a", "active": "False"}).document)["active"] is False


def test_what_a_get_answers_can_be_put_back() -> None:
    document = user(**{ENTERPRISE_SCHEMA: {"manager": "u9"}, "urn:corp:2.0:User": {"badge": 7}})
    assert parse_user(shown(document, IT), previous=document).document == document


def test_a_group_says_its_members_or_nothing_about_them() -> None:
    assert "members" not in shown_group({"displayName": "IT"})
    member = {"value": "u1", "$ref": f"{BASE}/Users/u1", "type": "User", "display": "Ana"}
    body = shown_group({"displayName": "IT"}, [member])
    assert body["schemas"] == [GROUP_SCHEMA]
    assert body["members"] == [member]
    assert shown_group({"displayName": "IT"}, [])["members"] == []


@pytest.mark.parametrize(
    "extensions",
    [
        {},
        {ENTERPRISE_SCHEMA: {"department": "Sales"}},
        {"urn:corp:2.0:User": {"badge": 7}, ENTERPRISE_SCHEMA: {"department": "Sales"}},
        {"URN:Corp:2.0:User": {"badge": 7}},
        {"urn:corp:2.0:User": {ENTERPRISE_SCHEMA: {"department": "Sales"}}},
        {"urn:corp:2.0:User": {'"urn:no': {"urn:nor this": 1}, "a": f'"{ENTERPRISE_SCHEMA}": '}},
        {'urn:corp:"2.0\\': {"name": "Ä"}},
    ],
)
@pytest.mark.parametrize("title", ["Engineer", "urn:ietf", f'"{ENTERPRISE_SCHEMA}": {{}}', "\\", "{}"])
def test_schemas_names_the_extensions_that_are_there(extensions: dict[str, Any], title: str) -> None:
    document = parse_user({"userName": "ana", "title": title, **extensions}).document
    body = shown(document)
    assert body["schemas"] == [USER_SCHEMA, *(key for key in document if ":" in key)]
    assert len(body["schemas"]) == 1 + len(extensions)
    assert {key: body[key] for key in document} == document


def test_times_are_in_utc() -> None:
    assert format_time(NOW.astimezone(timezone(timedelta(hours=5)))) == "2026-11-21T12:00:00.123Z"
    assert format_time(NOW.replace(microsecond=0)) == "2026-11-21T12:00:00.000Z"
    assert format_time(NOW.replace(microsecond=999)) == "2026-11-21T12:00:00.000Z"


def test_a_change_is_told_beside_the_creation() -> None:
    meta = json.loads(render_meta(USER, BASE, NOW, NOW + timedelta(seconds=1), 4))
    assert (meta["created"], meta["lastModified"]) == ("2026-11-21T12:00:00.123Z", "2026-11-21T12:00:01.123Z")


def test_discovery_is_true_to_what_works() -> None:
    config = service_provider_config(BASE)
    assert {
        name: config[name]["supported"]
        for name in ("patch", "bulk", "filter", "sort", "etag", "changePassword")
    } == {
        "patch": True,
        "bulk": True,
        "filter": True,
        "sort": True,
        "etag": True,
        "changePassword": False,
    }


def test_discovery_works_for_single_items() -> None:
    for kind in ("User", "Group"):
        found = resource_type(kind, BASE)
        assert found is not None
        assert found in resource_types(BASE)["Resources"]
        assert found["meta"]["location"] == f"{BASE}/ResourceTypes/{kind}"
    for urn in (USER_SCHEMA, GROUP_SCHEMA, ENTERPRISE_SCHEMA.upper()):
        described = schema(urn, BASE)
        assert described is not None
        assert described in schemas(BASE)["Resources"]
    assert resource_type("Device", BASE) is None
    assert schema("urn:corp:2.0:User", BASE) is None


def test_schemas_have_no_nulls_and_describe_every_attribute() -> None:
    text = json.dumps(schemas(BASE))
    assert "null" not in text

    def walk(attributes: list[dict[str, Any]]) -> None:
        for attribute in attributes:
            assert ("subAttributes" in attribute) == (attribute["type"] == "complex")
            assert {"multiValued", "required", "caseExact", "mutability", "returned", "uniqueness"} <= set(
                attribute
            )
            walk(attribute.get("subAttributes", []))

    for described in schemas(BASE)["Resources"]:
        walk(described["attributes"])
