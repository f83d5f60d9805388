"""Groups in groups: shown on both sides, never in a circle, and told to everybody whom they concern."""

from uuid import uuid4

from tests.integration.ingest.conftest import NewClient, NewCustomer
from tests.integration.ingest.crowds import many
from tests.integration.ingest.nesting import adding, groups_of, removing, versions
from tests.integration.ingest.scim_client import ScimClient, assert_error
from tests.tenants import Customer
from vestibule.database.pool import Connection

DEEPEST = 10


async def test_a_group_in_a_group_is_shown_on_both_sides(scim: ScimClient) -> None:
    person = await scim.create_user("ana@corp.example", displayName="Ana Li")
    inner = await scim.create_group("Support", [person])
    outer = await scim.post(
        "/Groups", {"displayName": "Company", "members": [{"value": inner, "type": "Group"}]}
    )
    base = outer.body["meta"]["location"].rpartition("/Groups/")[0]
    assert outer.body["members"] == [
        {"value": inner, "$ref": f"{base}/Groups/{inner}", "type": "Group", "display": "Support"}
    ]
    assert (await scim.get(f"/Groups/{outer.id}")).body == outer.body
    groups = {one["value"]: one for one in (await scim.user(person))["groups"]}
    assert groups[inner]["type"] == "direct"
    assert groups[outer.id] == {
        "value": outer.id,
        "$ref": f"{base}/Groups/{outer.id}",
        "display": "Company",
        "type": "indirect",
    }


async def test_who_is_a_member_in_both_ways_is_a_direct_one(scim: ScimClient) -> None:
    person = await scim.create_user("both@corp.example")
    inner = await scim.create_group("Inner", [person])
    outer = await scim.create_group("Outer", [inner, person])
    assert await groups_of(scim, person) == {inner: "direct", outer: "direct"}
    assert (await scim.patch(f"/Groups/{outer}", removing(person))).status == 204
    assert await groups_of(scim, person) == {inner: "direct", outer: "indirect"}


async def test_a_persons_groups_stand_in_the_order_of_their_ids(scim: ScimClient) -> None:
    people = [await scim.create_user(f"ordered{number}@corp.example") for number in range(2)]
    groups = [await scim.create_group(f"Ordered {number}", []) for number in range(6)]
    for group in groups[::-2]:
        await scim.patch(f"/Groups/{group}", adding(*people))
    await scim.patch(f"/Groups/{groups[0]}", adding(groups[5]))
    await scim.patch(f"/Groups/{groups[4]}", adding(groups[1]))
    shown = (await scim.get("/Users")).body["Resources"]
    listed = [[one["value"] for one in person["groups"]] for person in shown]
    assert listed == [sorted([groups[0], groups[1], groups[3], groups[4], groups[5]])] * 2
    assert [(await scim.user(person))["groups"] for person in people] == [one["groups"] for one in shown]


async def test_two_ways_to_a_group_are_both_to_be_taken_away(scim: ScimClient) -> None:
    person = await scim.create_user("two-ways@corp.example")
    bottom = await scim.create_group("Bottom", [person])
    left, right = await scim.create_group("Left", [bottom]), await scim.create_group("Right", [bottom])
    top = await scim.create_group("Top", [left, right])
    assert await groups_of(scim, person) == {
        bottom: "direct",
        left: "indirect",
        right: "indirect",
        top: "indirect",
    }
    await scim.patch(f"/Groups/{left}", removing(bottom))
    assert await groups_of(scim, person) == {bottom: "direct", right: "indirect", top: "indirect"}
    await scim.patch(f"/Groups/{top}", {"op": "remove", "path": f'members[value eq "{right}"]'})
    assert await groups_of(scim, person) == {bottom: "direct", right: "indirect"}
    await scim.put(f"/Groups/{right}", {"displayName": "Right", "members": []})
    assert await groups_of(scim, person) == {bottom: "direct"}


async def test_every_way_to_change_members_takes_groups(scim: ScimClient) -> None:
    person, inner = await scim.create_user("ways@corp.example"), await scim.create_group("In")
    outer = await scim.create_group("Out")
    both, path = sorted([person, inner]), f"/Groups/{outer}"
    listed = [{"value": member} for member in both]
    put = await scim.put(path, {"displayName": "Out", "members": listed})
    assert sorted(member["value"] for member in put.body["members"]) == both
    assert (await scim.get(path)).body == put.body
    await scim.patch(path, {"op": "replace", "path": "members", "value": listed[:1]})
    assert await scim.members(outer) == both[:1]
    before = (await scim.get(path)).headers["ETag"]
    await scim.patch(path, adding(*both[:1]))
    assert (await scim.get(path)).headers["ETag"] == before  # adding twice changes nothing
    await scim.patch(path, adding(*both))
    assert await scim.members(outer) == both
    await scim.patch(path, {"op": "remove", "path": "members"})
    assert await scim.members(outer) == []


