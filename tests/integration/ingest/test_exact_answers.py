"""Where identity providers forgive nothing: each answer is exactly what they need to keep going."""

import pytest

from tests.integration.ingest.conftest import NewClient, NewCustomer
from tests.integration.ingest.scim_client import ENTERPRISE, ScimClient, assert_error
from vestibule.database.pool import Connection

NOBODY = "/Users?filter=userName%20eq%20%220b7c4b4e-nobody%22"


async def test_an_empty_search_is_a_success(scim: ScimClient) -> None:
    for path in (NOBODY, '/Groups?filter=displayName eq "nothing"', '/Users?filter=id eq "no-id-at-all"'):
        answer = await scim.get(path)
        assert answer.status == 200
        assert answer.body["totalResults"] == 0
        assert answer.body["Resources"] == []
        assert answer.body["itemsPerPage"] == 0


async def test_pages_count_in_integers_and_keep_their_order_whatever_their_size(scim: ScimClient) -> None:
    made = [await scim.create_user(f"page{number}@corp.example") for number in range(7)]
    for size in (1, 2, 3, 7, 100):
        seen: list[str] = []
        while len(seen) < 7:
            answer = await scim.get(f"/Users?startIndex={len(seen) + 1}&count={size}")
            page = [resource["id"] for resource in answer.body["Resources"]]
            numbers = [answer.body[name] for name in ("totalResults", "startIndex", "itemsPerPage")]
            assert numbers == [7, len(seen) + 1, len(page)]
            assert all(type(number) is int for number in numbers)
            assert page
            seen.extend(page)
        assert seen == made


@pytest.mark.parametrize(
    ("query", "start", "found"),
    [("startIndex=0&count=2", 1, 2), ("startIndex=-5", 1, 3), ("count=0", 1, 0), ("count=-1", 1, 0),
     ("startIndex=9", 9, 0), ("startIndex=999999999999999999", 999999999999999999, 0), ("count=99999", 1, 3),
     ("startIndex=99999999999999999999", 999999999999999999, 0), ("count=99999999999999999999", 1, 3)],
)  # fmt: skip
async def test_odd_pages_are_answered_as_the_rfc_says(
    scim: ScimClient, query: str, start: int, found: int
) -> None:
    for number in range(3):
        await scim.create_user(f"odd{number}@corp.example")
    answer = await scim.get(f"/Users?{query}")
    assert answer.status == 200
    assert (answer.body["totalResults"], answer.body["startIndex"]) == (3, start)
    assert len(answer.body["Resources"]) == answer.body["itemsPerPage"] == found


async def test_a_deactivated_user_is_still_found(scim: ScimClient) -> None:
    identifier = await scim.create_user("off@corp.example", active=False)
    assert (await scim.user(identifier))["active"] is False
    answer = await scim.get('/Users?filter=userName eq "off@corp.example"')
    assert [(user["id"], user["active"]) for user in answer.body["Resources"]] == [(identifier, False)]


async def test_deactivating_keeps_the_memberships(scim: ScimClient) -> None:
    identifier = await scim.create_user("kept@corp.example")
    group = await scim.create_group("Kept", [identifier])
    await scim.patch(f"/Users/{identifier}", {"op": "Replace", "path": "active", "value": "False"})
    assert await scim.members(group) == [identifier]
    answer = await scim.patch(f"/Users/{identifier}", {"op": "Replace", "path": "active", "value": "True"})
    assert [entry["value"] for entry in answer.body["groups"]] == [group]


@pytest.mark.parametrize("taken", ["Taken@corp.example", "tAKEN@CORP.example"])
async def test_a_taken_user_name_is_409_in_any_letter_case(scim: ScimClient, taken: str) -> None:
    await scim.create_user("Taken@corp.example")
    other = await scim.create_user("free@corp.example", title="Before")
    before = await scim.user(other)
    assert_error(await scim.post("/Users", {"userName": taken}), 409, "uniqueness")
    assert_error(await scim.put(f"/Users/{other}", {"userName": taken, "title": "x"}), 409, "uniqueness")
    patch = [
        {"op": "replace", "path": "title", "value": "x"},
        {"op": "replace", "path": "userName", "value": taken},
    ]
    assert_error(await scim.patch(f"/Users/{other}", *patch), 409, "uniqueness")
    assert await scim.user(other) == before


