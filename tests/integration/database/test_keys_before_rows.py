"""Locks in one order, races between a claim and its end, and records as wide as they come."""

import asyncio
from uuid import UUID, uuid4

import pytest

from tests.integration.database.chains import LEASE, Chain, claim_accounts, marked_account, record_account
from tests.stack import Database
from tests.tenants import Customer, make_customer, make_desk
from vestibule.database.pool import Connection


async def intend(writer: Connection, customer: Customer, account: UUID) -> UUID:
    """The writer's intent to create the account."""
    identity: UUID = await writer.fetchval(
        "select identity_id from writer.save_intents('w1', jsonb_build_array(jsonb_build_object("
        "'tenant', $1::uuid, 'account', $2::uuid, 'version', 1, 'identity', $3::uuid, "
        "'email', 'ann@acme.example')), $4)",
        customer.tenant,
        account,
        uuid4(),
        LEASE,
    )
    return identity


def made(account: UUID, identity: UUID) -> dict[str, object]:
    """The fields of a record after a create."""
    return {
        "identity": str(identity),
        "identity_state": "present",
        "desk_account_id": account.hex,
        "at_desk": True,
        "tell_organizations": True,
    }


async def want_no_more(router: Connection, customer: Customer, organization: UUID, account: UUID) -> None:
    """The second half of the router's decision about a membership: the row, after the key."""
    await router.execute(
        "update router.membership set wanted = false "
        "where tenant_id = $1 and organization_id = $2 and account_id = $3",
        customer.tenant,
        organization,
        account,
    )


async def test_an_account_in_more_than_a_thousand_organizations_is_recorded(database: Database) -> None:
    async with database.administrator() as admin:
        chain = Chain(admin)
        acme = await make_customer(admin, await make_desk(admin))
        account = await chain.account(acme)
        organizations = await chain.organizations(acme, 1001, [account])
        await chain.mark(acme, "account", [account])
        await claim_accounts(admin, "w1", acme, [account])
        identity = await intend(admin, acme, account)
        assert await record_account(admin, "w1", acme, account, 1, **made(account, identity))
        told = await admin.fetchval(
            "select count(*) from chain.sync where kind = 'organization' and id = any ($1)", organizations
        )
        assert told == 1001


async def test_a_record_and_a_decision_about_the_same_membership_do_not_deadlock(database: Database) -> None:
    async with (
        database.administrator() as admin,
        database.administrator() as router,
        database.administrator() as writer,
    ):
        chain = Chain(admin)
        acme = await make_customer(admin, await make_desk(admin))
        account = await chain.account(acme)
        (organization,) = await chain.organizations(acme, 1, [account])
        await chain.mark(acme, "account", [account])
        await chain.mark(acme, "organization", [organization])
        await claim_accounts(writer, "w1", acme, [account])
        identity = await intend(writer, acme, account)
        async with router.transaction():
            await chain.mark(acme, "organization", [organization], 0, on=router)
            recording = asyncio.create_task(
                record_account(writer, "w1", acme, account, 1, **made(account, identity))
            )
            await chain.until_waiting_for(router)
            await want_no_more(router, acme, organization, account)
        assert await asyncio.wait_for(recording, 10)


async def test_a_reading_of_memberships_and_a_decision_about_one_do_not_deadlock(database: Database) -> None:
    async with (
        database.administrator() as admin,
        database.administrator() as router,
        database.administrator() as writer,
    ):
        chain = Chain(admin)
        acme = await make_customer(admin, await make_desk(admin))
        account = await chain.account(acme)
        (organization,) = await chain.organizations(acme, 1, [account])
        await chain.mark(acme, "organization", [organization])
        await writer.execute(
            "select writer.claim_organizations('w1', array[$1::uuid], array[$2::uuid], $3)",
            acme.tenant,
            organization,
            LEASE,
        )
        async with router.transaction():
            await chain.mark(acme, "organization", [organization], 0, on=router)
            reading = asyncio.create_task(
                writer.execute(
                    "select writer.read_memberships('w1', $1, $2, $3, now(), 50)",
                    acme.tenant,
                    organization,
                    LEASE,
                )
            )
            await chain.until_waiting_for(router)
            await want_no_more(router, acme, organization, account)
        await asyncio.wait_for(reading, 10)
        assert await admin.fetchval("select ready from router.membership") is False


async def test_a_leaver_that_met_a_claim_in_its_last_moment_goes_at_once(database: Database) -> None:
    """The claim was there when the second worker looked, and gone when it wanted to wait for it."""
    async with database.administrator() as admin:
        chain, acme, account = await marked_account(admin)
        await claim_accounts(admin, "w1", acme, [account])
        await chain.mark(acme, "account", [account], prio=0)
        picked = await admin.fetch("select version from chain.pick('writer', 10, 10, 5)")
        assert [row["version"] for row in picked] == [2]
        assert await record_account(admin, "w1", acme, account, 1)
        await wait_for_claim(admin, acme, account)
        row = await chain.row("account", account)
        assert (row["inflight_version"], row["not_before"], row["code"]) == (None, None, None)
        picked = await admin.fetch("select version, urgent from chain.pick('writer', 10, 10, 5)")
        assert [(row["version"], row["urgent"]) for row in picked] == [(2, True)]


@pytest.mark.parametrize("tenant_is_right", [True, False])
async def test_who_waits_for_a_claim_waits_as_long_as_it_holds(
    database: Database, tenant_is_right: bool
) -> None:
    async with database.administrator() as admin:
        chain = Chain(admin)
        desk = await make_desk(admin)
        acme, other = await make_customer(admin, desk), await make_customer(admin, desk)
        account = await chain.account(acme)
        await chain.mark(acme, "account", [account])
        await claim_accounts(admin, "w1", acme, [account])
        await wait_for_claim(admin, acme if tenant_is_right else other, account)
        row = await chain.row("account", account)
        expected = (row["claim_until"], "busy") if tenant_is_right else (None, None)
        assert (row["not_before"], row["code"]) == expected


async def test_a_message_about_an_account_that_nobody_has_does_not_come_back_at_once(
    database: Database,
) -> None:
    async with database.administrator() as admin:
        chain = Chain(admin)
        acme = await make_customer(admin, await make_desk(admin))
        nobody = uuid4()
        await chain.mark(acme, "account", [nobody])
        await admin.execute("select chain.pick('writer', 10, 10, 5)")
        assert await claim_accounts(admin, "w1", acme, [nobody]) == {nobody: "waiting"}
        assert (await chain.row("account", nobody))["inflight_version"] == 1


async def wait_for_claim(admin: Connection, customer: Customer, account: UUID) -> None:
    await admin.execute(
        "select chain.wait_for_claim(array['account'], array[$1::uuid], array[$2::uuid])",
        customer.tenant,
        account,
    )
