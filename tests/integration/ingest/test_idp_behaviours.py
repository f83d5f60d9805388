"""What identity providers send that the RFC does not allow: idp-behaviours, section 0, row by row."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias
from uuid import uuid4

import pytest

from tests.integration.ingest.scim_client import CORE_USER, ENTERPRISE, ScimClient

Check: TypeAlias = Callable[[ScimClient], Awaitable[None]]

USER = "ana@corp.example"
CORE_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


async def patched(scim: ScimClient, *operations: object, **attributes: object) -> Any:
    """A new user after one PATCH, which must be taken."""
    identifier = await scim.create_user(f"{uuid4().hex}@corp.example", **attributes)
    answer = await scim.patch(f"/Users/{identifier}", *operations)
    assert answer.status == 200, answer
    assert answer.body == await scim.user(identifier)
    return answer.body


async def group_of(scim: ScimClient, count: int) -> tuple[str, list[str]]:
    """A new group and the sorted ids of its members."""
    members = sorted([await scim.create_user(f"{uuid4().hex}@corp.example") for _ in range(count)])
    return await scim.create_group(uuid4().hex, members), members


async def changed(scim: ScimClient, group: str, *operations: object) -> list[str]:
    """The members of a group after one PATCH, which must be taken."""
    answer = await scim.patch(f"/Groups/{group}", *operations)
    assert (answer.status, answer.raw) == (204, b"")
    return await scim.members(group)


async def row_1(scim: ScimClient) -> None:
    """`op` in any case."""
    for op in ("Add", "Replace", "REPLACE", "add"):
        assert (await patched(scim, {"op": op, "path": "title", "value": "Dr"}))["title"] == "Dr"
    assert "title" not in await patched(scim, {"op": "Remove", "path": "title"}, title="Dr")
    group, members = await group_of(scim, 1)
    assert await changed(scim, group, {"op": "Remove", "path": "members"}) == []
    assert await changed(scim, group, {"op": "Add", "path": "members", "value": [{"value": members[0]}]})


async def row_2(scim: ScimClient) -> None:
    """`active` as text, answered as a boolean."""
    for text, truth in (("False", False), ("True", True), ("false", False)):
        operation = {"op": "Replace", "path": "active", "value": text}
        assert (await patched(scim, operation, active="True"))["active"] is truth
        assert (await patched(scim, {"op": "Replace", "value": {"active": text}}))["active"] is truth


async def row_3(scim: ScimClient) -> None:
    """Members to remove in the value; without a value all of them."""
    group, (first, *rest) = await group_of(scim, 3)
    listed = {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": first}]}
    assert await changed(scim, group, listed) == rest
    assert await changed(scim, group, {"op": "Remove", "path": "members"}) == []


async def row_4(scim: ScimClient) -> None:
    """The member to remove in a filter."""
    group, (first, *rest) = await group_of(scim, 3)
    assert await changed(scim, group, {"op": "remove", "path": f'members[value eq "{first}"]'}) == rest


async def row_5(scim: ScimClient) -> None:
    """No path, and keys that are plain, nested, dotted and qualified by a URN, mixed."""
    value = {
        "displayName": "Ana Li",
        "name": {"familyName": "Li"},
        "name.givenName": "Ana",
        f"{ENTERPRISE}:department": "IT",
        ENTERPRISE: {"costCenter": "7"},
        f"{CORE_USER}:title": "Dr",
        'emails[type eq "work"].value': USER,
    }
    body = await patched(scim, {"op": "replace", "value": value})
    assert (body["displayName"], body["title"]) == ("Ana Li", "Dr")
    assert body["name"] == {"familyName": "Li", "givenName": "Ana"}
    assert body[ENTERPRISE] == {"department": "IT", "costCenter": "7"}
    assert body["emails"] == [{"type": "work", "value": USER}]
    group, members = await group_of(scim, 2)
    several = {"displayName": uuid4().hex, "members": [{"value": members[1]}], "externalId": "g-1"}
    assert await changed(scim, group, {"op": "replace", "value": several}) == members[1:]


async def row_6(scim: ScimClient) -> None:
    """A value path to what is not there yet, with Add and Replace; parts of one element in one request."""
    for op in ("Add", "Replace"):
        path = 'phoneNumbers[type eq "mobile"].value'
        body = await patched(scim, {"op": op, "path": path, "value": "+49 151"})
        assert body["phoneNumbers"] == [{"type": "mobile", "value": "+49 151"}]
        parts = {"streetAddress": "Road 1", "locality": "Town", "country": "SE"}
        operations = [
            {"op": op, "path": f'addresses[type eq "work"].{part}', "value": value}
            for part, value in parts.items()
        ]
        assert (await patched(scim, *operations))["addresses"] == [{"type": "work", **parts}]
        body = await patched(scim, {"op": op, "path": f"{ENTERPRISE}:manager.value", "value": "u9"})
        assert body[ENTERPRISE] == {"manager": {"value": "u9"}}


async def row_7(scim: ScimClient) -> None:
    """The manager as a text, an object and a list, with and without the URN."""
    shapes = ("boss", {"value": "boss"}, [{"value": "boss", "$ref": "../Users/boss"}])
    for shape in shapes:
        for path in ("manager", f"{ENTERPRISE}:manager"):
            body = await patched(scim, {"op": "Add", "path": path, "value": shape})
            assert body[ENTERPRISE]["manager"]["value"] == "boss"
        for attributes in ({"manager": shape}, {ENTERPRISE: {"manager": shape}}):
            created = await scim.post("/Users", {"userName": uuid4().hex, **attributes})
            assert created.body[ENTERPRISE]["manager"]["value"] == "boss"


async def row_8(scim: ScimClient) -> None:
    """A text against a boolean in a value filter."""
    roles = [{"value": "Reader"}, {"value": "User", "primary": True}]
    operation = {"op": "Replace", "path": 'roles[primary eq "True"].value', "value": "Admin"}
    body = await patched(scim, operation, roles=roles)
    assert body["roles"] == [{"value": "Reader"}, {"value": "Admin", "primary": True}]
    assert (await patched(scim, operation))["roles"] == [{"primary": True, "value": "Admin"}]


async def row_9(scim: ScimClient) -> None:
    """Unknown attributes and sub-attributes, and null for any attribute."""
    body = {
        "userName": USER,
        "roles": [{"value": "Admin", "displayName": "Administrator"}],
        "favouriteColour": {"name": "green"},
        "title": None,
        "addresses": None,
        "active": None,
        ENTERPRISE: {"department": None, "manager": None},
    }
    created = await scim.post("/Users", body)
    assert created.status == 201
    assert set(created.body) == {"schemas", "id", "userName", "roles", "active", "meta"}
    assert created.body["roles"] == [{"value": "Admin"}]
    operations = [
        {"op": "Add", "path": "favouriteColour", "value": "red"},
        {"op": "Replace", "path": "title", "value": None},
        {"op": "Replace", "path": "roles[primary eq true].colour", "value": "red"},
    ]
    assert "title" not in await patched(scim, *operations, title="Dr")
    group, members = await group_of(scim, 1)
    added = {"op": "Add", "path": "members", "value": [{"value": members[0], "displayName": "Ana"}]}
    assert await changed(scim, group, added) == members


async def row_10(scim: ScimClient) -> None:
    """Any URIs in `schemas`; the registered ones are answered."""
    for schemas in (
        ["urn:scim:schemas:core:1.0", CORE_USER],
        ["urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"],
        ["urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],
        [CORE_GROUP],
    ):
        created = await scim.post("/Users", {"schemas": schemas, "userName": uuid4().hex})
        assert (created.status, created.body["schemas"]) == (201, [CORE_USER])
    microsoft = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
    made = await scim.post("/Groups", {"schemas": [CORE_GROUP, microsoft], "displayName": "IT"})
    assert (made.status, made.body["schemas"]) == (201, [CORE_GROUP])


async def row_11(scim: ScimClient) -> None:
    """Names, sub-names, operators and URNs in any case."""
    body = {
        "USERNAME": USER,
        "Emails": [{"Primary": True, "Value": USER, "Type": "work"}],
        ENTERPRISE.upper(): {"Department": "IT"},
    }
    created = await scim.post("/Users", body)
    assert created.body["userName"] == USER
    assert created.body["emails"] == [{"primary": True, "value": USER, "type": "work"}]
    assert created.body[ENTERPRISE] == {"department": "IT"}
    for text in (f'USERNAME Eq "{USER}"', f'{CORE_USER.upper()}:UserName EQ "{USER}"'):
        assert await scim.found(f"/Users?filter={text}") == [created.id]
    operation = {"Op": "replace", "Path": f"{ENTERPRISE.lower()}:Department", "Value": "HR"}
    message = {"operations": [operation]}
    assert (await scim.send("PATCH", f"/Users/{created.id}", message)).body[ENTERPRISE] == {
        "department": "HR"
    }


async def row_12(scim: ScimClient) -> None:
    """Plain JSON, and no Accept header for SCIM; the answer is SCIM."""
    for kind in ("application/json", "application/json; charset=utf-8", "application/scim+json"):
        for accept in ("*/*", "application/json", "application/scim+json"):
            answer = await scim.post(
                "/Users",
                data=b'{"userName": "%b"}' % uuid4().hex.encode(),
                headers={"Content-Type": kind, "Accept": accept},
            )
            assert (answer.status, answer.headers["Content-Type"]) == (201, "application/scim+json")


async def row_13(scim: ScimClient) -> None:
    """An empty query, a trailing `&`, `+` or `%20` for a space."""
    identifier = await scim.create_user("ana li")
    assert (await scim.get(f"/Users/{identifier}?")).status == 200
    assert (await scim.put(f"/Users/{identifier}?", {"userName": "ana li"})).status == 200
    for query in (
        "userName+eq+%22ana+li%22&",
        "userName%20eq%20%22ana%20li%22&",
        "userName+eq+%22ana%20li%22",
    ):
        assert await scim.found(f"/Users?filter={query}") == [identifier]


async def row_14(scim: ScimClient) -> None:
    """Read-only members in a PUT, and a password, which is nowhere afterwards."""
    group, (member,) = await group_of(scim, 1)
    read = await scim.user(member)
    sent = {**read, "id": "other", "meta": {"version": "x"}, "groups": [], "password": "Random-1!"}
    assert (await scim.put(f"/Users/{member}", sent)).body == read
    assert await scim.members(group) == [member]
    created = await scim.post("/Users", {"userName": USER, "password": "Random-1!"})
    assert b"Random" not in created.raw


async def row_15(scim: ScimClient) -> None:
    """Members without `type` and `$ref`, or with null for them."""
    for extra in ({}, {"$ref": None}, {"type": None}, {"$ref": None, "type": None, "display": "ana"}):
        group, _ = await group_of(scim, 0)
        member = await scim.create_user(uuid4().hex)
        added = {"op": "Add", "path": "members", "value": [{"value": member, **extra}]}
        assert await changed(scim, group, added) == [member]


async def row_16(scim: ScimClient) -> None:
    """Adding a member twice and removing one who is none: success, no change."""
    group, members = await group_of(scim, 1)
    before = await scim.get(f"/Groups/{group}")
    stranger = await scim.create_user(uuid4().hex)
    for operation in (
        {"op": "add", "path": "members", "value": [{"value": members[0]}, {"value": members[0]}]},
        {"op": "remove", "path": f'members[value eq "{stranger}"]'},
        {"op": "remove", "path": "members", "value": [{"value": str(uuid4())}]},
    ):
        assert await changed(scim, group, operation) == members
    after = await scim.get(f"/Groups/{group}")
    assert (after.body, after.headers["ETag"]) == (before.body, before.headers["ETag"])


ROWS: Mapping[str, Check] = {
    "1": row_1,
    "2": row_2,
    "3": row_3,
    "4": row_4,
    "5": row_5,
    "6": row_6,
    "7": row_7,
    "8": row_8,
    "9": row_9,
    "10": row_10,
    "11": row_11,
    "12": row_12,
    "13": row_13,
    "14": row_14,
    "15": row_15,
    "16": row_16,
}


@pytest.mark.parametrize("check", ROWS.values(), ids=ROWS)
async def test_row_is_understood(scim: ScimClient, check: Check) -> None:
    await check(scim)