async def test_letters_beyond_ascii_are_one_user_name_in_any_case(scim: ScimClient) -> None:
    identifier = await scim.create_user("JÜRGEN.STRASSE@corp.example")
    assert_error(await scim.post("/Users", {"userName": "jürgen.straße@corp.example"}), 409, "uniqueness")
    assert await scim.found(
        "/Users?filter=userName%20eq%20%22j%C3%BCrgen.strasse@corp.example%22"
    ) == [identifier]  # fmt: skip


async def test_the_own_user_name_in_another_case_is_no_conflict(scim: ScimClient) -> None:
    identifier = await scim.create_user("own@corp.example")
    answer = await scim.put(f"/Users/{identifier}", {"userName": "OWN@corp.example"})
    assert (answer.status, answer.body["userName"]) == (200, "OWN@corp.example")


async def test_a_known_external_id_on_a_live_person_is_409(scim: ScimClient) -> None:
    await scim.create_user("first@corp.example", externalId="same")
    answer = await scim.post("/Users", {"userName": "second@corp.example", "externalId": "same"})
    assert_error(answer, 409, "uniqueness")
    assert "externalId" in answer.body["detail"]


async def test_a_taken_group_name_is_409_and_nothing_is_changed(scim: ScimClient) -> None:
    await scim.create_group("IT")
    other = await scim.create_group("HR")
    assert_error(await scim.post("/Groups", {"displayName": "it"}), 409, "uniqueness")
    rename = {"op": "replace", "value": {"displayName": "It"}}
    assert_error(await scim.patch(f"/Groups/{other}", rename), 409, "uniqueness")
    assert (await scim.get(f"/Groups/{other}")).headers["ETag"] == 'W/"1"'


async def test_the_same_names_live_side_by_side_in_two_connections(
    new_customer: NewCustomer, client_of: NewClient
) -> None:
    for customer in (await new_customer(), await new_customer()):
        scim = client_of(customer)
        await scim.create_user("shared@corp.example", externalId="e1")
        await scim.create_group("IT")


async def test_a_patch_is_all_or_nothing(scim: ScimClient, admin: Connection) -> None:
    identifier = await scim.create_user("whole@corp.example")
    before = await scim.user(identifier)
    answer = await scim.patch(
        f"/Users/{identifier}",
        {"op": "add", "path": "title", "value": "x"},
        {"op": "replace", "path": "active", "value": "perhaps"},
    )
    assert_error(answer, 400, "invalidValue")
    assert await scim.user(identifier) == before
    assert await admin.fetchval("select version from chain.sync where id = $1", identifier) == 1


async def test_values_are_kept_as_they_were_sent(scim: ScimClient) -> None:
    sent = {
        "userName": "MiXed.Case@Corp.Example",
        "displayName": "  Ana   LI ",
        "phoneNumbers": [{"value": "(030) 123 / 4", "type": "work"}],
        "emails": [{"value": "Ana@Corp.Example", "type": "work", "primary": True}],
    }
    answer = await scim.post("/Users", sent)
    read = await scim.user(answer.id)
    assert {name: read[name] for name in sent} == sent


async def test_the_id_survives_a_change_of_every_name(scim: ScimClient) -> None:
    identifier = await scim.create_user("before@corp.example", externalId="one")
    answer = await scim.patch(
        f"/Users/{identifier}",
        {"op": "Replace", "path": "userName", "value": "after@corp.example"},
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "after@corp.example"},
        {"op": "Replace", "path": "externalId", "value": "two"},
    )
    assert answer.body["id"] == identifier
    assert await scim.found('/Users?filter=externalId eq "two"') == [identifier]
    assert await scim.found('/Users?filter=userName eq "before@corp.example"') == []