async def test_a_circle_is_refused_whole_however_it_would_come_about(scim: ScimClient) -> None:
    person = await scim.create_user("circle@corp.example")
    one = await scim.create_group("One")
    two = await scim.create_group("Two", [one])
    three = await scim.create_group("Three", [two])
    for target, member in ((one, one), (one, two), (one, three), (two, three)):
        for answer in (
            await scim.patch(f"/Groups/{target}", adding(person, member)),
            await scim.put(f"/Groups/{target}", {"displayName": uuid4().hex, "members": [{"value": member}]}),
        ):
            assert_error(answer, 400, "invalidValue")
    assert await scim.members(one) == []
    assert (await scim.user(person)).get("groups") is None
    assert (await scim.patch(f"/Groups/{three}", removing(two))).status == 204
    assert (await scim.patch(f"/Groups/{one}", adding(three))).status == 204


async def test_the_depth_is_bounded_wherever_a_group_is_put_in(scim: ScimClient) -> None:
    chain = [await scim.create_group("Level 0")]
    for level in range(1, DEEPEST):
        chain.append(await scim.create_group(f"Level {level}", [chain[-1]]))
    below, above = (
        await scim.create_group("Below"),
        {"displayName": "Above", "members": [{"value": chain[-1]}]},
    )
    assert_error(await scim.patch(f"/Groups/{chain[0]}", adding(below)), 400, "invalidValue")
    assert_error(await scim.post("/Groups", above), 400, "invalidValue")
    person = await scim.create_user("deep@corp.example")
    assert (await scim.patch(f"/Groups/{chain[0]}", adding(person))).status == 204
    assert await groups_of(scim, person) == {chain[0]: "direct"} | dict.fromkeys(chain[1:], "indirect")


async def test_another_tenants_group_is_like_one_that_is_not_there(
    scim: ScimClient, new_customer: NewCustomer, client_of: NewClient
) -> None:
    other = client_of(await new_customer())
    foreign, missing = await other.create_group("Foreign"), str(uuid4())
    group = await scim.create_group("Mine")
    answers = []
    for member in (foreign, missing):
        add = {"op": "add", "path": "members", "value": [{"value": member, "type": "Group"}]}
        answers.append(await scim.patch(f"/Groups/{group}", add))
    for answer in answers:
        assert_error(answer, 400, "invalidValue")
    assert answers[0].body == answers[1].body
    for member in (foreign, missing):
        assert (await scim.patch(f"/Groups/{group}", removing(member))).status == 204
    assert await other.members(foreign) == []


async def test_putting_a_group_in_or_out_marks_all_in_it_and_nobody_else(
    scim: ScimClient, admin: Connection
) -> None:
    deep, flat, beside = [await scim.create_user(f"mark{number}@corp.example") for number in range(3)]
    bottom = await scim.create_group("M bottom", [deep])
    middle = await scim.create_group("M middle", [bottom, flat])
    top = await scim.create_group("M top", [beside])
    people = [deep, flat, beside]
    before = await versions(admin, people)
    for change in (adding(middle), removing(middle)):
        await scim.patch(f"/Groups/{top}", change)
        after = await versions(admin, people)
        assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 0]
        before = after


async def test_deleting_an_outer_or_an_inner_group_marks_all_in_it(
    scim: ScimClient, admin: Connection
) -> None:
    deep, direct = [await scim.create_user(f"gone{number}@corp.example") for number in range(2)]
    bottom = await scim.create_group("G bottom", [deep])
    middle = await scim.create_group("G middle", [bottom, direct])
    top = await scim.create_group("G top", [middle])
    before = await versions(admin, [deep, direct])
    assert (await scim.delete(f"/Groups/{top}")).status == 204
    assert await versions(admin, [deep, direct]) == [version + 1 for version in before]
    assert await groups_of(scim, deep) == {bottom: "direct", middle: "indirect"}
    top = await scim.create_group("G top", [middle])
    assert (await scim.delete(f"/Groups/{middle}")).status == 204
    assert await scim.members(top) == []
    assert await groups_of(scim, deep) == {bottom: "direct"}
    assert await groups_of(scim, direct) == {}
    assert await versions(admin, [deep, direct]) == [version + 3 for version in before]


