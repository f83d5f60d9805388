"""Members that nobody is yet: parked under what the identity provider said, attached when they arrive."""

import asyncio
from uuid import uuid4

import pytest

from tests.integration.ingest.conftest import NewClient, NewCustomer
from tests.integration.ingest.scim_client import Answer, ScimClient, assert_error
from tests.tenants import Customer
from vestibule.database.pool import Connection

HEADER = "Vestibule-Unknown-Members"


def named(*values: str) -> list[dict[str, str]]:
    """Members as a body has them."""
    return [{"value": value} for value in values]


def adding(*values: str) -> dict[str, object]:
    """The operation that adds members."""
    return {"op": "add", "path": "members", "value": named(*values)}


def told(answer: Answer) -> str | None:
    """What an answer says about unknown members."""
    assert answer.status < 300, answer
    return answer.headers.get(HEADER)


async def parked(admin: Connection, group: str) -> list[str]:
    """What is parked for a group."""
    rows = await admin.fetch(
        "select value from ingest.parked_member where group_id = $1 order by value", group
    )
    return [row["value"] for row in rows]


async def test_whom_nobody_is_yet_is_attached_when_he_arrives_and_every_answer_says_so(
    scim: ScimClient, admin: Connection
) -> None:
    known = await scim.create_user("known@corp.example")
    made = await scim.post("/Groups", {"displayName": "IT", "members": named(known, "00u 1", "00u2")})
    assert told(made) == '2;values="00u%201 00u2"'
    assert [member["value"] for member in made.body["members"]] == [known]
    path = f"/Groups/{made.id}"
    again = await scim.patch(path, adding("00u2", "Ü"))
    assert told(again) == '2;values="00u2 %C3%9C"'
    assert again.headers["ETag"] == made.headers["ETag"]  # nobody came in
    assert await parked(admin, made.id) == ["00u 1", "00u2", "Ü"]
    person = await scim.create_user("late@corp.example", externalId="00u2")
    assert await scim.members(made.id) == sorted([known, person])
    assert [one["value"] for one in (await scim.user(person))["groups"]] == [made.id]
    assert await parked(admin, made.id) == ["00u 1", "Ü"]
    assert (await scim.get(path)).headers["ETag"] != made.headers["ETag"]
    put = await scim.put(path, {"displayName": "IT", "members": named(known, "Ü")})
    assert told(put) == '1;values="%C3%9C"'
    assert await parked(admin, made.id) == ["Ü"]
    assert await events(admin, made.id) == [
        "create",
        "members_parked",
        "members_parked",
        "member_attached",
        "members",
    ]


async def test_who_is_there_may_be_named_by_his_external_id(scim: ScimClient, admin: Connection) -> None:
    person = await scim.create_user("named@corp.example", externalId="E-1")
    group = await scim.create_group("By name")
    assert told(await scim.patch(f"/Groups/{group}", adding("E-1"))) is None
    assert await scim.members(group) == [person]
    assert told(await scim.patch(f"/Groups/{group}", adding("e-1"))) == '1;values="e-1"'  # caseExact
    for removal in (
        {"op": "remove", "path": 'members[value eq "E-1"]'},
        {"op": "remove", "path": "members", "value": named("E-1", "e-1")},
    ):
        await scim.patch(f"/Groups/{group}", removal)
        assert await scim.members(group) == []
        await scim.patch(f"/Groups/{group}", adding(person))
    assert await parked(admin, group) == []


async def test_an_external_id_that_looks_like_an_id_works_as_well(scim: ScimClient) -> None:
    key = str(uuid4())  # as Entra's objectId
    group = await scim.create_group("Object ids")
    assert told(await scim.patch(f"/Groups/{group}", adding(key))) == f'1;values="{key}"'
    person = await scim.create_user("object@corp.example", externalId=key)
    assert await scim.members(group) == [person]
    await scim.patch(f"/Groups/{group}", {"op": "remove", "path": "members", "value": named(key)})
    assert await scim.members(group) == []


async def test_a_name_or_an_address_is_never_taken_for_a_person(scim: ScimClient, admin: Connection) -> None:
    person = await scim.create_user(
        "ana@corp.example", displayName="Ana", emails=[{"value": "ana@corp.example", "type": "work"}]
    )
    group = await scim.create_group("Names")
    shown = {"value": str(uuid4()), "display": "ana@corp.example"}
    add = {"op": "add", "path": "members", "value": [shown, {"value": "ana@corp.example"}]}
    assert (told(await scim.patch(f"/Groups/{group}", add)) or "").startswith("2;")
    assert "groups" not in await scim.user(person)
    assert len(await parked(admin, group)) == 2


async def test_who_returns_under_his_id_is_in_the_groups_that_named_him_meanwhile(
    scim: ScimClient,
) -> None:
    person = await scim.create_user("back@corp.example", externalId="back-1")
    before, meanwhile = await scim.create_group("Before", [person]), await scim.create_group("Meanwhile")
    await scim.delete(f"/Users/{person}")
    assert told(await scim.patch(f"/Groups/{meanwhile}", adding(person))) == f'1;values="{person}"'
    assert await scim.create_user("back@corp.example", externalId="back-1") == person
    assert await scim.members(meanwhile) == [person]
    assert await scim.members(before) == []


