"""What a service may do through the functions that run with more than its own rights."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.integration.database.chains import Chain
from tests.stack import Database
from tests.tenants import Customer, make_customer, make_desk
from vestibule.database.migrations import SERVICE_ROLES
from vestibule.database.pool import Connection

MARKS = {
    "vestibule_ingest": ("person", "group"),
    "vestibule_router": ("account", "organization"),
    "vestibule_writer": ("organization",),
    "vestibule_console": ("organization",),
}
KINDS = ("person", "group", "account", "organization")
STAGES = {"vestibule_router": ("person", "group"), "vestibule_writer": ("account", "organization")}
REFUSED = asyncpg.InsufficientPrivilegeError


async def mark(connection: Connection, customer: Customer, kind: str, subject: UUID, desk: UUID) -> None:
    async with connection.transaction():
        await connection.execute("select chain.enter_tenant($1)", customer.tenant)
        await connection.execute(
            "select chain.mark($1, $2, $3, array[$4::uuid], 1::smallint, null)",
            kind,
            customer.tenant,
            desk,
            subject,
        )


async def finish(connection: Connection, kinds: Sequence[str], tenant: UUID, subject: UUID) -> None:
    await connection.execute(
        "select chain.finish($1, array_fill($2::uuid, array[$4::integer]), "
        "array_fill($3::uuid, array[$4::integer]), "
        "array_fill(1::bigint, array[$4::integer]))",
        kinds,
        tenant,
        subject,
        len(kinds),
    )


async def postpone(connection: Connection, kinds: Sequence[str], tenant: UUID, subject: UUID) -> None:
    await connection.execute(
        "select chain.postpone($1, array_fill($2::uuid, array[$4::integer]), "
        "array_fill($3::uuid, array[$4::integer]), "
        "array_fill(1::bigint, array[$4::integer]), array_fill(0::float8, array[$4::integer]), "
        "array_fill('bug'::text, array[$4::integer]), "
        "array_fill(true, array[$4::integer]), array_fill(true, array[$4::integer]))",
        kinds,
        tenant,
        subject,
        len(kinds),
    )


@pytest.mark.parametrize("role", MARKS)
async def test_a_service_marks_the_kinds_that_are_its_to_change_and_no_other(
    database: Database, role: str
) -> None:
    async with database.administrator() as admin:
        acme = await make_customer(admin, await make_desk(admin))
        service = await asyncpg.connect(database.url(role))
        for kind in KINDS:
            if kind in MARKS[role]:
                await mark(service, acme, kind, uuid4(), acme.desk)
                continue
            with pytest.raises(REFUSED):
                await mark(service, acme, kind, uuid4(), acme.desk)
        marked = await admin.fetch("select distinct kind from chain.sync")
        assert {row["kind"] for row in marked} == set(MARKS[role])
        await service.close()


@pytest.mark.parametrize("role", ["vestibule_router", "vestibule_writer"])
async def test_each_key_with_a_lane_of_its_own_is_marked_by_the_same_rule(
    database: Database, role: str
) -> None:
    async with database.administrator() as admin:
        desk, foreign = await make_desk(admin), await make_desk(admin)
        acme = await make_customer(admin, desk)
        service = await asyncpg.connect(database.url(role))

        async def mark_each(kind: str, at: UUID) -> None:
            async with service.transaction():
                await service.execute("select chain.enter_tenant($1)", acme.tenant)
                await service.execute(
                    "select chain.mark_each($1, $2, $3, array[$4::uuid], array[1::smallint], array[null])",
                    kind,
                    acme.tenant,
                    at,
                    uuid4(),
                )

        for kind, at in (("person", desk), ("group", desk), ("organization", foreign)):
            with pytest.raises(REFUSED):
                await mark_each(kind, at)
        await mark_each("organization", desk)
        await service.close()


@pytest.mark.parametrize("role", ["vestibule_ingest", "vestibule_console"])
async def test_nothing_is_marked_at_a_desk_that_is_not_the_tenants(database: Database, role: str) -> None:
    async with database.administrator() as admin:
        acme = await make_customer(admin, await make_desk(admin))
        foreign = await make_desk(admin)
        service = await asyncpg.connect(database.url(role))
        with pytest.raises(REFUSED):
            await mark(service, acme, MARKS[role][0], uuid4(), foreign)
        async with service.transaction():
            await service.execute("select chain.enter_tenant($1)", acme.tenant)
            with pytest.raises(REFUSED):
                await service.execute(
                    "select chain.mark_wide($1, $2, $3, 'connection', $3, 2::smallint, null)",
                    acme.tenant,
                    foreign,
                    acme.connection,
                )
        await service.close()


@pytest.mark.parametrize("role", STAGES)
async def test_a_service_settles_keys_of_its_own_stage_and_of_the_tenant_it_names(
    database: Database, role: str
) -> None:
    async with database.administrator() as admin:
        chain = Chain(admin)
        desk = await make_desk(admin)
        acme, other = await make_customer(admin, desk), await make_customer(admin, desk)
        subject = uuid4()
        for kind in KINDS:
            await chain.mark(acme, kind, [subject])
        service = await asyncpg.connect(database.url(role))
        for settle in (postpone, finish):
            await settle(service, KINDS, other.tenant, subject)
            assert await admin.fetchval("select count(*) from chain.sync where done_version = 0") == 4
            assert await admin.fetchval("select count(*) from chain.sync where parked_at is not null") == 0
        await postpone(service, KINDS, acme.tenant, subject)
        parked = await admin.fetch("select kind from chain.sync where parked_at is not null")
        assert {row["kind"] for row in parked} == set(STAGES[role])
        await finish(service, KINDS, acme.tenant, subject)
        done = await admin.fetch("select kind from chain.sync where done_version = 1")
        assert {row["kind"] for row in done} == set(STAGES[role])
        await service.close()


async def test_an_address_is_claimed_at_the_desk_of_the_tenant_only(database: Database) -> None:
    async with database.administrator() as admin:
        acme = await make_customer(admin, await make_desk(admin))
        foreign = await make_desk(admin)
        router = await asyncpg.connect(database.url("vestibule_router"))

        async def claim(desk: UUID) -> list[UUID]:
            owned: list[UUID] = await router.fetchval(
                "select router.claim_emails(array[$1::uuid], array[decode(repeat('00', 32), 'hex')], "
                "array[$2::uuid], array[$2::uuid])",
                desk,
                acme.tenant,
            )
            return owned

        with pytest.raises(REFUSED):
            await claim(foreign)
        assert await admin.fetchval("select count(*) from router.email_claim") == 0
        assert await claim(acme.desk) == [acme.tenant]
        await router.close()


@pytest.mark.parametrize("role", SERVICE_ROLES)
@pytest.mark.parametrize("call", ["lo_create(0)", "lo_creat(-1)", "lo_from_bytea(0, 'x')"])
async def test_no_service_can_leave_something_in_a_large_object(
    database: Database, role: str, call: str
) -> None:
    service = await asyncpg.connect(database.url(role))
    with pytest.raises(REFUSED):
        await service.execute(f"select {call}")
    await service.close()


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("vestibule_console", "select hash from console.token"),
        ("vestibule_relay", "select chain.enter_tenant(gen_random_uuid())"),
    ],
)
async def test_no_service_has_a_right_without_a_need(database: Database, role: str, statement: str) -> None:
    service = await asyncpg.connect(database.url(role))
    with pytest.raises(REFUSED):
        await service.execute(statement)
    await service.close()
