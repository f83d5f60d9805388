"""Writes that wait share a commit, reads a statement, and each is answered as if it were alone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
from prometheus_client import CollectorRegistry

from tests.integration.ingest.conftest import NewCustomer
from tests.stack import Database
from tests.tenants import Customer
from vestibule.database.persons import (
    ChangedPerson,
    Created,
    NewPerson,
    Overtaken,
    Person,
    PersonChange,
    PersonKey,
    PersonQuery,
    PersonSought,
    PersonWrite,
    Replaced,
    Written,
    read_persons,
    write_persons,
)
from vestibule.database.pool import Connection, json_text, open_pool
from vestibule.database.verdicts import Refused, Verdict
from vestibule.domain.tokens import Credential, digest
from vestibule_ingest.counting import IngestMetrics
from vestibule_ingest.lanes import Lanes
from vestibule_ingest.sharing import COMMITS_AT_ONCE, Sharing

BOUND = 10.0
Answers = Sequence[Written | Refused | BaseException]


class Writes:
    """What Sharing writes with: waits at a gate, and remembers how many went together."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.gate = asyncio.Event()

    async def begun(self, count: int) -> None:
        """Until so many commits have begun."""
        async with asyncio.timeout(BOUND):
            while len(self.sizes) < count:  # noqa: ASYNC110  nobody tells
                await asyncio.sleep(0)

    async def __call__(
        self, lane: Connection, items: Sequence[PersonChange], patience: float
    ) -> Sequence[Written | Refused]:
        self.sizes.append(len(items))
        await self.gate.wait()
        return await write_persons(lane, items, patience)


class Desk:
    """Writes that stand in a queue until they are let go together."""

    def __init__(self, sharing: Sharing[PersonChange, Written], writes: Writes) -> None:
        self.sharing = sharing
        self.writes = writes

    async def together(self, first: Customer, items: Sequence[PersonChange]) -> "list[asyncio.Task[Written]]":
        """Begin the items while every commit is taken, so that they are the next one; let all go."""
        ahead = []
        for number in range(COMMITS_AT_ONCE):
            one = self.sharing.carry_out(person(first, f"ahead{number}@corp.example"))
            ahead.append(asyncio.create_task(one))
            await self.writes.begun(number + 1)
        tasks = [asyncio.create_task(self.sharing.carry_out(item)) for item in items]
        await asyncio.sleep(0)  # each has taken its place
        self.writes.gate.set()
        async with asyncio.timeout(BOUND):
            await asyncio.gather(*ahead)
        return tasks

    async def answers(self, first: Customer, items: Sequence[PersonChange]) -> Answers:
        """What became of each."""
        async with asyncio.timeout(BOUND):
            return await asyncio.gather(*await self.together(first, items), return_exceptions=True)


def person(
    customer: Customer, user_name: str, *, token: str | None = None, trace: str | None = None
) -> NewPerson:
    caller = Credential(customer.path, digest(token or customer.token))
    write = PersonWrite(
        json_text({"userName": user_name, "active": True}), None, None, user_name, None, None, True
    )
    return NewPerson(caller, uuid4(), write, trace)


def change(
    customer: Customer,
    who: Created,
    version: int,
    user_name: str,
    *,
    nick: str = "",
    token: str | None = None,
) -> ChangedPerson:
    caller = Credential(customer.path, digest(token or customer.token))
    document = {"userName": user_name, "active": True, "nickName": nick}
    write = PersonWrite(json_text(document), None, None, user_name, None, None, True)
    return ChangedPerson(caller, who.id, version, write, "patch", None)


def sought(
    customer: Customer, key: PersonKey, value: str, *, active: bool | None = None, token: str | None = None
) -> PersonSought:
    caller = Credential(customer.path, digest(token or customer.token))
    return PersonSought(caller, PersonQuery(key, value, active))


