"""What identity providers really send and RFC 7644 does not allow: all of it is understood."""

from typing import Any

import pytest

from tests.integration.ingest.scim_client import CORE_USER, ENTERPRISE, ScimClient


@pytest.mark.parametrize("op", ["replace", "Replace", "REPLACE"])
async def test_an_operation_has_any_letter_case(scim: ScimClient, op: str) -> None:
    identifier = await scim.create_user("case@corp.example")
    answer = await scim.patch(f"/Users/{identifier}", {"op": op, "path": "title", "value": "Dr"})
    assert answer.body["title"] == "Dr"


async def test_entra_writes_active_as_a_text_and_reads_a_boolean(scim: ScimClient) -> None:
    identifier = await scim.create_user("text@corp.example", active="True")
    assert (await scim.user(identifier))["active"] is True
    answer = await scim.patch(f"/Users/{identifier}", {"op": "Replace", "path": "active", "value": "False"})
    assert answer.body["active"] is False


async def test_entra_removes_listed_members_only_and_all_without_a_list(scim: ScimClient) -> None:
    ids = sorted([await scim.create_user(f"m{number}@corp.example") for number in range(3)])
    group = await scim.create_group("Listed", ids)
    answer = await scim.patch(
        f"/Groups/{group}",
        {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": ids[0]}]},
    )
    assert answer.status == 204
    assert await scim.members(group) == ids[1:]
    await scim.patch(f"/Groups/{group}", {"op": "Remove", "path": "members"})
    assert await scim.members(group) == []


async def test_okta_removes_a_member_by_a_filter_in_the_path(scim: ScimClient) -> None:
    ids = sorted([await scim.create_user(f"f{number}@corp.example") for number in range(2)])
    group = await scim.create_group("Filtered", ids)
    answer = await scim.patch(f"/Groups/{group}", {"op": "remove", "path": f'members[value eq "{ids[0]}"]'})
    assert answer.status == 204
    assert await scim.members(group) == ids[1:]


async def test_a_patch_without_path_has_keys_of_every_kind(scim: ScimClient) -> None:
    identifier = await scim.create_user("keys@corp.example")
    value = {
        "displayName": "Key Person",
        "name": {"familyName": "Person"},
        "name.givenName": "Key",
        f"{ENTERPRISE}:department": "IT",
        ENTERPRISE: {"costCenter": "7"},
        'emails[type eq "work"].value': "keys@corp.example",
        "active": False,
    }
    body = (await scim.patch(f"/Users/{identifier}", {"op": "Replace", "value": value})).body
    assert body["displayName"] == "Key Person"
    assert body["name"] == {"familyName": "Person", "givenName": "Key"}
    assert body[ENTERPRISE] == {"department": "IT", "costCenter": "7"}
    assert body["emails"] == [{"type": "work", "value": "keys@corp.example"}]
    assert body["active"] is False


@pytest.mark.parametrize("op", ["Add", "Replace"])
async def test_a_value_path_creates_the_element_that_is_not_there_yet(scim: ScimClient, op: str) -> None:
    identifier = await scim.create_user("phone@corp.example")
    answer = await scim.patch(
        f"/Users/{identifier}",
        {"op": op, "path": 'phoneNumbers[type eq "mobile"].value', "value": "+49 151"},
    )
    assert answer.status == 200
    assert answer.body["phoneNumbers"] == [{"type": "mobile", "value": "+49 151"}]


@pytest.mark.parametrize("value", ["boss-id", {"value": "boss-id"}, [{"value": "boss-id", "$ref": "../b"}]])
@pytest.mark.parametrize("path", ["manager", f"{ENTERPRISE}:manager"])
async def test_a_manager_comes_in_three_shapes_with_and_without_its_urn(
    scim: ScimClient, path: str, value: object
) -> None:
    identifier = await scim.create_user("report@corp.example")
    answer = await scim.patch(f"/Users/{identifier}", {"op": "Add", "path": path, "value": value})
    assert answer.body[ENTERPRISE]["manager"]["value"] == "boss-id"


async def test_entra_compares_a_boolean_with_a_text(scim: ScimClient) -> None:
    identifier = await scim.create_user("role@corp.example", roles=[{"primary": True, "value": "User"}])
    answer = await scim.patch(
        f"/Users/{identifier}",
        {"op": "Replace", "path": 'roles[primary eq "True"].value', "value": "Admin"},
    )
    assert answer.body["roles"] == [{"primary": True, "value": "Admin"}]


async def test_unknown_attributes_and_nulls_are_ignored(scim: ScimClient) -> None:
    answer = await scim.post(
        "/Users",
        {
            "userName": "null@corp.example",
            "roles": [{"value": "Admin", "displayName": "Administrator"}],
            "favouriteColour": "green",
            "title": None,
            "addresses": None,
            ENTERPRISE: {"department": None},
        },
    )
    assert answer.status == 201
    assert "favouriteColour" not in answer.body
    assert "title" not in answer.body
    assert "addresses" not in answer.body
    assert answer.body["roles"] == [{"value": "Admin"}]


async def test_unknown_attributes_of_members_are_ignored(scim: ScimClient) -> None:
    member = await scim.create_user("displayed@corp.example")
    answer = await scim.post(
        "/Groups", {"displayName": "Shown", "members": [{"value": member, "displayName": "Somebody"}]}
    )
    assert answer.status == 201
    assert await scim.members(answer.id) == [member]


@pytest.mark.parametrize(
    "schemas",
    [
        ["urn:scim:schemas:core:1.0", CORE_USER],
        ["urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"],
        ["urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],
        [],
        None,
    ],
)
async def test_any_schemas_are_taken_and_the_registered_ones_answered(
    scim: ScimClient, schemas: object
) -> None:
    answer = await scim.post("/Users", {"schemas": schemas, "userName": "urn@corp.example"})
    assert answer.status == 201
    assert answer.body["schemas"] == [CORE_USER]


async def test_entras_extra_group_schema_is_ignored(scim: ScimClient) -> None:
    answer = await scim.post(
        "/Groups",
        {
            "schemas": [
                "urn:ietf:params:scim:schemas:core:2.0:Group",
                "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group",
            ],
            "externalId": "8aa1a0c0",
            "displayName": "displayName",
            "meta": {"resourceType": "Group"},
        },
    )
    assert answer.status == 201
    assert answer.body["schemas"] == ["urn:ietf:params:scim:schemas:core:2.0:Group"]


async def test_names_operators_and_urns_have_any_letter_case(scim: ScimClient) -> None:
    answer = await scim.post(
        "/Users",
        {
            "UserName": "upper@corp.example",
            "Emails": [{"Primary": True, "Value": "upper@corp.example", "Type": "work"}],
            ENTERPRISE.upper(): {"Department": "IT"},
        },
    )
    assert answer.status == 201
    assert answer.body["emails"] == [{"primary": True, "value": "upper@corp.example", "type": "work"}]
    assert answer.body[ENTERPRISE] == {"department": "IT"}
    assert await scim.found('/Users?filter=USERNAME%20Eq%20"upper@corp.example"') == [answer.id]


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/json; charset=utf-8", "application/scim+json;charset=UTF-8", None],
)
async def test_plain_json_and_no_accept_header_will_do(scim: ScimClient, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = await scim.post("/Users", data=b'{"userName": "plain@corp.example"}', headers=headers)
    assert answer.status == 201
    assert answer.headers["Content-Type"] == "application/scim+json"


async def test_onelogin_writes_queries_that_are_empty_or_end_with_an_ampersand(scim: ScimClient) -> None:
    identifier = await scim.create_user("one login@corp.example")
    assert (await scim.get(f"/Users/{identifier}?")).status == 200
    assert (await scim.put(f"/Users/{identifier}?", {"userName": "one login@corp.example"})).status == 200
    for query in (
        "userName+eq+%22one+login@corp.example%22&",
        "userName%20eq%20%22one%20login@corp.example%22&",
    ):
        assert await scim.found(f"/Users?filter={query}") == [identifier]


async def test_okta_puts_back_what_it_read_and_sends_a_password(scim: ScimClient) -> None:
    identifier = await scim.create_user("okta@corp.example")
    group = await scim.create_group("Okta", [identifier])
    read = await scim.user(identifier)
    sent = {**read, "groups": [], "meta": {"resourceType": "User"}, "id": "other", "password": "random"}
    answer = await scim.put(f"/Users/{identifier}", sent)
    assert answer.body == read
    assert await scim.members(group) == [identifier]


@pytest.mark.parametrize("extra", [{}, {"$ref": None}, {"type": None}, {"display": "x@corp.example"}])
async def test_members_come_with_little_around_their_id(scim: ScimClient, extra: dict[str, Any]) -> None:
    member = await scim.create_user("bare@corp.example")
    group = await scim.create_group("Bare")
    await scim.patch(
        f"/Groups/{group}", {"op": "Add", "path": "members", "value": [{"value": member, **extra}]}
    )
    assert await scim.members(group) == [member]


async def test_adding_twice_and_removing_a_stranger_change_nothing(scim: ScimClient) -> None:
    member, other = await scim.create_user("in@corp.example"), await scim.create_user("out@corp.example")
    group = await scim.create_group("Twice", [member])
    before = (await scim.get(f"/Groups/{group}")).body
    add = {"op": "add", "path": "members", "value": [{"value": member}, {"value": member}]}
    remove = {"op": "remove", "path": f'members[value eq "{other}"]'}
    unheard = {"op": "remove", "path": "members", "value": [{"value": "nobody-at-all"}]}
    for operation in (add, remove, unheard):
        assert (await scim.patch(f"/Groups/{group}", operation)).status == 204
    assert (await scim.get(f"/Groups/{group}")).body == before


async def test_unknown_query_parameters_are_ignored(scim: ScimClient) -> None:
    identifier = await scim.create_user("flag@corp.example")
    answer = await scim.get(f"/Users/{identifier}?aadOptscim062020&x=1")
    assert answer.status == 200


async def test_a_base_url_may_end_in_a_flag(scim: ScimClient) -> None:
    identifier = await scim.create_user("flagged@corp.example")
    assert (await scim.get(f"?aadOptscim062020/Users/{identifier}")).status == 200
    assert await scim.found('?aadOptscim062020/Users?filter=userName eq "flagged@corp.example"') == [
        identifier
    ]


async def test_entras_app_role_is_json_inside_a_text(scim: ScimClient) -> None:
    identifier = await scim.create_user("approle@corp.example")
    answer = await scim.patch(
        f"/Users/{identifier}",
        {
            "op": "Add",
            "path": "roles",
            "value": [{"value": '{"id":"1","value":"Admin","displayName":"Administrator"}'}],
        },
    )
    assert answer.body["roles"] == [{"value": "Admin", "display": "Administrator"}]
