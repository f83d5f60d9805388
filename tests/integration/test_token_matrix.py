"""Proof 4: fifteen connections, fifteen tokens, every route; only the diagonal works, all else is alike."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import aiohttp
import pytest

from tests.integration.ingest.scim_client import ENTERPRISE, Answer, ScimClient, assert_error
from tests.integration.ingest.serving import serving
from tests.stack import Database
from tests.tenants import Customer, make_customer, make_desk
from vestibule.domain.tokens import mint

CONNECTIONS = 15
TENANTS = 5  # so that several connections share a tenant and all share a desk
AT_ONCE = 16

STATE = """
select (select count(*) from ingest.person), (select count(*) from ingest."group"),
       (select count(*) from ingest.group_member), (select count(*) from ingest.refusal),
       (select sum(version) from ingest.person), (select sum(version) from ingest."group"),
       (select sum(version) from chain.sync), (select count(*) from chain.timeline)
"""

MISSING = "00000000-0000-7000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Route:
    """A request; `{user}` and `{group}` stand for ids of the connection that is asked."""

    method: str
    path: str
    body: Mapping[str, object] | None = None
    own: int = 200  # how the connection's own token is answered

    async def send(self, scim: ScimClient, ids: "Ids") -> Answer:
        """Ask a connection for its own resources."""
        path = self.path.replace("{user}", ids.user).replace("{group}", ids.group)
        return await scim.send(self.method, path, self.body)


@dataclass(frozen=True, slots=True)
class Ids:
    """Resources of one connection."""

    user: str
    group: str


def patch(**operation: object) -> Mapping[str, object]:
    """The body of a PATCH."""
    return {"Operations": [operation]}


READS = (
    Route("GET", "/Users"),
    Route("GET", '/Users?filter=userName eq "shared@corp.example"'),
    Route("GET", '/Users?filter=id eq "{user}"'),
    Route("GET", "/Users/{user}"),
    Route("HEAD", "/Users/{user}"),
    Route("GET", "/Groups"),
    Route("GET", '/Groups?filter=id eq "{group}" and members eq "{user}"'),
    Route("GET", "/Groups/{group}"),
    Route("GET", "/ServiceProviderConfig"),
    Route("GET", "/ResourceTypes"),
    Route("GET", "/ResourceTypes/User"),
    Route("GET", "/Schemas"),
    Route("GET", f"/Schemas/{ENTERPRISE}"),
)
WRITES = (
    Route("POST", "/Users", {"userName": "new@corp.example"}, 201),
    Route("PUT", "/Users/{user}", {"userName": "shared@corp.example", "title": "put"}),
    Route("PATCH", "/Users/{user}", patch(op="replace", path="title", value="patched")),
    Route("POST", "/Groups", {"displayName": "New"}, 201),
    Route("PUT", "/Groups/{group}", {"displayName": "Put"}),
    Route("PATCH", "/Groups/{group}", patch(op="replace", path="displayName", value="Patched"), 204),
    Route("DELETE", "/Groups/{group}", None, 204),
    Route("DELETE", "/Users/{user}", None, 204),
)


@dataclass(frozen=True, slots=True)
class Field:
    """The matrix: every connection's client with its own token and its own resources."""

    database: Database
    clients: list[ScimClient]
    ids: list[Ids]

    async def state(self) -> tuple[object, ...]:
        """Everything that a write would change."""
        async with self.database.administrator() as connection:
            return tuple(await connection.fetchrow(STATE) or ())


