"""Any request may be repeated after its answer was lost: nobody and no group is ever there twice."""

import asyncio
from dataclasses import dataclass, field

import pytest

from tests.integration.ingest.lost_answers import sent
from tests.integration.ingest.scim_client import Answer, ScimClient
from tests.tenants import Customer
from tests.waiting import until
from vestibule.database.pool import Connection

BOUND_SECONDS = 30.0
COPIES = 16
STATE = """
select 'person' as kind, p.user_name_ci as name, p.version, p.removed_at is not null as removed
  from ingest.person p where p.tenant_id = $1
union all
select 'group', g.display_name_ci, g.version, g.removed_at is not null
  from ingest."group" g where g.tenant_id = $1
union all
select 'member', p.user_name_ci, 0, false
  from ingest.group_member m join ingest.person p on p.tenant_id = m.tenant_id and p.id = m.person_id
 where m.tenant_id = $1 and m.removed_at is null
 order by kind, name
"""


@dataclass(frozen=True, slots=True)
class Repeated:
    """A request, what the repetition is answered with, and what is there in the end.

    `{ana}` and `{team}` are a user and a group that are there before. The state has kind, name, version and
    whether it is removed.
    """

    method: str
    path: str
    body: object
    first: int
    again: int
    state: set[tuple[str, str, int, bool]] = field(default_factory=set)


ANA = ("person", "ana@corp.example", 1, False)
TEAM = ("group", "team", 1, False)
ADD = {"Operations": [{"op": "add", "path": "members", "value": [{"value": "{ana}"}]}]}
REMOVE = {"Operations": [{"op": "remove", "path": "active"}, {"op": "add", "path": "title", "value": "Dr"}]}

CASES = {
    "POST of a user": Repeated(
        "POST", "/Users", {"userName": "bo@corp.example"}, 201, 409,
        {ANA, TEAM, ("person", "bo@corp.example", 1, False)},
    ),
    "POST of a user with a key": Repeated(
        "POST", "/Users", {"userName": "bo@corp.example", "externalId": "b"}, 201, 409,
        {ANA, TEAM, ("person", "bo@corp.example", 1, False)},
    ),
    "POST of a group": Repeated(
        "POST", "/Groups", {"displayName": "New", "members": [{"value": "{ana}"}]}, 201, 409,
        {ANA, TEAM, ("group", "new", 1, False), ("member", "ana@corp.example", 0, False)},
    ),
    "PUT of a user": Repeated(
        "PUT", "/Users/{ana}", {"userName": "anna@corp.example"}, 200, 200,
        {TEAM, ("person", "anna@corp.example", 2, False)},
    ),
    "PUT of a group": Repeated(
        "PUT", "/Groups/{team}", {"displayName": "Crew", "members": [{"value": "{ana}"}]}, 200, 200,
        {ANA, ("group", "crew", 2, False), ("member", "ana@corp.example", 0, False)},
    ),
    "PATCH of a user": Repeated(
        "PATCH", "/Users/{ana}", REMOVE, 200, 200, {TEAM, ("person", "ana@corp.example", 2, False)}
    ),
    "PATCH that adds a member": Repeated(
        "PATCH", "/Groups/{team}", ADD, 204, 204,
        {ANA, ("group", "team", 2, False), ("member", "ana@corp.example", 0, False)},
    ),
    "DELETE of a user": Repeated(
        "DELETE", "/Users/{ana}", None, 204, 404, {TEAM, ("person", "ana@corp.example", 2, True)}
    ),
    "DELETE of a group": Repeated(
        "DELETE", "/Groups/{team}", None, 204, 404, {ANA, ("group", "team", 2, True)}
    ),
    "Bulk": Repeated(
        "POST", "/Bulk",
        {"Operations": [
            {"method": "POST", "path": "/Groups", "bulkId": "g",
             "data": {"displayName": "New", "members": [{"value": "bulkId:b"}, {"value": "{ana}"}]}},
            {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"userName": "bo@corp.example"}},
        ]},
        200, 200,
        {ANA, TEAM, ("person", "bo@corp.example", 1, False), ("group", "new", 1, False),
         ("member", "bo@corp.example", 0, False), ("member", "ana@corp.example", 0, False)},
    ),
}  # fmt: skip


def filled(value: object, ids: dict[str, str]) -> object:
    """A path or body with the ids in their places."""
    match value:
        case str():
            for name, identifier in ids.items():
                value = value.replace(f"{{{name}}}", identifier)
            return value
        case dict():
            return {key: filled(inner, ids) for key, inner in value.items()}
        case list():
            return [filled(inner, ids) for inner in value]
        case _:
            return value


async def arranged(scim: ScimClient, case: Repeated) -> tuple[str, object]:
    """Path and body for the user and the group that are there before."""
    ids = {"ana": await scim.create_user("ana@corp.example"), "team": await scim.create_group("Team")}
    return str(filled(case.path, ids)), filled(case.body, ids)


async def state(admin: Connection, customer: Customer) -> list[tuple[str, str, int, bool]]:
    return [tuple(row) for row in await admin.fetch(STATE, customer.tenant)]


def by_status(answers: list[Answer]) -> dict[int, int]:
    counted: dict[int, int] = {}
    for answer in answers:
        counted[answer.status] = counted.get(answer.status, 0) + 1
    return counted


@pytest.mark.parametrize("name", CASES)
async def test_a_request_repeated_after_a_lost_answer_makes_nothing_twice(
    replicas: tuple[ScimClient, ScimClient], customer: Customer, admin: Connection, name: str
) -> None:
    case = CASES[name]
    one, other = replicas
    path, body = await arranged(one, case)

    async def is_done() -> bool:
        return set(await state(admin, customer)) == case.state

    async with sent(one, case.method, path, body):
        await until(is_done, BOUND_SECONDS, "what the request is to do")
    for scim in (other, one):
        answer = await scim.send(case.method, path, body)
        assert answer.status == case.again, answer
        assert sorted(await state(admin, customer)) == sorted(case.state)
        if name == "Bulk":
            assert [result["status"] for result in answer.body["Operations"]] == ["409", "409"]


@pytest.mark.parametrize("name", CASES)
async def test_of_one_request_that_comes_many_times_at_once_one_is_carried_out(
    replicas: tuple[ScimClient, ScimClient], customer: Customer, admin: Connection, name: str
) -> None:
    case = CASES[name]
    path, body = await arranged(replicas[0], case)
    answers = await asyncio.gather(
        *(replicas[copy % 2].send(case.method, path, body) for copy in range(COPIES))
    )
    counted = by_status(list(answers))
    if case.first == case.again:
        assert counted == {case.first: COPIES}
    else:
        assert counted == {case.first: 1, case.again: COPIES - 1}
    assert sorted(await state(admin, customer)) == sorted(case.state)
