"""Groups: members in a table of their own, changed by differences, told on by marks or a fan-out."""

from uuid import uuid4

from tests.integration.ingest.crowds import many
from tests.integration.ingest.scim_client import ScimClient, assert_error
from tests.tenants import Customer
from vestibule.database.pool import Connection


async def test_a_group_lives_from_post_to_delete(scim: ScimClient) -> None:
    members = sorted([await scim.create_user(f"g{number}@corp.example") for number in range(3)])
    made = await scim.post(
        "/Groups", {"displayName": "IT", "members": [{"value": member} for member in members[:2]]}
    )
    assert made.status == 201
    assert made.headers["Location"] == made.body["meta"]["location"]
    base = made.body["meta"]["location"].rpartition("/Groups/")[0]
    assert made.body["members"] == [
        {"value": member, "$ref": f"{base}/Users/{member}", "type": "User"} for member in members[:2]
    ]
    path = f"/Groups/{made.id}"
    assert (await scim.get(path)).body == made.body
    change = await scim.patch(
        path,
        {"op": "replace", "value": {"id": made.id, "displayName": "IT 2"}},
        {"op": "remove", "path": f'members[value eq "{members[0]}"]'},
        {"op": "add", "path": "members", "value": [{"value": members[2]}]},
    )
    assert (change.status, change.raw) == (204, b"")
    assert await scim.members(made.id) == members[1:]
    put = await scim.put(path, {"displayName": "IT 3", "members": []})
    assert (put.status, put.body["displayName"], put.body["members"]) == (200, "IT 3", [])
    assert (await scim.delete(path)).status == 204
    assert_error(await scim.get(path), 404)
    assert_error(await scim.delete(path), 404)
    assert_error(await scim.patch(path, {"op": "remove", "path": "members"}), 404)


async def test_a_patched_group_is_shown_where_attributes_are_asked_for(scim: ScimClient) -> None:
    member = await scim.create_user("shown@corp.example")
    group = await scim.create_group("Shown", [member])
    rename = {"op": "replace", "path": "displayName", "value": "Shown 2"}
    change = await scim.patch(f"/Groups/{group}?attributes=displayName,members.value", rename)
    assert (change.status, change.headers["ETag"]) == (200, 'W/"2"')  # RFC 7644 §3.5.2
    assert (change.body["displayName"], change.body["members"]) == ("Shown 2", [{"value": member}])
    assert "meta" not in change.body
    change = await scim.patch(f"/Groups/{group}?excludedAttributes=members", rename)
    assert (change.status, change.raw) == (204, b"")


async def test_an_id_in_capitals_is_refused_whether_it_joins_or_leaves(scim: ScimClient) -> None:
    member = await scim.create_user("exact@corp.example")
    group = await scim.create_group("Exact", [member])
    for operation in (
        {"op": "add", "path": "members", "value": [{"value": member.upper()}]},
        {"op": "remove", "path": f'members[value eq "{member.upper()}"]'},
        {"op": "remove", "path": "members", "value": [{"value": member.upper()}]},
    ):
        assert_error(await scim.patch(f"/Groups/{group}", operation), 400, "invalidValue")
    stranger = {"op": "remove", "path": f'members[value eq "{uuid4()}"]'}
    assert (await scim.patch(f"/Groups/{group}", stranger)).status == 204
    assert await scim.members(group) == [member]


async def test_a_put_that_says_nothing_about_members_keeps_them(scim: ScimClient) -> None:
    member = await scim.create_user("stays@corp.example")
    group = await scim.create_group("Stay", [member])
    assert (await scim.put(f"/Groups/{group}", {"displayName": "Stayed"})).status == 200
    assert await scim.members(group) == [member]


async def test_a_full_push_replaces_the_list(scim: ScimClient, admin: Connection) -> None:
    ids = sorted([await scim.create_user(f"push{number}@corp.example") for number in range(4)])
    group = await scim.create_group("Push", ids[:3])
    before = await _versions(admin, ids)
    listed = [{"value": member} for member in ids[1:]]
    await scim.patch(f"/Groups/{group}", {"op": "replace", "path": "members", "value": listed})
    assert await scim.members(group) == ids[1:]
    after = await _versions(admin, ids)
    changed = [member for member in ids if before[member] != after[member]]
    assert changed == [ids[0], ids[3]]  # who stayed is nobody's work


