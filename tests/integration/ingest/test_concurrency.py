"""Many at once: no update is lost, no one is there twice, nobody waits for ever."""

import asyncio

from tests.integration.ingest.conftest import NewClient, NewCustomer
from tests.integration.ingest.scim_client import ScimClient
from tests.tenants import Customer
from vestibule.database.pool import Connection

CLIENTS = 16


async def test_no_patch_of_sixteen_is_lost(scim: ScimClient) -> None:
    identifier = await scim.create_user("busy@corp.example")
    answers = await asyncio.gather(
        *(
            scim.patch(
                f"/Users/{identifier}",
                {"op": "add", "path": "phoneNumbers", "value": [{"value": f"+{number}", "type": "other"}]},
            )
            for number in range(CLIENTS)
        )
    )
    assert {answer.status for answer in answers} == {200}
    user = await scim.user(identifier)
    assert sorted(phone["value"] for phone in user["phoneNumbers"]) == sorted(f"+{n}" for n in range(CLIENTS))
    assert user["meta"]["version"] == f'W/"{CLIENTS + 1}"'


async def test_of_writers_who_name_the_same_version_one_wins(scim: ScimClient) -> None:
    identifier = await scim.create_user("guarded@corp.example")
    answers = await asyncio.gather(
        *(
            scim.put(
                f"/Users/{identifier}",
                {"userName": "guarded@corp.example", "title": f"t{number}"},
                headers={"If-Match": 'W/"1"'},
            )
            for number in range(CLIENTS)
        )
    )
    assert sorted(answer.status for answer in answers) == [200] + [412] * (CLIENTS - 1)


async def test_of_twins_posted_at_once_one_is_created(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    answers = await asyncio.gather(
        *(
            scim.post("/Users", {"userName": name, "externalId": "twin"})
            for name in ["twin@corp.example", "TWIN@corp.example"] * (CLIENTS // 2)
        )
    )
    assert sorted(answer.status for answer in answers) == [201] + [409] * (CLIENTS - 1)
    assert (
        await admin.fetchval("select count(*) from ingest.person where tenant_id = $1", customer.tenant) == 1
    )


async def test_a_removed_person_returns_once(scim: ScimClient) -> None:
    identifier = await scim.create_user("again@corp.example")
    await scim.delete(f"/Users/{identifier}")
    answers = await asyncio.gather(
        *(scim.post("/Users", {"userName": "again@corp.example"}) for _ in range(CLIENTS))
    )
    assert sorted(answer.status for answer in answers) == [201] + [409] * (CLIENTS - 1)
    assert [answer.id for answer in answers if answer.status == 201] == [identifier]


async def test_members_come_and_go_in_crossing_requests(scim: ScimClient) -> None:
    people = [await scim.create_user(f"crossing{number}@corp.example") for number in range(CLIENTS)]
    groups = [await scim.create_group(f"Crossing {number}") for number in range(2)]
    half = CLIENTS // 2

    async def move(member: str, source: str, target: str) -> None:
        add = {"op": "add", "path": "members", "value": [{"value": member}]}
        remove = {"op": "remove", "path": f'members[value eq "{member}"]'}
        for group, operation in ((source, add), (target, add), (source, remove)):
            assert (await scim.patch(f"/Groups/{group}", operation)).status == 204

    await asyncio.gather(
        *(move(member, groups[0], groups[1]) for member in people[:half]),
        *(move(member, groups[1], groups[0]) for member in people[half:]),
    )
    assert await scim.members(groups[1]) == sorted(people[:half])
    assert await scim.members(groups[0]) == sorted(people[half:])


async def test_nobody_removed_meanwhile_stays_a_member(scim: ScimClient) -> None:
    group = await scim.create_group("Leavers")
    people = [await scim.create_user(f"leaver{number}@corp.example") for number in range(CLIENTS)]

    async def join(member: str) -> None:
        add = {"op": "add", "path": "members", "value": [{"value": member}]}
        assert (await scim.patch(f"/Groups/{group}", add)).status in (204, 400)

    async def leave(member: str) -> None:
        assert (await scim.delete(f"/Users/{member}")).status == 204

    await asyncio.gather(*(work(member) for member in people for work in (join, leave)))
    assert await scim.members(group) == []


async def test_customers_work_side_by_side(new_customer: NewCustomer, client_of: NewClient) -> None:
    clients = [client_of(await new_customer()) for _ in range(4)]

    async def work(scim: ScimClient) -> list[str]:
        return [await scim.create_user(f"same{number}@corp.example") for number in range(10)]

    made = await asyncio.gather(*(work(scim) for scim in clients))
    for scim, ids in zip(clients, made, strict=True):
        assert await scim.found("/Users") == ids
