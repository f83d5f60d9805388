"""Rows of the chain as the services leave them, and moments of two transactions at once."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from tests.tenants import Customer, make_customer, make_desk
from vestibule.database.pool import Connection
from vestibule.database.sync import Picked

LEASE = timedelta(seconds=30)
BOUND = 10.0
CHUNK = 500
MOST_CHUNKS = 60


@dataclass(frozen=True, slots=True)
class Chain:
    """Writes what services would have written and asks about keys, over one connection."""

    connection: Connection

    async def mark(
        self,
        customer: Customer,
        kind: str,
        ids: Sequence[UUID],
        prio: int = 1,
        *,
        on: Connection | None = None,
    ) -> None:
        """Mark in a transaction of its own; `on` another connection in the one that it is in."""
        if on is not None:
            await self._mark(on, customer, kind, ids, prio)
            return
        async with self.connection.transaction():
            await self._mark(self.connection, customer, kind, ids, prio)

    async def mark_wide(
        self, customer: Customer, scope: str = "connection", target: UUID | None = None
    ) -> None:
        """Write a fan-out, as a mode switch or a big group's change does."""
        async with self.connection.transaction():
            await self.connection.execute("select chain.enter_tenant($1)", customer.tenant)
            await self.connection.execute(
                "select chain.mark_wide($1, $2, $3, $4, $5, 2::smallint, null)",
                customer.tenant,
                customer.desk,
                customer.connection,
                scope,
                target or customer.connection,
            )

    async def mode(self, customer: Customer, mode: str) -> None:
        """Switch the connection, without the fan-out."""
        await self.connection.execute(
            "update console.connection set mode = $2 where id = $1", customer.connection, mode
        )

    async def account(self, customer: Customer, *, access: bool = True, at_desk: bool = False) -> UUID:
        """A decided account, not marked."""
        account = uuid4()
        await self.connection.execute(
            "insert into router.account (tenant_id, id, desk_id, connection_id, email, email_hmac, "
            "display_name, access, wanted_hash) values ($1, $2, $3, $4, $5, $6, 'Ann', $7, 'h1')",
            customer.tenant,
            account,
            customer.desk,
            customer.connection,
            f"{account.hex}@acme.example",
            hashlib.sha256(account.bytes).digest(),
            access,
        )
        if at_desk:
            await self.connection.execute(
                "insert into writer.desk_identity (tenant_id, id, desk_id, account_id, desk_account_id, "
                "state, email) values ($1, $2, $3, $4, $5, 'present', 'ann@acme.example')",
                customer.tenant,
                uuid4(),
                customer.desk,
                account,
                account.hex,
            )
        return account

    async def organizations(self, customer: Customer, count: int, members: Sequence[UUID]) -> list[UUID]:
        """Decided organizations of groups, the members wanted in them in turn; not marked."""
        made = [uuid4() for _ in range(count)]
        await self.connection.execute(
            "insert into router.organization (tenant_id, id, desk_id, source, connection_id, group_id, "
            "wanted_name) select $1, o, $2, 'group', $3, o, 'IT' from unnest($4::uuid[]) as o",
            customer.tenant,
            customer.desk,
            customer.connection,
            made,
        )
        await self.connection.execute(
            "insert into router.membership (tenant_id, organization_id, account_id, wanted) "
            "select $1, o, a, true from unnest($2::uuid[], $3::uuid[]) as m (o, a)",
            customer.tenant,
            made,
            [members[number % len(members)] for number in range(count)],
        )
        return made

    async def row(self, kind: str, subject: UUID) -> dict[str, Any]:
        """A row of the backlog; `claimed` tells whether a claim holds."""
        found = await self.connection.fetchrow(
            "select *, claim_until > clock_timestamp() as claimed from chain.sync "
            "where kind = $1 and id = $2",
            kind,
            subject,
        )
        assert found is not None
        return dict(found)

    async def expand_all(self) -> None:
        """Expand until no fan-out is open."""
        for _ in range(MOST_CHUNKS):
            if await self.connection.fetchval("select * from chain.expand_fanout($1)", CHUNK) < 0:
                return
        raise AssertionError("a fan-out without an end")

    async def until_waiting_for(self, other: Connection) -> None:
        """Until some session waits for a lock that `other` holds."""
        pid = other.get_server_pid()
        async with asyncio.timeout(BOUND):
            while not await self.connection.fetchval(  # noqa: ASYNC110  the server's locks tell nobody
                "select exists (select from pg_stat_activity a where $1 = any (pg_blocking_pids(a.pid)))", pid
            ):
                await asyncio.sleep(0.01)

    @staticmethod
    async def _mark(
        connection: Connection, customer: Customer, kind: str, ids: Sequence[UUID], prio: int
    ) -> None:
        await connection.execute("select chain.enter_tenant($1)", customer.tenant)
        await connection.execute(
            "select chain.mark($1, $2, $3, $4, $5::smallint, null)",
            kind,
            customer.tenant,
            customer.desk,
            ids,
            prio,
        )


async def marked_account(admin: Connection) -> tuple[Chain, Customer, UUID]:
    """A customer at a desk of his own with one account that a writer has to look at."""
    chain = Chain(admin)
    customer = await make_customer(admin, await make_desk(admin))
    account = await chain.account(customer)
    await chain.mark(customer, "account", [account])
    return chain, customer, account


async def finish(connection: Connection, picked: Sequence[Picked]) -> None:
    """Settle keys as the service that worked on them does."""
    await connection.execute(
        "select chain.finish($1, $2, $3, $4)",
        [one.key.kind.value for one in picked],
        [one.key.tenant for one in picked],
        [one.key.id for one in picked],
        [one.key.version for one in picked],
    )


async def claim_accounts(
    connection: Connection, worker: str, customer: Customer, ids: Sequence[UUID]
) -> dict[UUID, str]:
    """A writer's claim: the verdict of each key."""
    rows = await connection.fetch(
        "select verdict, id from writer.claim_accounts($1, $2, $3, $4)",
        worker,
        [customer.tenant] * len(ids),
        ids,
        LEASE,
    )
    return {row["id"]: row["verdict"] for row in rows}


async def record_account(
    connection: Connection, worker: str, customer: Customer, account: UUID, version: int, **fields: object
) -> bool:
    """A writer's record of one account; whether the claim was its own."""
    item = {
        "tenant": str(customer.tenant),
        "account": str(account),
        "desk": str(customer.desk),
        "version": version,
        "result": "done",
        "hash": "h1",
        "form": "access",
        "tell_organizations": False,
        "hold": 0,
        **fields,
    }
    rows = await connection.fetch("select id from writer.record_accounts($1, $2)", worker, json.dumps([item]))
    return bool(rows)