@pytest.fixture
async def lane(store: Database) -> AsyncIterator[Connection]:
    """A connection with the service's own role."""
    pool = await open_pool(store.url("vestibule_ingest"), 1, "lane", attempts=1)
    async with pool.acquire() as connection:
        yield connection
    await pool.close()


@pytest.fixture
async def desk(store: Database) -> AsyncIterator[Desk]:
    lanes = Lanes(partial(open_pool, store.url("vestibule_ingest"), 4, "sharing", attempts=1), 4)
    assert await lanes.open()
    writes, metrics = Writes(), IngestMetrics(CollectorRegistry())
    yield Desk(Sharing(lanes, writes, COMMITS_AT_ONCE, metrics.shared, metrics.parted), writes)
    await lanes.close()


async def owner_of(admin: Connection, made: Created) -> UUID:
    found: UUID = await admin.fetchval("select tenant_id from ingest.person where id = $1", made.id)
    return found


async def test_each_of_a_common_commit_has_its_own_tenant_and_its_own_answer(
    desk: Desk, new_customer: NewCustomer, admin: Connection
) -> None:
    acme, globex, gone = [await new_customer() for _ in range(3)]
    await admin.execute("update console.tenant set state = 'suspended' where id = $1", gone.tenant)
    answers = await desk.answers(
        acme,
        [
            person(acme, "ann@corp.example"),
            person(acme, "ann@corp.example"),
            person(globex, "ann@corp.example"),
            person(acme, "bob@corp.example", token=globex.token),
            person(gone, "cid@corp.example"),
            person(acme, "dan@corp.example"),
        ],
    )
    assert desk.writes.sizes == [1, 1, 6]
    verdicts = [one.verdict if isinstance(one, Refused) else None for one in answers]
    assert verdicts == [
        None,
        Verdict.USER_NAME_TAKEN,
        None,
        Verdict.UNAUTHORIZED,
        Verdict.SUSPENDED,
        None,
    ]
    made = [one for one in answers if isinstance(one, Created)]
    assert [await owner_of(admin, one) for one in made] == [acme.tenant, globex.tenant, acme.tenant]
    for customer, count in ((acme, COMMITS_AT_ONCE + 2), (globex, 1), (gone, 0)):
        for table in ("ingest.person", "chain.sync", "chain.timeline"):
            query = f"select count(*) from {table} where tenant_id = $1"  # noqa: S608  our own names
            assert await admin.fetchval(query, customer.tenant) == count, table


async def test_changes_and_creates_of_a_common_commit_each_meet_their_own_condition(
    desk: Desk, lane: Connection, new_customer: NewCustomer, admin: Connection
) -> None:
    acme, globex = await new_customer(), await new_customer()
    known = [
        person(owner, f"{name}@corp.example")
        for owner, name in ((acme, "ann"), (acme, "bob"), (globex, "cid"))
    ]
    ann, bob, cid = await write_persons(lane, known, 1.0)
    assert isinstance(ann, Created)
    assert isinstance(bob, Created)
    assert isinstance(cid, Created)
    answers = await desk.answers(
        acme,
        [
            change(acme, ann, 1, "ann@corp.example", nick="first"),
            change(acme, ann, 1, "ann@corp.example", nick="second"),
            change(acme, cid, 1, "cid@corp.example"),
            change(globex, cid, 1, "cid@corp.example", nick="own", token=acme.token),
            change(acme, bob, 1, "ann@corp.example"),
            change(globex, cid, 1, "cid@corp.example", nick="own"),
            person(acme, "dan@corp.example"),
        ],
    )
    assert desk.writes.sizes == [1, 1, 7]
    first, second, stranger, thief, taken, own, made = answers
    assert isinstance(first, Replaced)
    assert first.version == 2
    assert isinstance(second, Overtaken)
    assert (second.version, orjson.loads(second.document)["nickName"]) == (2, "first")
    refused = [one.verdict for one in (stranger, thief, taken) if isinstance(one, Refused)]
    assert refused == [Verdict.MISSING, Verdict.UNAUTHORIZED, Verdict.USER_NAME_TAKEN]
    assert isinstance(own, Replaced)
    assert isinstance(made, Created)
    stored = "select resource ->> 'nickName' as nick, version from ingest.person where id = $1"
    for one, nick, version in ((ann, "first", 2), (bob, None, 1), (cid, "own", 2)):
        assert tuple(await admin.fetchrow(stored, one.id) or ()) == (nick, version)


