"""What identity providers send beside the rows of idp-behaviours, section 0: all of it is understood."""

import pytest

from tests.integration.ingest.scim_client import ScimClient


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/scim+json;charset=UTF-8",
        "application/json; charset=utf8",
        None,
    ],
)
async def test_plain_json_and_no_accept_header_will_do(scim: ScimClient, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = await scim.post("/Users", data=b'{"userName": "plain@corp.example"}', headers=headers)
    assert answer.status == 201
    assert answer.headers["Content-Type"] == "application/scim+json"


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


async def test_a_base_url_may_end_in_a_slash(scim: ScimClient) -> None:
    identifier = await scim.create_user("slashed@corp.example")
    for path in (f"//Users/{identifier}", f"/Users/{identifier}/", f"?aadOptscim062020//Users/{identifier}"):
        assert (await scim.get(path)).id == identifier
    assert await scim.found('//Users/?filter=userName eq "slashed@corp.example"') == [identifier]
    assert (await scim.get("/ServiceProviderConfig/")).status == 200


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
