"""Who sleeps is woken, who holds a claim keeps it: pauses, postponements, parked rows, other workers."""

import asyncio
from uuid import UUID

import pytest

from tests.integration.database.chains import Chain, claim_accounts, marked_account, record_account
from tests.stack import Database
from tests.tenants import make_customer, make_desk
from vestibule.database.organizations import Claim, OrganizationRecord, record_organization
from vestibule.database.outcomes import Result, postpone
from vestibule.database.pool import Connection, open_pool
from vestibule.domain.identifiers import Kind, OrganizationId, TenantId
from vestibule.messages.envelope import Key


async def test_an_account_put_to_sleep_while_its_connection_resumes_is_woken(database: Database) -> None:
    """The writer saw the pause, the resume went through, and only then did the writer's sleep commit."""
    async with database.administrator() as admin, database.administrator() as writer:
        chain, acme, account = await marked_account(admin)
        await chain.mode(acme, "paused")
        async with database.administrator() as relay:
            late = writer.transaction()
            await late.start()
            assert await claim_accounts(writer, "w1", acme, [account]) == {account: "paused"}
            await chain.mode(acme, "live")
            await chain.mark_wide(acme)
            expanding = asyncio.create_task(Chain(relay).expand_all())
            await chain.until_waiting_for(writer)
            await late.commit()
            await asyncio.wait_for(expanding, 10)
        row = await chain.row("account", account)
        assert (row["not_before"], row["code"]) == (None, None)
        assert await claim_accounts(writer, "w1", acme, [account]) == {account: "claimed"}


async def test_an_account_whose_connection_resumed_before_its_row_was_locked_is_not_put_to_sleep(
    database: Database,
) -> None:
    async with database.administrator() as admin, database.administrator() as writer:
        chain, acme, account = await marked_account(admin)
        await chain.mode(acme, "paused")
        async with database.administrator() as other:
            held = other.transaction()
            await held.start()
            await other.execute("select from chain.sync where id = $1 for update", account)
            claiming = asyncio.create_task(claim_accounts(writer, "w1", acme, [account]))
            await chain.until_waiting_for(other)
            await chain.mode(acme, "live")
            await held.commit()
            verdicts = await asyncio.wait_for(claiming, 10)
        assert verdicts[account] != "paused"
        assert (await chain.row("account", account))["not_before"] is None


async def test_a_resume_leaves_a_parked_account_parked_with_its_reason(database: Database) -> None:
    async with database.administrator() as admin:
        chain, acme, account = await marked_account(admin)
        assert await claim_accounts(admin, "w1", acme, [account]) == {account: "claimed"}
        assert await record_account(admin, "w1", acme, account, 1, result="park", code="refused:email")
        await chain.mark_wide(acme)
        await chain.expand_all()
        row = await chain.row("account", account)
        assert row["parked_at"] is not None
        assert row["code"] == "refused:email"


async def test_a_desk_that_cannot_be_used_for_a_moment_ends_nobody_elses_claim(database: Database) -> None:
    pool = await open_pool(database.url("vestibule_writer"), 2, "test-writer")
    async with database.administrator() as admin, pool:
        chain, acme, account = await marked_account(admin)
        assert await claim_accounts(admin, "w1", acme, [account]) == {account: "claimed"}
        await chain.mark(acme, "account", [account], prio=0)
        newer = Key(Kind.ACCOUNT, account, TenantId(acme.tenant), 2)
        await postpone(pool, [newer], 0.0, "throttled")
        row = await chain.row("account", account)
        assert (row["claim_worker"], row["claimed"], row["code"]) == ("w1", True, "throttled")
        await admin.execute("select chain.sweep('15 s', '5 s')")
        assert await claim_accounts(admin, "w2", acme, [account]) == {account: "busy"}


async def test_a_desk_that_cannot_be_used_leaves_parked_rows_parked(database: Database) -> None:
    pool = await open_pool(database.url("vestibule_writer"), 2, "test-writer")
    async with database.administrator() as admin, pool:
        chain, acme, account = await marked_account(admin)
        await claim_accounts(admin, "w1", acme, [account])
        await record_account(admin, "w1", acme, account, 1, result="park", code="refused:email")
        await postpone(pool, [Key(Kind.ACCOUNT, account, TenantId(acme.tenant), 1)], 0.0, "throttled")
        row = await chain.row("account", account)
        assert row["parked_at"] is not None
        assert row["code"] == "refused:email"


@pytest.mark.parametrize(("result", "seconds"), [("retry", 0.0), ("release", None)])
async def test_a_record_ends_its_own_claim_unless_it_holds_it(
    database: Database, result: str, seconds: float | None
) -> None:
    async with database.administrator() as admin:
        chain = Chain(admin)
        acme = await make_customer(admin, await make_desk(admin))
        account, held = await chain.account(acme), await chain.account(acme)
        await chain.mark(acme, "account", [account, held])
        await claim_accounts(admin, "w1", acme, [account, held])
        await record_account(admin, "w1", acme, account, 1, result=result, seconds=seconds, code="throttled")
        await record_account(
            admin, "w1", acme, held, 1, result=result, seconds=seconds, code="throttled", hold=30.0
        )
        await admin.execute("select chain.sweep('15 s', '5 s')")
        assert (await chain.row("account", account))["claim_worker"] is None
        assert await claim_accounts(admin, "w2", acme, [account, held]) == {account: "claimed", held: "busy"}


async def test_an_organizations_record_ends_its_own_claim(database: Database) -> None:
    pool = await open_pool(database.url("vestibule_writer"), 2, "test-writer")
    async with database.administrator() as admin, pool:
        chain = Chain(admin)
        acme = await make_customer(admin, await make_desk(admin))
        (organization,) = await chain.organizations(acme, 1, [await chain.account(acme)])
        await chain.mark(acme, "organization", [organization])
        assert await _claim_organization(admin, acme.tenant, organization) == "claimed"
        claim = Claim(pool, "w1", TenantId(acme.tenant), OrganizationId(organization), 30.0)
        record = OrganizationRecord(version=1, result=Result.RETRY, seconds=0.0, code="throttled")
        assert await record_organization(claim, record)
        row = await chain.row("organization", organization)
        assert (row["claim_worker"], row["attempts"], row["code"]) == (None, 1, "throttled")


async def test_a_late_postponement_leaves_the_waiting_of_a_newer_version_alone(database: Database) -> None:
    async with database.administrator() as admin:
        chain, acme, account = await marked_account(admin)
        await chain.mark(acme, "account", [account])
        for version in (2, 1):
            await _postpone(admin, acme.tenant, account, version)
        row = await chain.row("account", account)
        assert (row["code"], row["attempts"]) == ("version-2", 1)
        assert row["not_before"] is not None


async def _claim_organization(admin: Connection, tenant: UUID, organization: UUID) -> str:
    verdict: str = await admin.fetchval(
        "select verdict from writer.claim_organizations('w1', array[$1::uuid], array[$2::uuid], '30 s')",
        tenant,
        organization,
    )
    return verdict


async def _postpone(admin: Connection, tenant: UUID, account: UUID, version: int) -> None:
    await admin.execute(
        "select chain.postpone(array['account'], array[$4::uuid], array[$1::uuid], array[$2::bigint], "
        "array[3600::float8], array[$3::text], array[true], array[false])",
        account,
        version,
        f"version-{version}",
        tenant,
    )
