"""Users from the first POST to the return after a DELETE, over real HTTP and a real database."""

from tests.integration.ingest.scim_client import CORE_USER, ENTERPRISE, ScimClient, assert_error
from tests.integration.ingest.serving import PUBLIC_URL
from tests.tenants import Customer
from vestibule.database.pool import Connection

ANA = {
    "schemas": [CORE_USER, ENTERPRISE],
    "userName": "Ana.Li@corp.example",
    "externalId": "00u1",
    "name": {"givenName": "Ana", "familyName": "Li"},
    "displayName": "Ana Li",
    "emails": [{"primary": True, "value": "Ana.Li@corp.example", "type": "work"}],
    "phoneNumbers": [{"value": "+49 (30) 123-4", "type": "work"}],
    ENTERPRISE: {"department": "IT"},
    "password": "correct horse",
}


async def test_a_created_user_is_answered_whole_with_location_and_etag(
    scim: ScimClient, customer: Customer
) -> None:
    answer = await scim.post("/Users", ANA)
    assert answer.status == 201
    location = f"{PUBLIC_URL}/scim/v2/{customer.path}/Users/{answer.id}"
    assert answer.headers["Location"] == answer.body["meta"]["location"] == location
    assert answer.headers["ETag"] == answer.body["meta"]["version"] == 'W/"1"'
    assert answer.body["schemas"] == [CORE_USER, ENTERPRISE]
    assert answer.body["active"] is True
    assert answer.body[ENTERPRISE] == {"department": "IT"}
    assert "password" not in answer.body
    assert await scim.user(answer.id) == answer.body


async def test_the_password_is_stored_nowhere(scim: ScimClient, admin: Connection) -> None:
    identifier = (await scim.post("/Users", ANA)).id
    stored = await admin.fetchval("select document from ingest.person where id = $1", identifier)
    assert "correct" not in stored
    assert "password" not in stored


async def test_a_put_replaces_and_says_the_new_version(scim: ScimClient) -> None:
    made = await scim.post("/Users", ANA)
    changed = {**made.body, "displayName": "Ana Maria Li"}
    answer = await scim.put(f"/Users/{made.id}", changed)
    assert answer.status == 200
    assert answer.body["displayName"] == "Ana Maria Li"
    assert answer.headers["ETag"] == answer.body["meta"]["version"] == 'W/"2"'
    assert answer.body["meta"]["created"] == made.body["meta"]["created"]
    assert answer.body["meta"]["lastModified"] >= made.body["meta"]["lastModified"]


async def test_a_put_without_active_gives_nobody_access_back(scim: ScimClient) -> None:
    identifier = await scim.create_user("leaver@corp.example", active=False)
    answer = await scim.put(f"/Users/{identifier}", {"userName": "leaver@corp.example", "title": "x"})
    assert answer.body["active"] is False


async def test_a_patch_is_answered_with_the_resource(scim: ScimClient) -> None:
    identifier = await scim.create_user("bo@corp.example")
    answer = await scim.patch(f"/Users/{identifier}", {"op": "add", "path": "title", "value": "Dr"})
    assert answer.status == 200
    assert answer.body["title"] == "Dr"
    assert await scim.user(identifier) == answer.body


async def test_writes_that_change_nothing_leave_no_trace(scim: ScimClient, admin: Connection) -> None:
    made = await scim.post("/Users", ANA)
    before = await _marks(admin, made.id)
    put = await scim.put(f"/Users/{made.id}", made.body)
    patch = await scim.patch(f"/Users/{made.id}", {"op": "Replace", "path": "active", "value": "True"})
    assert (put.status, patch.status) == (200, 200)
    assert put.body == patch.body == made.body
    assert await _marks(admin, made.id) == before