async def test_reads_of_one_statement_see_their_own_customer_only(
    new_customer: NewCustomer, lane: Connection
) -> None:
    acme, globex = await new_customer(), await new_customer()
    ann, other = await write_persons(
        lane, [person(acme, "ann@corp.example"), person(globex, "ann@corp.example")], 1.0
    )
    assert isinstance(ann, Created)
    assert isinstance(other, Created)
    by_id, by_name = (PersonKey.ID, str(ann.id)), (PersonKey.USER_NAME, "ann@corp.example")
    answers = await read_persons(
        lane,
        [
            sought(acme, *by_id),
            sought(globex, *by_id),
            sought(globex, *by_name),
            sought(acme, *by_name, token=globex.token),
            sought(acme, *by_name, active=False),
            sought(acme, *by_name),
        ],
        1.0,
    )
    found = [one.id if isinstance(one, Person) else one.verdict for one in answers]
    missing, unauthorized = Verdict.MISSING, Verdict.UNAUTHORIZED
    assert found == [ann.id, missing, other.id, unauthorized, missing, ann.id]


async def test_one_that_waits_for_a_lock_keeps_nobody_waiting(
    desk: Desk, store: Database, new_customer: NewCustomer
) -> None:
    acme, globex = await new_customer(), await new_customer()
    async with store.administrator() as other:
        held = other.transaction()
        await held.start()
        await other.execute(
            "insert into ingest.person (tenant_id, connection_id, id, user_name_ci, active, document) "
            "values ($1, $2, $3, 'held@corp.example', true, '{}')",
            acme.tenant,
            acme.connection,
            uuid4(),
        )
        waiting, free = await desk.together(
            acme, [person(acme, "held@corp.example"), person(globex, "free@corp.example")]
        )
        async with asyncio.timeout(BOUND):
            await free
            assert not waiting.done()
            later = desk.sharing.carry_out(person(globex, "later@corp.example"))
            assert isinstance(await later, Created)
            assert not waiting.done()
            await held.rollback()
            assert isinstance(await waiting, Created)


async def test_one_that_cannot_be_stored_fails_alone(desk: Desk, new_customer: NewCustomer) -> None:
    acme, globex = await new_customer(), await new_customer()
    answers = await desk.answers(
        acme, [person(acme, "long@corp.example", trace="t" * 65), person(globex, "fit@corp.example")]
    )
    assert isinstance(answers[0], asyncpg.CheckViolationError)
    assert isinstance(answers[1], Created)


async def test_a_lost_connection_is_told_to_all_and_nothing_is_tried_again(
    desk: Desk, new_customer: NewCustomer, admin: Connection
) -> None:
    """Whether a commit whose answer was lost was done nobody knows: the identity provider asks again."""
    acme = await new_customer()
    desk.writes.gate.set()
    assert isinstance(await desk.sharing.carry_out(person(acme, "zoe@corp.example")), Created)
    desk.writes.gate.clear()
    tasks = [
        asyncio.create_task(desk.sharing.carry_out(person(acme, f"p{number}@corp.example")))
        for number in range(4)
    ]
    await desk.writes.begun(2)
    async with asyncio.timeout(BOUND):
        await admin.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'sharing'"
        )
        desk.writes.gate.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert {isinstance(one, asyncpg.PostgresError | asyncpg.InterfaceError) for one in answers} == {True}
    assert desk.writes.sizes[0] == 1
    assert sum(desk.writes.sizes[1:]) == len(tasks)
