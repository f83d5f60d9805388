"""The relay asks many times a second: what a pick reads follows from what it takes, not from what waits."""

from uuid import UUID

import pytest

from tests.integration.database.test_turns import WINDOWS
from tests.stack import Database
from tests.tenants import make_customer, make_desk
from vestibule.database.pool import Connection

WAITING = 20_000
MOST_READ = 1_000


async def pick(connection: Connection) -> int:
    """How many the relay would publish now; a plan of it is kept by this connection from the first on."""
    picked: int = await connection.fetchval(
        "select count(*) from chain.pick('writer', $1, $2, $3)",
        WINDOWS.total,
        WINDOWS.tenant,
        WINDOWS.urgent_reserve,
    )
    return picked


async def read_by(connection: Connection) -> int:
    """How many rows of the backlog the pick reads."""
    async with connection.transaction():
        before = await read(connection)
        assert await pick(connection) > 0
        return await read(connection) - before


async def read(connection: Connection) -> int:
    """How many rows of the backlog this session has read."""
    rows: int = await connection.fetchval(
        "select seq_tup_read + idx_tup_fetch from pg_stat_xact_all_tables "
        "where relid = 'chain.sync'::regclass"
    )
    return rows


@pytest.mark.parametrize("tenants", [1, 100])
@pytest.mark.parametrize("analyzed", [False, True], ids=["before statistics", "with statistics"])
async def test_a_pick_reads_little_of_a_first_load(database: Database, tenants: int, analyzed: bool) -> None:
    async with database.administrator() as admin:
        await admin.execute("alter table chain.sync set (autovacuum_enabled = false)")
        desk = await make_desk(admin)
        customers: list[UUID] = [(await make_customer(admin, desk)).tenant for _ in range(tenants)]
        for _ in range(8):
            assert await pick(admin) == 0
        await admin.execute(
            "insert into chain.sync (kind, id, tenant_id, desk_id, prio) "
            "select 'account', gen_random_uuid(), t, $2, 1 from unnest($1::uuid[]) t, generate_series(1, $3)",
            customers,
            desk,
            WAITING // tenants,
        )
        if analyzed:
            await admin.execute("analyze chain.sync")
        assert await read_by(admin) < MOST_READ
