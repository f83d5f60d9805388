"""`attributes` and `excludedAttributes` (RFC 7644 §3.9): every answer has what was chosen, and no more."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import pytest

from tests.integration.ingest.scim_client import ENTERPRISE, Answer, ScimClient

# Sends one request with this query behind its path; returns the resource in the answer.
Ask: TypeAlias = Callable[[ScimClient, str], Awaitable[Any]]

PERSON: Final = {
    "userName": "ana@corp.example",
    "name": {"givenName": "Ana", "familyName": "Li"},
    "emails": [{"value": "ana@corp.example", "type": "work"}],
    ENTERPRISE: {"department": "IT", "division": "Desk"},
}
TITLE: Final = {"op": "replace", "path": "title", "value": "Dr"}


def shown(answer: Answer, status: int) -> Any:
    assert answer.status == status, answer
    return answer.body


async def person_in(scim: ScimClient) -> str:
    """A person with every kind of attribute, in a group."""
    made = shown(await scim.post("/Users", PERSON), 201)
    await scim.create_group("IT", [made["id"]])
    return f"/Users/{made['id']}"


async def group_in(scim: ScimClient) -> str:
    member = await scim.create_user("ana@corp.example")
    return f"/Groups/{await scim.create_group('IT', [member])}"


async def create_user(scim: ScimClient, query: str) -> Any:
    return shown(await scim.post(f"/Users{query}", PERSON), 201)


async def read_user(scim: ScimClient, query: str) -> Any:
    return shown(await scim.get(await person_in(scim) + query), 200)


async def replace_user(scim: ScimClient, query: str) -> Any:
    return shown(await scim.put(await person_in(scim) + query, {**PERSON, "title": "Dr"}), 200)


async def patch_user(scim: ScimClient, query: str) -> Any:
    return shown(await scim.patch(await person_in(scim) + query, TITLE), 200)


async def patch_user_to_no_effect(scim: ScimClient, query: str) -> Any:
    same = {"op": "replace", "path": "name.givenName", "value": "Ana"}
    return shown(await scim.patch(await person_in(scim) + query, same), 200)


async def list_users(scim: ScimClient, query: str) -> Any:
    await person_in(scim)
    [found] = shown(await scim.get(f"/Users{query}"), 200)["Resources"]
    return found


async def look_up_user(scim: ScimClient, query: str) -> Any:
    await person_in(scim)
    answer = await scim.get(f'/Users{query}&filter=userName eq "ana@corp.example"')
    [found] = shown(answer, 200)["Resources"]
    return found


async def search_users(scim: ScimClient, query: str) -> Any:
    await person_in(scim)
    name, _, names = query.removeprefix("?").partition("=")
    [found] = shown(await scim.post("/Users/.search", {name: names.split(",")}), 200)["Resources"]
    return found


async def search_both(scim: ScimClient, query: str) -> Any:
    await person_in(scim)
    name, _, names = query.removeprefix("?").partition("=")
    user, _group = shown(await scim.post("/.search", {name: names.split(",")}), 200)["Resources"]
    return user


async def create_group(scim: ScimClient, query: str) -> Any:
    member = await scim.create_user("ana@corp.example")
    body = {"displayName": "IT", "externalId": "g-1", "members": [{"value": member}]}
    return shown(await scim.post(f"/Groups{query}", body), 201)


async def read_group(scim: ScimClient, query: str) -> Any:
    return shown(await scim.get(await group_in(scim) + query), 200)


async def replace_group(scim: ScimClient, query: str) -> Any:
    return shown(await scim.put(await group_in(scim) + query, {"displayName": "IT 2"}), 200)


async def list_groups(scim: ScimClient, query: str) -> Any:
    await group_in(scim)
    [found] = shown(await scim.get(f"/Groups{query}"), 200)["Resources"]
    return found


async def look_up_group(scim: ScimClient, query: str) -> Any:
    await group_in(scim)
    [found] = shown(await scim.get(f'/Groups{query}&filter=displayName eq "IT"'), 200)["Resources"]
    return found


USERS: Final = (
    *(create_user, read_user, replace_user, patch_user, patch_user_to_no_effect),
    *(list_users, look_up_user, search_users, search_both),
)
GROUPS: Final = (create_group, read_group, replace_group, list_groups, look_up_group)


@pytest.mark.parametrize("ask", USERS)
async def test_an_answer_about_a_user_has_what_was_chosen(scim: ScimClient, ask: Ask) -> None:
    body = await ask(scim, f"?attributes=name.givenName,EMAILS,{ENTERPRISE}:division")
    assert body == {
        "schemas": body["schemas"],
        "id": body["id"],
        "name": {"givenName": "Ana"},
        "emails": PERSON["emails"],
        ENTERPRISE: {"division": "Desk"},
    }


@pytest.mark.parametrize("ask", USERS)
async def test_an_answer_about_a_user_lacks_what_was_left_out(scim: ScimClient, ask: Ask) -> None:
    body = await ask(
        scim, f"?excludedAttributes=id,schemas,meta,userName,name.familyName,groups,{ENTERPRISE}"
    )
    assert body["schemas"]
    assert body["id"]
    assert body["name"] == {"givenName": "Ana"}
    assert body["emails"] == PERSON["emails"]
    assert set(body) - {"title"} == {"schemas", "id", "name", "emails", "active"}


@pytest.mark.parametrize("ask", GROUPS)
async def test_an_answer_about_a_group_has_what_was_chosen(scim: ScimClient, ask: Ask) -> None:
    body = await ask(scim, "?attributes=members.type")
    assert body == {"schemas": body["schemas"], "id": body["id"], "members": [{"type": "User"}]}


@pytest.mark.parametrize("ask", GROUPS)
async def test_an_answer_about_a_group_lacks_what_was_left_out(scim: ScimClient, ask: Ask) -> None:
    body = await ask(scim, "?excludedAttributes=members,meta,externalId")
    assert set(body) == {"schemas", "id", "displayName"}