async def test_true_in_place_of_1_is_a_change(scim: ScimClient) -> None:
    corp = "urn:corp:2.0:User"
    path = f"/Users/{await scim.create_user('ana@corp.example', **{corp: {'badge': 1, 'door': 0}})}"
    patched = await scim.patch(path, {"op": "replace", "path": f"{corp}:badge", "value": True})
    assert patched.body[corp]["badge"] is True
    await scim.put(path, {"userName": "ana@corp.example", corp: {"badge": True, "door": False}})
    read = await scim.get(path)
    assert (read.body[corp]["door"], read.headers["ETag"]) == (False, 'W/"3"')
    assert read.body[corp]["door"] is False


async def test_each_change_marks_the_person_and_leavers_go_first(scim: ScimClient, admin: Connection) -> None:
    identifier = await scim.create_user("mark@corp.example")
    assert await _sync(admin, identifier) == (1, 1)
    await scim.patch(f"/Users/{identifier}", {"op": "replace", "path": "active", "value": False})
    assert await _sync(admin, identifier) == (2, 0)
    await scim.patch(f"/Users/{identifier}", {"op": "replace", "path": "active", "value": True})
    assert await _sync(admin, identifier) == (3, 0)
    codes = await admin.fetch("select code from chain.timeline where subject_id = $1 order by id", identifier)
    assert [row["code"] for row in codes] == ["create", "deactivate", "reactivate"]


async def test_a_deleted_user_is_gone_for_reads_and_searches(scim: ScimClient, admin: Connection) -> None:
    identifier = await scim.create_user("gone@corp.example")
    answer = await scim.delete(f"/Users/{identifier}")
    assert (answer.status, answer.raw) == (204, b"")
    assert_error(await scim.get(f"/Users/{identifier}"), 404)
    assert_error(await scim.delete(f"/Users/{identifier}"), 404)
    assert_error(await scim.put(f"/Users/{identifier}", {"userName": "gone@corp.example"}), 404)
    assert await scim.found("/Users?filter=userName%20eq%20%22gone@corp.example%22") == []
    assert await _sync(admin, identifier) == (2, 0)


async def test_who_returns_with_the_same_user_name_has_the_same_id(scim: ScimClient) -> None:
    first = await scim.post("/Users", ANA)
    await scim.delete(f"/Users/{first.id}")
    again = await scim.post("/Users", {**ANA, "userName": "ANA.LI@corp.example", "title": "Back"})
    assert again.status == 201
    assert again.id == first.id
    assert again.body["title"] == "Back"
    assert again.headers["ETag"] == 'W/"3"'


async def test_who_returns_renamed_needs_the_same_email_and_external_id(scim: ScimClient) -> None:
    first = await scim.post("/Users", ANA)
    await scim.delete(f"/Users/{first.id}")
    stranger = await scim.post(
        "/Users", {"userName": "other@corp.example", "externalId": "00u1", "emails": []}
    )
    assert stranger.id != first.id
    await scim.delete(f"/Users/{stranger.id}")
    renamed = await scim.post("/Users", {**ANA, "userName": "ana.new@corp.example"})
    assert renamed.id == first.id


async def test_who_comes_by_name_alone_is_not_who_left_with_an_external_id(scim: ScimClient) -> None:
    first = await scim.post("/Users", ANA)
    await scim.delete(f"/Users/{first.id}")
    namesake = await scim.post("/Users", {"userName": ANA["userName"]})
    assert namesake.status == 201
    assert namesake.id != first.id
    await scim.delete(f"/Users/{namesake.id}")
    other = [{"value": "other@corp.example", "type": "work", "primary": True}]
    colleague = await scim.post(
        "/Users", {"userName": ANA["userName"], "externalId": "00u2", "emails": other}
    )
    assert colleague.id == namesake.id  # that one had no externalId: nothing speaks against it
    await scim.delete(f"/Users/{colleague.id}")
    returned = await scim.post("/Users", {"userName": ANA["userName"], "emails": ANA["emails"]})
    assert returned.id == first.id