async def test_a_big_group_in_a_group_is_left_to_one_fan_out(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    people = await many(admin, customer, 1_200)
    inner = [
        await scim.create_group("First", people[:600]),
        await scim.create_group("Second", people[600:]),
    ]
    assert await versions(admin, people[:1]) == [1]
    outer = await scim.create_group("Both", inner)
    assert await fanouts(admin, customer) == [(min(inner), sorted(inner)[1:])]
    await scim.patch(f"/Groups/{outer}", removing(inner[0]))  # 600: marked by the request itself
    assert len(await fanouts(admin, customer)) == 1
    assert await versions(admin, [people[0], people[-1]]) == [2, 1]
    await scim.patch(f"/Groups/{outer}", adding(inner[0]))
    assert (await scim.delete(f"/Groups/{outer}")).status == 204
    assert (await fanouts(admin, customer))[1:] == [(min(inner), sorted(inner)[1:])]


async def test_adding_one_member_costs_the_same_however_big_and_nested_the_group_is(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    people = await many(admin, customer, 3_001)
    inner = await scim.create_group("Big inside", people[:3_000])
    outer = await scim.create_group("Around", [inner])
    await scim.patch(f"/Groups/{inner}", adding(people[3_000]))
    assert await versions(admin, [people[3_000], people[0]]) == [1, 0]
    assert await groups_of(scim, people[3_000]) == {inner: "direct", outer: "indirect"}


async def test_names_of_members_follow_what_they_are_called(scim: ScimClient) -> None:
    person = await scim.create_user("call@corp.example", displayName='Ana "$ref":"/" Ł\\i')
    inner = await scim.create_group("Old name")
    outer = await scim.create_group("Names", [person, inner])

    async def shown() -> list[str | None]:
        return [member.get("display") for member in (await scim.get(f"/Groups/{outer}")).body["members"]]

    assert await shown() == ['Ana "$ref":"/" Ł\\i', "Old name"]
    await scim.patch(f"/Users/{person}", {"op": "replace", "path": "displayName", "value": "Ana"})
    await scim.patch(f"/Groups/{inner}", {"op": "replace", "path": "displayName", "value": "New name"})
    assert await shown() == ["Ana", "New name"]
    part = await scim.get(f"/Groups/{outer}?attributes=members.display")
    assert part.body["members"] == [{"display": "Ana"}, {"display": "New name"}]
    await scim.patch(f"/Users/{person}", {"op": "remove", "path": "displayName"})
    assert await shown() == [None, "New name"]  # a login is no name


async def test_filters_know_nested_groups(scim: ScimClient) -> None:
    person = await scim.create_user("filter@corp.example", displayName="Zoë")
    inner = await scim.create_group("Inside", [person])
    outer = await scim.create_group("Outside", [inner])
    for text, found in {
        f'groups.value eq "{outer}"': [person],
        f'groups[value eq "{outer}" and type eq "direct"]': [],
        f'groups[value eq "{outer}" and type eq "indirect"]': [person],
        'groups[type eq "direct" and display eq "inside"]': [person],
        'groups.display co "outs"': [person],
    }.items():
        assert await scim.found(f"/Users?filter={text}") == found, text
    for text, found in {
        f'members.value eq "{inner}"': [outer],
        f'members eq "{inner}"': [outer],
        f'id eq "{outer}" and members eq "{inner}"': [outer],
        f'members[value eq "{inner}" and type eq "Group"]': [outer],
        f'members[value eq "{inner}" and type eq "User"]': [],
        'members.type eq "Group"': [outer],
        'members.display eq "ZO%C3%8B"': [inner],
        'members[display co "insi"]': [outer],
    }.items():
        assert await scim.found(f"/Groups?filter={text}&excludedAttributes=members") == found, text


async def test_a_deleted_user_is_in_no_group_any_more(scim: ScimClient) -> None:
    person = await scim.create_user("leaver@corp.example", externalId="leaver-1")
    inner = await scim.create_group("Left behind", [person])
    outer = await scim.create_group("Left further", [inner])
    assert (await scim.delete(f"/Users/{person}")).status == 204
    assert await scim.members(inner) == []
    assert await scim.found(f'/Users?filter=groups.value eq "{outer}"') == []
    back = await scim.create_user("leaver@corp.example", externalId="leaver-1")
    assert back == person
    assert await groups_of(scim, back) == {}  # the same person, and in groups when it is named there again


async def fanouts(admin: Connection, customer: Customer) -> list[tuple[str, list[str]]]:
    """The groups that each wide change of a customer goes through, but for those of a group's own members."""
    rows = await admin.fetch(
        "select target_id, further from chain.fanout where tenant_id = $1 and further <> '{}' order by id",
        customer.tenant,
    )
    return [(str(row["target_id"]), [str(group) for group in row["further"]]) for row in rows]