@pytest.mark.parametrize(
    "path",
    ["/ServiceProviderConfig", "/ResourceTypes", "/ResourceTypes/User", "/Schemas", f"/Schemas/{ENTERPRISE}"],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_discovery_takes_no_writes(scim: ScimClient, method: str, path: str) -> None:
    answer = await scim.send(method, path, {})
    assert_error(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD"


async def test_discovery_works_as_lists_and_one_by_one(scim: ScimClient) -> None:
    assert (await scim.get("/ServiceProviderConfig")).body["patch"] == {"supported": True}
    kinds = (await scim.get("/ResourceTypes")).body["Resources"]
    assert [kind["name"] for kind in kinds] == ["User", "Group"]
    for kind in kinds:
        assert (await scim.get(f"/ResourceTypes/{kind['name']}")).body == kind
    listed = (await scim.get("/Schemas")).body
    assert listed["totalResults"] == len(listed["Resources"]) == 3
    for schema in listed["Resources"]:
        assert (await scim.get(f"/Schemas/{schema['id']}")).body == schema
    assert b"null" not in (await scim.get("/Schemas")).raw
    assert_error(await scim.get("/Schemas/urn:unknown"), 404)
    assert_error(await scim.get("/ResourceTypes/Robot"), 404)
    assert_error(await scim.get("/Schemas?filter=id eq 1"), 403)


@pytest.mark.parametrize("path", ["/Robots", "/Bulk/1", "/Groups/a/b", "/users"])
async def test_other_endpoints_are_answered_in_scim_too(scim: ScimClient, path: str) -> None:
    assert_error(await scim.get(path), 404)


@pytest.mark.parametrize("path", ["/ServiceProviderConfig", "/ResourceTypes/User", "/Schemas"])
async def test_discovery_may_be_kept(scim: ScimClient, path: str) -> None:
    answer = await scim.get(path)
    assert answer.headers["Cache-Control"] == "private, max-age=60"
    tag = answer.headers["ETag"]
    for known in (tag, tag.removeprefix("W/"), f'W/"1", {tag}', "*"):
        again = await scim.get(path, headers={"If-None-Match": known})
        assert (again.status, again.raw, again.headers["ETag"]) == (304, b"", tag)
    assert (await scim.get(path, headers={"If-None-Match": 'W/"1"'})).body == answer.body
    assert (await scim.get("/ResourceTypes/Group")).headers["ETag"] != tag


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_nobody_here_is_me(scim: ScimClient, method: str) -> None:
    assert_error(await scim.send(method, "/Me"), 501)  # RFC 7644 §3.11
    assert_error(await scim.with_token("none").send(method, "/Me"), 401)


async def test_every_required_filter_finds_its_user(scim: ScimClient) -> None:
    emails = [{"value": "Work@corp.example", "type": "work"}, {"value": "home@corp.example", "type": "home"}]
    identifier = await scim.create_user(
        "Fil.Ter@corp.example", externalId="X1", displayName="Fil", emails=emails
    )
    await scim.create_user("someone.else@corp.example", externalId="x1")
    for text in (
        'userName eq "fil.ter@CORP.example"',
        'externalId eq "X1"',
        f'id eq "{identifier}"',
        'displayName eq "FIL"',
        'emails[type eq "work"].value eq "work@corp.example"',
        'emails.value eq "home@corp.example"',
        'emails eq "work@corp.example"',
        'userName eq "fil.ter@corp.example" and active eq true',
        f'externalId eq "X1" and id eq "{identifier}"',
    ):
        assert await scim.found(f"/Users?filter={text}") == [identifier], text
    for text in (
        'externalId eq "X2"',
        'emails[type eq "work"].value eq "home@corp.example"',
        'userName eq "fil.ter@corp.example" and active eq false',
        'userName eq "a" and userName eq "b"',
        'userName eq "fil.ter@corp.example" and userName eq "someone.else@corp.example"',
        f'externalId eq "x1" and id eq "{identifier}"',
    ):
        assert await scim.found(f"/Users?filter={text}") == [], text


async def test_every_required_filter_finds_its_group(scim: ScimClient) -> None:
    member = await scim.create_user("filter.member@corp.example")
    made = await scim.post(
        "/Groups", {"displayName": "Ünlü Team", "externalId": "G1", "members": [{"value": member}]}
    )
    await scim.create_group("Other")
    for text in (
        "displayName eq %22%C3%BCnl%C3%BC team%22",
        'externalId eq "G1"',
        f'id eq "{made.id}"',
        f'id eq "{made.id}" and members eq "{member}"',
        f'members[value eq "{member}"]',
    ):
        assert await scim.found(f"/Groups?filter={text}&excludedAttributes=members") == [made.id], text
    assert await scim.found(f'/Groups?filter=id eq "{made.id}" and members eq "{made.id}"') == []