async def test_who_returns_without_an_external_id_is_not_found_by_the_old_one(scim: ScimClient) -> None:
    first = await scim.post("/Users", ANA)
    await scim.delete(f"/Users/{first.id}")
    again = await scim.post("/Users", {"userName": ANA["userName"], "emails": ANA["emails"]})
    assert again.id == first.id
    assert "externalId" not in await scim.user(first.id)
    assert await scim.found('/Users?filter=externalId eq "00u1"') == []


async def test_an_immutable_key_relinks_a_renamed_return_by_itself(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    await admin.execute(
        "update console.connection set key_trust = 'immutable' where id = $1", customer.connection
    )
    first = await scim.post("/Users", ANA)
    await scim.delete(f"/Users/{first.id}")
    again = await scim.post("/Users", {"userName": "quite.other@corp.example", "externalId": "00u1"})
    assert again.id == first.id


async def test_another_external_id_under_a_freed_user_name_is_another_person(scim: ScimClient) -> None:
    first = await scim.post("/Users", ANA)
    await scim.delete(f"/Users/{first.id}")
    other = await scim.post("/Users", {**ANA, "externalId": "00u2", "emails": []})
    assert other.id != first.id


async def test_if_match_guards_put_patch_and_delete(scim: ScimClient) -> None:
    identifier = await scim.create_user("etag@corp.example")
    old, path = {"If-Match": 'W/"9"'}, f"/Users/{identifier}"
    title = {"op": "add", "path": "title", "value": "x"}
    assert_error(await scim.put(path, {"userName": "x@corp.example"}, headers=old), 412)
    assert_error(await scim.patch(path, title, headers=old), 412)
    assert_error(await scim.delete(path, headers=old), 412)
    assert (await scim.patch(path, title, headers={"If-Match": '"7", W/"1"'})).status == 200
    assert (await scim.delete(path, headers={"If-Match": "*"})).status == 204


async def test_if_none_match_spares_the_body(scim: ScimClient) -> None:
    identifier = await scim.create_user("etag2@corp.example")
    same = await scim.get(f"/Users/{identifier}", headers={"If-None-Match": 'W/"1"'})
    assert (same.status, same.raw, same.headers["ETag"]) == (304, b"", 'W/"1"')
    other = await scim.get(f"/Users/{identifier}", headers={"If-None-Match": 'W/"2"'})
    assert other.status == 200


async def test_a_head_request_has_the_headers_without_the_body(scim: ScimClient) -> None:
    identifier = await scim.create_user("head@corp.example")
    answer = await scim.send("HEAD", f"/Users/{identifier}")
    assert (answer.status, answer.raw, answer.headers["ETag"]) == (200, b"", 'W/"1"')


async def test_answers_have_the_attributes_asked_for(scim: ScimClient) -> None:
    identifier = (await scim.post("/Users", ANA)).id
    few = await scim.get(f"/Users/{identifier}?attributes=userName,emails.value")
    assert set(few.body) == {"schemas", "id", "userName", "emails"}
    most = await scim.get(f"/Users/{identifier}?excludedAttributes=emails,{ENTERPRISE}:department")
    assert "emails" not in most.body
    assert ENTERPRISE not in most.body
    assert most.body["userName"] == ANA["userName"]


async def test_a_users_groups_are_shown_and_lost_with_the_user(scim: ScimClient) -> None:
    identifier = await scim.create_user("member@corp.example")
    group = await scim.create_group("Members only", [identifier])
    shown = (await scim.user(identifier))["groups"]
    assert [(entry["value"], entry["display"]) for entry in shown] == [(group, "Members only")]
    await scim.delete(f"/Users/{identifier}")
    assert await scim.members(group) == []


async def _sync(admin: Connection, identifier: str) -> tuple[int, int]:
    row = await admin.fetchrow("select version, prio from chain.sync where id = $1", identifier)
    assert row is not None
    return row["version"], row["prio"]


async def _marks(admin: Connection, identifier: str) -> tuple[int, int]:
    version = await admin.fetchval("select version from chain.sync where id = $1", identifier)
    entries = await admin.fetchval("select count(*) from chain.timeline where subject_id = $1", identifier)
    return version, entries