async def test_members_are_left_out_where_they_are_not_wanted(scim: ScimClient) -> None:
    member = await scim.create_user("unwanted@corp.example")
    group = await scim.create_group("Unwanted", [member])
    for query in ("excludedAttributes=members", "attributes=displayName"):
        assert "members" not in (await scim.get(f"/Groups/{group}?{query}")).body
    whole = (await scim.get(f"/Groups/{group}")).body
    del whole["members"]
    listed = await scim.get("/Groups?excludedAttributes=members")
    assert listed.body["Resources"] == [whole]
    part = await scim.get(f"/Groups/{group}?attributes=members.value")
    assert part.body["members"] == [{"value": member}]


async def test_renaming_marks_the_group_and_no_member(scim: ScimClient, admin: Connection) -> None:
    member = await scim.create_user("unmarked@corp.example")
    group = await scim.create_group("Before", [member])
    before = await _versions(admin, [member])
    await scim.patch(f"/Groups/{group}", {"op": "replace", "path": "displayName", "value": "After"})
    assert await _versions(admin, [member]) == before
    row = await admin.fetchrow("select kind, version from chain.sync where id = $1", group)
    assert row is not None
    assert (row["kind"], row["version"]) == ("group", 2)


async def test_changing_members_needs_no_version_unless_one_is_named(scim: ScimClient) -> None:
    members = [await scim.create_user(f"v{number}@corp.example") for number in range(2)]
    group = await scim.create_group("Versions")
    old = {"If-Match": 'W/"1"'}
    add = [{"op": "add", "path": "members", "value": [{"value": member}]} for member in members]
    assert (await scim.patch(f"/Groups/{group}", add[0], headers=old)).status == 204
    assert_error(await scim.patch(f"/Groups/{group}", add[1], headers=old), 412)
    assert_error(await scim.delete(f"/Groups/{group}", headers=old), 412)
    assert_error(await scim.put(f"/Groups/{group}", {"displayName": "x"}, headers=old), 412)
    assert (await scim.patch(f"/Groups/{group}", add[1])).status == 204


async def test_a_change_of_many_members_is_left_to_a_fan_out(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    people = await many(admin, customer, 1_002)
    group = await scim.create_group("Wide", people)
    assert await _fanouts(admin, group) == 1
    assert await _versions(admin, people) == {}
    assert len(await scim.members(group)) == 1_002
    assert (await scim.patch(f"/Groups/{group}", {"op": "remove", "path": "members"})).status == 204
    assert await _fanouts(admin, group) == 2
    assert await scim.members(group) == []
    back = {"op": "add", "path": "members", "value": [{"value": people[0]}]}
    assert (await scim.patch(f"/Groups/{group}", back)).status == 204
    assert await scim.members(group) == people[:1]
    assert list(await _versions(admin, people)) == people[:1]


async def test_deleting_a_big_group_tells_its_members_by_a_fan_out(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    people = await many(admin, customer, 1_001)
    group = await scim.create_group("Big", people)
    assert (await scim.delete(f"/Groups/{group}")).status == 204
    assert await _fanouts(admin, group) == 2
    assert "groups" not in await scim.user(people[0])


async def test_a_deleted_groups_name_is_free(scim: ScimClient) -> None:
    first = await scim.create_group("Phoenix")
    await scim.delete(f"/Groups/{first}")
    assert await scim.create_group("PHOENIX") != first


async def _versions(admin: Connection, ids: list[str]) -> dict[str, int]:
    rows = await admin.fetch("select id, version from chain.sync where id = any($1::uuid[]) order by id", ids)
    return {str(row["id"]): row["version"] for row in rows}


async def _fanouts(admin: Connection, group: str) -> int:
    count: int = await admin.fetchval(
        "select count(*) from chain.fanout where target_id = $1 and scope = 'group_members'", group
    )
    return count


async def test_a_page_of_big_groups_ends_early_and_the_next_goes_on(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    people = await many(admin, customer, 40_000)
    groups = sorted([await scim.create_group(f"Big {number}") for number in range(4)])
    for group in groups[:3]:
        await admin.execute(
            "insert into ingest.group_member (tenant_id, connection_id, group_id, person_id) "
            "select $1, $2, $3, u.id from unnest($4::uuid[]) as u (id)",
            customer.tenant,
            customer.connection,
            group,
            people,
        )
    seen: list[str] = []
    pages: list[int] = []
    while len(seen) < len(groups):
        page = (await scim.get(f"/Groups?count=100&startIndex={len(seen) + 1}")).body
        assert page["totalResults"] == len(groups)
        assert page["itemsPerPage"] == len(page["Resources"]) > 0
        assert sum(len(group["members"]) for group in page["Resources"]) <= 100_000
        seen += [group["id"] for group in page["Resources"]]
        pages.append(page["itemsPerPage"])
    assert (seen, pages) == (groups, [2, 2])
    light = (await scim.get("/Groups?count=100&excludedAttributes=members")).body
    assert light["itemsPerPage"] == len(groups)