@pytest.fixture
async def field(database: Database) -> AsyncIterator[Field]:
    """Fifteen connections of five tenants at one desk, each with a user and a group of the same names."""
    customers = await fifteen(database)
    async with (
        serving(database.url("vestibule_ingest")) as ingest,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        clients = [ScimClient(session, ingest.base(customer.path), customer.token) for customer in customers]
        ids = []
        for scim in clients:
            user = await scim.create_user("shared@corp.example", externalId="e1")
            ids.append(Ids(user, await scim.create_group("IT", [user])))
        yield Field(database, clients, ids)


async def test_only_the_diagonal_works_and_all_else_is_alike(field: Field) -> None:
    before = await field.state()
    crossed = await everywhere(
        [
            (field.clients[at].with_token(field.clients[other].token), field.ids[at], route)
            for route in (*READS, *WRITES)
            for at in range(CONNECTIONS)
            for other in range(CONNECTIONS)
            if at != other
        ]
    )
    assert len(crossed) == (len(READS) + len(WRITES)) * CONNECTIONS * (CONNECTIONS - 1)
    assert {answer.status for answer in crossed} == {401}
    assert len({answer.raw for answer in crossed}) == 2  # HEAD has none
    assert len({_shape(answer) for answer in crossed if answer.raw}) == 1
    assert await field.state() == before
    for route in (*READS, *WRITES):
        own = await everywhere(
            [(scim, ids, route) for scim, ids in zip(field.clients, field.ids, strict=True)]
        )
        assert {answer.status for answer in own} == {route.own}, route


async def test_another_connections_ids_are_as_missing_as_ids_of_nobody(field: Field) -> None:
    before = await field.state()
    by_id = [route for route in (*READS, *WRITES) if "/{user}" in route.path or "/{group}" in route.path]
    nobody = Ids("01a20000-0000-7000-8000-000000000000", "01a20000-0000-7000-8000-000000000000")
    for route in by_id:
        foreign = await everywhere(
            [
                (field.clients[at], field.ids[other], route)
                for at in range(CONNECTIONS)
                for other in range(CONNECTIONS)
                if at != other
            ]
        )
        missing = await route.send(field.clients[0], nobody)
        assert missing.status == 404
        assert {(answer.status, answer.raw, _shape(answer)) for answer in foreign} == {
            (404, missing.raw, _shape(missing))
        }
    assert await field.state() == before


async def test_searches_and_members_never_reach_over(field: Field) -> None:
    for at, scim in enumerate(field.clients):
        other = field.ids[(at + 1) % CONNECTIONS]
        assert await scim.found(f'/Users?filter=id eq "{other.user}"') == []
        assert await scim.found(f'/Groups?filter=id eq "{other.group}"') == []
        assert await scim.found(f'/Groups?filter=members eq "{other.user}"') == []
        assert await scim.found('/Users?filter=userName eq "shared@corp.example"') == [field.ids[at].user]
        assert await scim.found("/Users") == [field.ids[at].user]
        assert await scim.found("/Groups") == [field.ids[at].group]
        for stranger in (other.user, MISSING):  # another's is as unknown as nobody's
            add = {"op": "add", "path": "members", "value": [{"value": stranger}]}
            parked = await scim.patch(f"/Groups/{field.ids[at].group}", add)
            assert parked.headers["Vestibule-Unknown-Members"] == f'1;values="{stranger}"'
        inside = {"op": "add", "path": "members", "value": [{"value": other.group, "type": "Group"}]}
        assert_error(await scim.patch(f"/Groups/{field.ids[at].group}", inside), 400, "invalidValue")
        assert await scim.members(field.ids[at].group) == [field.ids[at].user]


async def fifteen(database: Database) -> list[Customer]:
    """The connections, spread over the tenants."""
    async with database.administrator() as connection:
        desk = await make_desk(connection)
        customers = [
            await make_customer(connection, desk, token=mint(os.urandom(32))) for _ in range(CONNECTIONS)
        ]
        for number, customer in enumerate(customers[TENANTS:]):
            home = customers[number % TENANTS].tenant
            await connection.execute(
                "delete from console.token where connection_id = $1", customer.connection
            )
            await connection.execute(
                "delete from console.mapping_version where connection_id = $1", customer.connection
            )
            await connection.execute(
                "update console.connection set tenant_id = $2, name = $3 where id = $1",
                customer.connection,
                home,
                f"connection {number}",
            )
            await connection.execute(
                "insert into console.token (hash, tenant_id, connection_id, hint) "
                "values (sha256($1::bytea), $2, $3, 'test')",
                customer.token.encode(),
                home,
                customer.connection,
            )
    return customers


async def everywhere(requests: list[tuple[ScimClient, Ids, Route]]) -> list[Answer]:
    """Send all, a few at a time."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def send(scim: ScimClient, ids: Ids, route: Route) -> Answer:
        async with turns:
            return await route.send(scim, ids)

    return list(await asyncio.gather(*(send(*request) for request in requests)))


def _shape(answer: Answer) -> tuple[tuple[str, str], ...]:
    """The headers without the clock."""
    return tuple(sorted((name, value) for name, value in answer.headers.items() if name.lower() != "date"))
