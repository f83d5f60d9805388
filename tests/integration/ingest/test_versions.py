"""Versions: whoever writes, through whichever process, makes the next one; nobody's change is lost."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.integration.ingest.crowds import many
from tests.integration.ingest.scim_client import Answer, ScimClient, assert_error
from tests.tenants import Customer
from vestibule.database.pool import Connection

CLIENTS = 16
ROUNDS = 5
PHONES = [f"+{number:04d}" for number in range(CLIENTS * ROUNDS)]

# Adds one mark to a resource and returns the version that this made.
Change = Callable[[ScimClient, str], Awaitable[int]]


def version_of(answer: Answer) -> int:
    """The number in the ETag of an answer, which is weak."""
    tag = answer.headers["ETag"]
    assert tag.startswith('W/"')
    assert answer.body is None or answer.body["meta"]["version"] == tag
    return int(tag[3:-1])


async def in_one_line(
    replicas: tuple[ScimClient, ScimClient], marks: list[str], patch: Change, put: Change
) -> None:
    """Sixteen clients, eight at each process, half PATCH and half PUT: each change has its own version."""

    async def work(client: int) -> list[int]:
        scim, change = replicas[client % 2], (patch, put)[client // 2 % 2]
        return [await change(scim, mark) for mark in marks[client::CLIENTS]]

    versions = [version for made in await asyncio.gather(*map(work, range(CLIENTS))) for version in made]
    assert sorted(versions) == list(range(2, len(marks) + 2))


async def put_when_unchanged(
    scim: ScimClient, path: str, changed: Callable[[Any], Mapping[str, object]]
) -> Answer:
    """Read, change and PUT under If-Match, until nobody else came between."""
    while True:
        found = await scim.get(path)
        answer = await scim.put(path, changed(found.body), headers={"If-Match": found.headers["ETag"]})
        if answer.status == 200:
            return answer
        assert_error(answer, 412)


async def test_changes_of_one_user_over_two_processes_form_one_line(
    replicas: tuple[ScimClient, ScimClient],
) -> None:
    identifier = await replicas[0].create_user("line@corp.example")
    path = f"/Users/{identifier}"
    seen: dict[int, set[str]] = {1: set()}

    def note(answer: Answer, mark: str) -> int:
        version = version_of(answer)
        seen[version] = {phone["value"] for phone in answer.body["phoneNumbers"]}
        assert mark in seen[version]
        return version

    async def patch(scim: ScimClient, mark: str) -> int:
        phone = {"value": mark, "type": "other"}
        answer = await scim.patch(path, {"op": "add", "path": "phoneNumbers", "value": [phone]})
        assert answer.status == 200
        return note(answer, mark)

    async def put(scim: ScimClient, mark: str) -> int:
        def changed(body: Any) -> Mapping[str, object]:
            phones = [*body.get("phoneNumbers", []), {"value": mark, "type": "other"}]
            return {"userName": body["userName"], "phoneNumbers": phones}

        return note(await put_when_unchanged(scim, path, changed), mark)

    await in_one_line(replicas, PHONES, patch, put)
    for version in range(2, len(PHONES) + 2):
        assert seen[version] > seen[version - 1]
        assert len(seen[version]) == version - 1
    for scim in replicas:
        last = await scim.get(path)
        assert version_of(last) == len(PHONES) + 1
        assert {phone["value"] for phone in last.body["phoneNumbers"]} == set(PHONES)


async def test_changes_of_one_group_over_two_processes_form_one_line(
    replicas: tuple[ScimClient, ScimClient], customer: Customer, admin: Connection
) -> None:
    people = await many(admin, customer, CLIENTS * ROUNDS)
    identifier = await replicas[0].create_group("Line")
    path = f"/Groups/{identifier}"

    async def patch(scim: ScimClient, mark: str) -> int:
        answer = await scim.patch(path, {"op": "add", "path": "members", "value": [{"value": mark}]})
        assert answer.status == 204
        return version_of(answer)

    async def put(scim: ScimClient, mark: str) -> int:
        def changed(body: Any) -> Mapping[str, object]:
            return {"displayName": "Line", "members": [*body["members"], {"value": mark}]}

        answer = await put_when_unchanged(scim, path, changed)
        listed = [member["value"] for member in answer.body["members"]]
        assert mark in listed
        assert len(listed) == version_of(answer) - 1  # what this very write left, not a later one
        return version_of(answer)

    await in_one_line(replicas, people, patch, put)
    for scim in replicas:
        assert await scim.members(identifier) == people
        assert version_of(await scim.get(path)) == len(people) + 1


async def test_names_and_members_of_a_group_change_in_the_same_line(
    replicas: tuple[ScimClient, ScimClient], customer: Customer, admin: Connection
) -> None:
    people = await many(admin, customer, CLIENTS)
    identifier = await replicas[0].create_group("Names")
    path, extension = f"/Groups/{identifier}", "urn:corp:2.0:Group"

    async def change(client: int) -> int:
        rename = {"op": "replace", "path": "displayName", "value": f"Names {client}"}
        note = {"op": "add", "path": f"{extension}:note{client}", "value": client}
        add = {"op": "add", "path": "members", "value": [{"value": people[client]}]}
        answer = await replicas[client % 2].patch(path, *([add] if client % 3 else [rename, note, add]))
        assert answer.status == 204
        return version_of(answer)

    versions = await asyncio.gather(*map(change, range(CLIENTS)))
    assert sorted(versions) == list(range(2, CLIENTS + 2))
    assert await replicas[1].members(identifier) == people
    notes = {f"note{client}": client for client in range(CLIENTS) if client % 3 == 0}
    assert (await replicas[0].get(path)).body[extension] == notes


async def test_a_version_that_has_passed_is_412_and_changes_nothing(
    replicas: tuple[ScimClient, ScimClient],
) -> None:
    one, other = replicas
    for path, body in (
        (f"/Users/{await one.create_user('old@corp.example')}", {"userName": "new@corp.example"}),
        (f"/Groups/{await one.create_group('Old')}", {"displayName": "New"}),
    ):
        [(name, value)] = body.items()
        edit = {"op": "replace", "path": name, "value": value}
        assert (await one.patch(path, edit, headers={"If-Match": 'W/"1"'})).status < 300
        current = await other.get(path)
        assert (version_of(current), current.body[name]) == (2, value)
        for condition in ('W/"1"', 'W/"3"', '"strange"', 'W/"x", W/"1"'):
            old = {"If-Match": condition}
            for answer in (
                await other.patch(path, {**edit, "value": f"other {value}"}, headers=old),
                await other.put(path, {name: f"other {value}"}, headers=old),
                await other.delete(path, headers=old),
            ):
                assert_error(answer, 412)
                assert "If-Match" in answer.body["detail"]
        assert (await one.get(path)).raw == current.raw
        for condition in ('W/"1", W/"2"', '"2"', "*"):
            assert (await other.put(path, body, headers={"If-Match": condition})).status == 200
        assert (await other.delete(path, headers={"If-Match": 'W/"2"'})).status == 204


async def test_who_has_the_version_is_spared_the_body(replicas: tuple[ScimClient, ScimClient]) -> None:
    one, other = replicas
    for path in (
        f"/Users/{await one.create_user('same@corp.example')}",
        f"/Groups/{await one.create_group('Same')}",
    ):
        for condition in ('W/"1"', '"1"', 'W/"7", W/"1"', "*"):
            same = await other.get(path, headers={"If-None-Match": condition})
            assert (same.status, same.raw, same.headers["ETag"]) == (304, b"", 'W/"1"')
        for condition in ('W/"2"', '"strange"', ""):
            shown = await other.get(path, headers={"If-None-Match": condition})
            assert (shown.status, version_of(shown)) == (200, 1)


async def test_both_conditions_hold_for_reads_and_writes(replicas: tuple[ScimClient, ScimClient]) -> None:
    one, other = replicas
    for path, body in (
        (f"/Users/{await one.create_user('both@corp.example')}", {"userName": "new@corp.example"}),
        (f"/Groups/{await one.create_group('Both')}", {"displayName": "New"}),
    ):
        before = await one.get(path)
        assert_error(await other.get(path, headers={"If-Match": 'W/"2"'}), 412)
        assert (await other.get(path, headers={"If-Match": 'W/"1"', "If-None-Match": 'W/"1"'})).status == 304
        [(name, value)] = body.items()
        for condition in ('W/"1"', "*"):
            there = {"If-None-Match": condition}
            for answer in (
                await other.put(path, body, headers=there),
                await other.patch(path, {"op": "add", "path": name, "value": value}, headers=there),
                await other.delete(path, headers=there),
            ):
                assert_error(answer, 412)
                assert "If-None-Match" in answer.body["detail"]
        assert (await one.get(path)).raw == before.raw
        assert (await other.put(path, body, headers={"If-None-Match": 'W/"7"'})).status == 200


async def test_a_request_that_changes_nothing_makes_no_version(
    replicas: tuple[ScimClient, ScimClient],
) -> None:
    one, other = replicas
    person = await one.create_user("still@corp.example", title="Dr")
    group = await one.create_group("Still", [person])
    add = {"op": "add", "path": "members", "value": [{"value": person}]}
    assert version_of(await other.patch(f"/Groups/{group}", add)) == 1
    same = {"displayName": "Still", "members": [{"value": person}]}
    assert version_of(await other.put(f"/Groups/{group}", same)) == 1
    title = {"op": "replace", "path": "title", "value": "Dr"}
    assert version_of(await other.patch(f"/Users/{person}", title)) == 1
    whole = {"userName": "still@corp.example", "title": "Dr"}
    assert version_of(await other.put(f"/Users/{person}", whole)) == 1