async def test_who_gets_the_external_id_later_is_attached_then(scim: ScimClient, admin: Connection) -> None:
    group = await scim.create_group("Later")
    await scim.patch(f"/Groups/{group}", adding("L-1", "L-2"))
    person = await scim.create_user("later@corp.example")
    await scim.patch(f"/Users/{person}", {"op": "add", "path": "externalId", "value": "L-1"})
    assert await scim.members(group) == [person]
    before = await admin.fetchval("select version from chain.sync where id = $1", person)
    await scim.put(f"/Users/{person}", {"userName": "later@corp.example", "externalId": "L-2"})
    assert await parked(admin, group) == []
    assert await admin.fetchval("select version from chain.sync where id = $1", person) == before + 1


async def test_what_a_group_does_not_name_any_more_is_not_parked(scim: ScimClient, admin: Connection) -> None:
    values = ["p1", "p2", str(uuid4()), str(uuid4())]
    group = await scim.create_group("Clear")
    path = f"/Groups/{group}"
    await scim.patch(path, adding(*values))
    await scim.patch(path, {"op": "remove", "path": f'members[value eq "{values[0]}"]'})
    await scim.patch(path, {"op": "remove", "path": "members", "value": named(values[2])})
    assert await parked(admin, group) == sorted([values[1], values[3]])
    await scim.patch(path, {"op": "replace", "path": "members", "value": named(values[1])})
    assert await parked(admin, group) == [values[1]]
    await scim.patch(path, {"op": "remove", "path": "members"})
    assert await parked(admin, group) == []
    await scim.patch(path, adding("p9"))
    assert (await scim.delete(path)).status == 204
    assert await parked(admin, group) == []
    assert "groups" not in await scim.user(await scim.create_user("p9@corp.example", externalId="p9"))


async def test_so_many_are_parked_and_no_more(
    scim: ScimClient, customer: Customer, admin: Connection
) -> None:
    group = await scim.create_group("Full")
    path = f"/Groups/{group}"
    header = told(await scim.patch(path, adding(*(f"n{n}" for n in range(1_000))))) or ""
    assert header.startswith('1000;values="n0 n1 ')
    assert len(header) < 2_100  # as many as fit
    person = await scim.create_user("full@corp.example")
    assert_error(await scim.patch(path, adding("n1000", person)), 400, "invalidValue")
    assert await scim.members(group) == []
    assert told(await scim.patch(path, adding("n1", person))) == '1;values="n1"'
    too_many = {"displayName": "More", "members": named(*(f"n{n}" for n in range(1_001)))}
    assert_error(await scim.post("/Groups", too_many), 400, "invalidValue")
    other = await scim.create_group("Other")
    await admin.execute(
        "insert into ingest.parked_member (tenant_id, connection_id, group_id, value) "
        "select $1, $2, $3, 'x' || n from generate_series(1, 9000) n",
        customer.tenant,
        customer.connection,
        other,
    )
    assert_error(
        await scim.post("/Groups", {"displayName": "New", "members": named("q")}), 400, "invalidValue"
    )


async def test_a_group_that_is_not_there_is_refused_for_it_never_arrives(
    scim: ScimClient, admin: Connection
) -> None:
    group = await scim.create_group("No group")
    listed = [{"value": "g-1", "type": "Group"}, {"value": "u-1", "type": "User"}]
    add = {"op": "add", "path": "members", "value": listed}
    assert_error(await scim.patch(f"/Groups/{group}", add), 400, "invalidValue")
    assert_error(await scim.post("/Groups", {"displayName": "N", "members": listed}), 400, "invalidValue")
    assert await parked(admin, group) == []


async def test_another_tenants_person_looks_like_nobody_and_never_arrives(
    scim: ScimClient, new_customer: NewCustomer, client_of: NewClient
) -> None:
    other = client_of(await new_customer())
    group = await scim.create_group("Ours")
    foreign = await other.create_user("foreign@corp.example", externalId="F-1")
    assert told(await scim.patch(f"/Groups/{group}", adding(foreign, "F-1", "F-2"))) is not None
    await other.create_user("second@corp.example", externalId="F-2")
    await other.delete(f"/Users/{foreign}")
    assert await other.create_user("foreign@corp.example", externalId="F-1") == foreign
    assert await scim.members(group) == []


@pytest.mark.parametrize("number", range(4))
async def test_who_arrives_in_the_very_moment_is_a_member(
    replicas: tuple[ScimClient, ScimClient], admin: Connection, number: int
) -> None:
    one, other = replicas
    group = await one.create_group(f"Moment {number}")
    keys = [f"m{number}-{n}" for n in range(12)]
    creates = [other.create_user(f"{key}@corp.example", externalId=key) for key in keys]
    patches = [one.patch(f"/Groups/{group}", adding(key)) for key in keys]
    done = await asyncio.gather(*creates, *patches)
    assert await one.members(group) == sorted(person for person in done if isinstance(person, str))
    assert await parked(admin, group) == []


async def events(admin: Connection, subject: str) -> list[str]:
    """What the timeline says of a group."""
    rows = await admin.fetch("select code from chain.timeline where subject_id = $1 order by id", subject)
    return [row["code"] for row in rows]
