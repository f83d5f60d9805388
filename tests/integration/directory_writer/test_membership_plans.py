"""A customer comes back from a pause: a batch of his people reads a batch, not all who wait."""

from typing import Any
from uuid import UUID

from tests.integration.directory_writer.rig import Rig
from tests.tenants import Customer
from vestibule.database.pool import Connection

WAITING = 5_000
BATCH = 50
MOST_READ = 600


async def many_waiting(admin: Connection, customer: Customer, desk: UUID) -> None:
    """Accounts that are at the desk and wanted in the home organization, which nobody looked at."""
    await admin.execute(
        "insert into router.account (tenant_id, id, desk_id, connection_id, email, email_hmac, display_name, "
        "access, wanted_hash) select $1, gen_random_uuid(), $2, $3, n || '@acme.example', "
        "sha256(n::text::bytea), 'Ann', true, 'h' from generate_series(1, $4) n",
        customer.tenant,
        desk,
        customer.connection,
        WAITING,
    )
    await admin.execute(
        "insert into writer.desk_identity (tenant_id, id, desk_id, account_id, desk_account_id, state, "
        "email) select tenant_id, gen_random_uuid(), desk_id, id, id::text, 'present', email "
        "from router.account"
    )
    await admin.execute(
        "insert into router.membership (tenant_id, organization_id, account_id, wanted) "
        "select tenant_id, tenant_id, id, true from router.account"
    )


async def read(connection: Connection) -> int:
    """How many rows this session has read of what memberships need."""
    rows: int = await connection.fetchval(
        "select sum(seq_tup_read + idx_tup_fetch)::bigint from pg_stat_xact_all_tables where relid in ("
        "'router.membership'::regclass, 'router.account'::regclass, 'writer.desk_identity'::regclass)"
    )
    return rows


async def test_a_batch_of_joins_reads_little_of_all_that_wait(rig: Rig) -> None:
    customer = await rig.customer()
    claim: tuple[Any, ...] = ("w", customer.tenant, customer.tenant, "30 s")

    async def batch() -> tuple[int, int]:
        async with rig.admin.transaction():
            before = await read(rig.admin)
            members = await rig.admin.fetch(
                "select account_id from writer.read_memberships($1, $2, $3, $4::text::interval, now(), $5) "
                "where verdict = 'saved'",
                *claim,
                BATCH,
            )
            ids = [row["account_id"] for row in members]
            await rig.admin.execute(
                "select writer.record_memberships($1, $2, $3, $4, array_fill(true, array[$5::int]), "
                "array_fill(null::text, array[$5::int]))",
                *claim[:3],
                ids,
                len(ids),
            )
            return len(ids), await read(rig.admin) - before

    await rig.admin.execute(
        "select writer.claim_organizations('w', array[$1::uuid], array[$1::uuid], '30 s')", customer.tenant
    )
    assert (await batch())[0] == 0
    await many_waiting(rig.admin, customer, rig.desk_id)
    await rig.admin.execute("analyze")
    assert (await batch())[0] == BATCH  # all are looked at, once
    members, rows = await batch()
    assert members == BATCH
    assert rows < MOST_READ
