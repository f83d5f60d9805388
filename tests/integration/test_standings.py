"""The invariant: everybody stands in exactly one place, whatever the services have left behind."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from tests.integration.standing_people import DIRTY, DONE, Key, People
from tests.stack import Database, copy_of, drop
from tests.tenants import make_customer, make_desk
from vestibule.broker.counting import Counting
from vestibule.database.pool import Pool, open_pool, tenant_transaction
from vestibule.database.standings import (
    PersonStanding,
    count_every_standing,
    read_standing,
    read_standings,
)
from vestibule.domain.identifiers import ConnectionId, PersonId, TenantId
from vestibule.telemetry.metrics import BacklogMetrics

Arrange = Callable[[People], Awaitable[UUID]]


@dataclass(frozen=True, slots=True)
class World:
    """One database for this file; every test has a customer of its own in it."""

    people: People
    console: Pool

    @property
    def tenant(self) -> TenantId:
        return TenantId(self.people.customer.tenant)

    async def standing_of(self, person: UUID) -> PersonStanding:
        async with tenant_transaction(self.console, self.tenant) as connection:
            found = await read_standing(
                connection, self.tenant, ConnectionId(self.people.customer.connection), PersonId(person)
            )
        assert found is not None
        return found

    async def place_of(self, person: UUID) -> tuple[str, str | None, str | None]:
        found = await self.standing_of(person)
        assert found.since is not None
        return found.standing, found.detail, found.code


@pytest.fixture(scope="module")
async def shared(template: Database) -> AsyncIterator[Database]:
    copy = await copy_of(template)
    yield copy
    await drop(copy)


@pytest.fixture
async def world(shared: Database) -> AsyncIterator[World]:
    async with shared.administrator() as admin:
        customer = await make_customer(admin, await make_desk(admin))
        async with await open_pool(shared.url("vestibule_console"), 2, "test-console") as pool:
            yield World(People(admin, customer), pool)


async def never_marked(people: People) -> UUID:
    return await people.person(Key(missing=True))


async def done_without_decision(people: People) -> UUID:
    return await people.person(DONE)


async def just_received(people: People) -> UUID:
    return await people.person(DIRTY)


async def deciding_again_after_a_fault(people: People) -> UUID:
    return await people.person(Key(dirty=True, code="bug"))


async def deciding_given_up(people: People) -> UUID:
    return await people.person(Key(parked=True, code="mapping"))


async def held_by_the_router(people: People) -> UUID:
    person = await people.person()
    await people.decision(person, "hold", "collision")
    return person


async def held_by_the_router_with_an_account(people: People) -> UUID:
    person, account = await people.person(), await people.account()
    await people.outcome(account)
    await people.decision(person, "hold", "rename", account)
    return person


async def refused_by_the_router(people: People) -> UUID:
    person = await people.person()
    await people.decision(person, "refuse", "email")
    return person


async def in_shadow(people: People) -> UUID:
    person = await people.person()
    await people.decision(person, "shadow")
    return person


async def inactive_without_account(people: People) -> UUID:
    person = await people.person()
    await people.decision(person, "want")
    return person


async def with_an_account_that_was_never_marked(people: People) -> UUID:
    person, account = await people.person(), await people.account(Key(missing=True))
    await people.decision(person, "want", account=account)
    return person


async def being_written(people: People) -> UUID:
    person, account = await people.person(), await people.account(DIRTY)
    await people.decision(person, "want", account=account)
    return person


async def being_written_again_after_a_fault(people: People) -> UUID:
    person, _ = await people.applied(key=Key(dirty=True, code="desk_unreachable"))
    return person


async def writing_given_up(people: People) -> UUID:
    person, _ = await people.applied(key=Key(parked=True, code="unknown_outcome"))
    return person


async def refused_by_the_desk(people: People) -> UUID:
    person, account = await people.person(), await people.account(Key(parked=True, code="refused:email"))
    await people.decision(person, "want", account=account)
    return person


async def held_by_the_writer(people: People) -> UUID:
    person, account = await people.person(), await people.account()
    await people.decision(person, "want", account=account)
    await people.outcome(account, held="no_return", applied=None)
    return person


async def held_by_the_writer_and_parked(people: People) -> UUID:
    person, account = await people.person(), await people.account(Key(parked=True, code="adoption"))
    await people.decision(person, "want", account=account)
    await people.outcome(account, held="adoption", applied=None, form=None)
    return person


async def tried_again_after_it_was_held(people: People) -> UUID:
    person, account = await people.person(), await people.account(DIRTY)
    await people.decision(person, "want", account=account)
    await people.outcome(account, held="adoption", applied=None, form=None)
    return person


async def confirmed_with_another_hash(people: People) -> UUID:
    person, account = await people.person(), await people.account()
    await people.decision(person, "want", account=account)
    await people.outcome(account, applied="older")
    return person


async def joining(people: People) -> UUID:
    person, account = await people.applied()
    await people.member(await people.organization(DIRTY), account, applied=False)
    return person


async def leaving_an_organization(people: People) -> UUID:
    person, account = await people.applied()
    await people.member(await people.organization(DIRTY), account, wanted=False)
    return person


async def joining_an_organization_that_was_given_up(people: People) -> UUID:
    person, account = await people.applied()
    organization = await people.organization(Key(parked=True, code="desk_lost"))
    await people.member(organization, account, applied=False)
    return person


async def refused_as_a_member(people: People) -> UUID:
    person, account = await people.applied()
    await people.member(await people.organization(), account, applied=False, code="refused:request")
    return person


async def refused_as_a_member_and_tried_again(people: People) -> UUID:
    person, account = await people.applied()
    await people.member(await people.organization(DIRTY), account, applied=False, code="refused:request")
    return person


async def in_a_group_without_a_usable_name(people: People) -> UUID:
    person, account = await people.applied()
    group = await people.group([person])
    await people.mark("group", group, Key(parked=True, code="no_organization_name"))
    await people.member(await people.organization(DIRTY, group=group, name=None), account, applied=False)
    return person


async def a_leaver_still_in_an_organization(people: People) -> UUID:
    person, account = await people.applied(access=False, form="stripped")
    await people.member(await people.organization(DIRTY), account)
    return person


async def a_leaver_whose_membership_is_kept_for_a_return(people: People) -> UUID:
    person, account = await people.applied(access=False, form="stripped")
    await people.member(await people.organization(), account, applied=False)
    return person


async def a_member_of_all(people: People) -> UUID:
    person, account = await people.applied()
    await people.member(await people.organization(), account)
    return person


async def deleted_at_the_identity_provider(people: People) -> UUID:
    person, _ = await people.applied(access=False, form="absent", removed=True)
    return person


LADDER: list[tuple[Arrange, str, str | None, str | None]] = [
    (never_marked, "failed", "lost", "unmarked"),
    (done_without_decision, "failed", "lost", "undecided"),
    (just_received, "pending", "deciding", None),
    (deciding_again_after_a_fault, "pending", "deciding", "bug"),
    (deciding_given_up, "failed", "mapping", "mapping"),
    (held_by_the_router, "held", "collision", None),
    (held_by_the_router_with_an_account, "held", "rename", None),
    (refused_by_the_router, "refused", "email", None),
    (in_shadow, "shadow", None, None),
    (inactive_without_account, "applied", "absent", None),
    (with_an_account_that_was_never_marked, "failed", "lost", "unmarked"),
    (being_written, "pending", "writing", None),
    (being_written_again_after_a_fault, "pending", "writing", "desk_unreachable"),
    (writing_given_up, "failed", "unknown_outcome", "unknown_outcome"),
    (refused_by_the_desk, "refused", "email", "refused:email"),
    (held_by_the_writer, "held", "no_return", None),
    (held_by_the_writer_and_parked, "held", "adoption", "adoption"),
    (tried_again_after_it_was_held, "pending", "writing", None),
    (confirmed_with_another_hash, "failed", "lost", "unconfirmed"),
    (joining, "pending", "joining", None),
    (leaving_an_organization, "pending", "joining", None),
    (joining_an_organization_that_was_given_up, "failed", "desk_lost", "desk_lost"),
    (refused_as_a_member, "refused", "request", "refused:request"),
    (refused_as_a_member_and_tried_again, "pending", "joining", "refused:request"),
    (in_a_group_without_a_usable_name, "failed", "no_organization_name", "no_organization_name"),
    (a_leaver_still_in_an_organization, "pending", "joining", None),
    (a_leaver_whose_membership_is_kept_for_a_return, "applied", "stripped", None),
    (a_member_of_all, "applied", "access", None),
    (deleted_at_the_identity_provider, "applied", "absent", None),
]


@pytest.mark.parametrize(
    ("arrange", "standing", "detail", "code"), LADDER, ids=[rule[0].__name__ for rule in LADDER]
)
async def test_the_ladder(
    world: World, arrange: Arrange, standing: str, detail: str | None, code: str | None
) -> None:
    person = await arrange(world.people)
    assert await world.place_of(person) == (standing, detail, code)
    [line] = await read_standings(world.console, world.tenant)
    assert (line.persons, line.of(standing)) == (1, 1)
    assert line.holds == (detail != "lost")


@pytest.mark.parametrize("form", ["access", "stripped", "blocked", "revoked", "absent"])
async def test_applied_says_what_the_desk_confirmed(world: World, form: str) -> None:
    person, _ = await world.people.applied(form=form)
    assert await world.place_of(person) == ("applied", form, None)


@pytest.mark.parametrize(
    ("table", "column", "value", "standing", "detail"),
    [
        ("connection", "mode", "paused", "held", "paused"),
        ("connection", "mode", "shadow", "shadow", None),
        ("tenant", "state", "suspended", "held", "tenant_suspended"),
        ("desk", "state", "disabled", "held", "desk_disabled"),
    ],
)
async def test_work_that_may_not_go_on_is_held_and_what_was_applied_stays_applied(
    world: World, table: str, column: str, value: str, standing: str, detail: str | None
) -> None:
    waiting, _ = await world.people.applied(key=DIRTY)
    joining_one, account = await world.people.applied()
    await world.people.member(await world.people.organization(), account, applied=False)
    at_rest, _ = await world.people.applied()
    await world.people.set(table, column, value)
    assert (await world.place_of(waiting))[:2] == (standing, detail)
    assert (await world.place_of(joining_one))[:2] == (standing, detail)
    assert (await world.place_of(at_rest))[:2] == ("applied", "access")


async def test_whom_a_wide_change_has_not_reached_is_pending(world: World) -> None:
    ids = sorted([(await world.people.applied())[0] for _ in range(4)])
    await world.people.fanout("connection", world.people.customer.connection, cursor=ids[1])
    assert [(await world.place_of(person))[2] for person in ids] == [None, None, "fanout", "fanout"]


async def test_a_wide_change_counts_until_its_last_phase_is_over(world: World) -> None:
    person, _ = await world.people.applied()
    connection = world.people.customer.connection
    await world.people.fanout("connection", connection, over=True)
    assert await world.place_of(person) == ("applied", "access", None)
    await world.people.fanout("connection", connection, phase="organizations", cursor=UUID(int=2**128 - 1))
    assert await world.place_of(person) == ("pending", "deciding", "fanout")


async def test_a_wide_change_of_a_group_concerns_its_members_only(world: World) -> None:
    inside, outside = (await world.people.applied())[0], (await world.people.applied())[0]
    await world.people.fanout("group_members", await world.people.group([inside]))
    assert await world.place_of(inside) == ("pending", "deciding", "fanout")
    assert await world.place_of(outside) == ("applied", "access", None)


async def test_a_wide_change_of_groups_in_a_group_counts_for_all_whose_turn_is_to_come(world: World) -> None:
    told, later = (await world.people.applied())[0], (await world.people.applied())[0]
    for phase in ("persons", "purge"):
        await world.people.fanout(
            "group_members",
            await world.people.group([told]),
            phase=phase,
            cursor=told,
            further=[await world.people.group(), await world.people.group([later])],
        )
        assert await world.place_of(told) == ("applied", "access", None)
        assert await world.place_of(later) == ("pending", "deciding", "fanout")
        await world.people.admin.execute("update chain.fanout set finished_at = now()")


async def test_the_standings_of_a_connection_add_up_and_name_their_reasons(world: World) -> None:
    for arrange, *_ in LADDER:
        await arrange(world.people)
    [line] = await read_standings(world.console, world.tenant)
    assert line.persons == len(LADDER) == sum(one.persons for one in line.standings)
    assert {word: line.of(word) for word in ("applied", "shadow", "refused")} == {
        "applied": 4,
        "shadow": 1,
        "refused": 3,
    }
    assert [one.removed for one in line.standings if one.words == "applied(absent)"] == [1]
    assert not line.holds
    assert line.problems == (
        "lost (unconfirmed): 1 of 29, nobody works on them",
        "lost (undecided): 1 of 29, nobody works on them",
        "lost (unmarked): 2 of 29, nobody works on them",
    )


async def test_everybody_has_exactly_one_standing_whatever_the_rows_say(world: World) -> None:
    """Any mixture of states, also such as no service leaves behind: nobody is counted twice or not at all."""
    chance = random.Random(20261121)  # noqa: S311 - the same mixture in every run
    keys = [
        DONE,
        DIRTY,
        Key(parked=True),
        Key(parked=True, code="bug"),
        Key(dirty=True, code="busy"),
        Key(missing=True),
    ]
    organizations = [await world.people.organization(key) for key in keys]
    everybody = []
    for _ in range(150):
        person = await world.people.person(chance.choice(keys), removed=chance.random() < 0.1)
        everybody.append(person)
        account = None
        if chance.random() < 0.8:
            account = await world.people.account(chance.choice(keys), access=chance.random() < 0.7)
            if chance.random() < 0.7:
                await world.people.outcome(
                    account,
                    form=chance.choice([None, "access", "stripped"]),
                    applied=chance.choice([None, "h", "older"]),
                    held=chance.choice([None, None, "rename"]),
                )
            for organization in chance.sample(organizations, chance.randrange(3)):
                await world.people.member(
                    organization,
                    account,
                    wanted=chance.random() < 0.5,
                    applied=chance.random() < 0.5,
                    code=chance.choice([None, "refused:request", "desk_lost"]),
                )
        if chance.random() < 0.9:
            verdict = chance.choice(["want", "want", "hold", "shadow", "refuse"])
            await world.people.decision(
                person, verdict, "rename" if verdict in ("hold", "refuse") else None, account
            )
    await world.people.group(everybody[:50])
    for _ in range(3):
        await world.people.fanout(
            "group_members", await world.people.group(everybody[:50]), cursor=everybody[0]
        )
    async with tenant_transaction(world.console, world.tenant) as connection:
        rows = await connection.fetch("select person_id, standing, since from router.standing")
    assert sorted(row["person_id"] for row in rows) == sorted(everybody)
    assert {row["standing"] for row in rows} <= {"applied", "pending", "held", "shadow", "refused", "failed"}
    [line] = await read_standings(world.console, world.tenant)
    assert line.persons == len(everybody) == sum(one.persons for one in line.standings)


async def test_one_customer_s_standings_tell_nothing_of_another(world: World, shared: Database) -> None:
    await world.people.applied()
    async with shared.administrator() as admin:
        other = await make_customer(admin, world.people.customer.desk)
        await People(admin, other).person(DIRTY)
        [line] = await read_standings(world.console, world.tenant)
        assert (line.persons, line.of("applied"), line.of("pending")) == (1, 1, 0)
        async with tenant_transaction(world.console, other.tenant) as connection:
            assert (
                await read_standing(
                    connection,
                    world.tenant,
                    ConnectionId(world.people.customer.connection),
                    PersonId(uuid4()),
                )
                is None
            )


async def test_the_gauge_shows_what_was_counted_and_nothing_when_it_could_not_be(
    world: World, shared: Database
) -> None:
    await world.people.applied()
    metrics = BacklogMetrics(CollectorRegistry())
    connection = str(world.people.customer.connection)

    def shown() -> dict[tuple[str, str], float]:
        [family] = metrics.standings.collect()
        return {
            (sample.labels["connection"], sample.labels["standing"]): sample.value
            for sample in family.samples
        }

    async with await open_pool(shared.url("vestibule_relay"), 1, "test-relay") as relay:
        counting = Counting(relay, metrics)
        assert (await counting.run_once())["counted"] >= 1
        assert shown()[connection, "applied(access)"] == 1
        assert counting.pause >= 15
    assert await counting.run_once() == {"failed": 1}
    assert shown() == {}


async def test_the_relay_sees_the_numbers_of_every_customer_and_nothing_else(
    world: World, shared: Database
) -> None:
    await world.people.applied()
    await world.people.person(DIRTY)
    async with await open_pool(shared.url("vestibule_relay"), 1, "test-relay") as relay:
        rows = dict(await count_every_standing(relay))
        connection = str(world.people.customer.connection)
        assert rows[connection, "applied(access)"] == 1
        assert rows[connection, "pending(deciding)"] == 1
        assert not await relay.fetchval("select current_setting('app.tenant', true)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await relay.fetch("select * from router.standing")
