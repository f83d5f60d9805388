"""Whether the gateway has finished: nothing dirty, nothing queued; and what it hangs on if not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import asyncpg

from tests.end_to_end.gateway import Gateway
from tests.waiting import until
from vestibule.broker.connection import FAULTS
from vestibule.messages.topology import DEAD, WORK_QUEUES

CONNECT_SECONDS = 5.0
SETTLE_SECONDS = 60.0
# A row that sleeps until somebody wakes it (a pause) and a parked one are settled: nobody works on them.
OPEN = """
select kind, id::text, version, done_version, inflight_version, prio, attempts, code, not_before,
       claim_worker, claim_until, parked_at
  from chain.sync
 where done_version < version and parked_at is null and not_before is distinct from 'infinity'
 order by marked_at limit 20
"""
UNDONE = """
select kind, code, parked_at is not null as parked, count(*) from chain.sync
 where done_version < version group by kind, code, parked_at is not null
"""
OPEN_FANOUTS = "select count(*) from chain.fanout where finished_at is null"


@asynccontextmanager
async def administrator(gateway: Gateway) -> AsyncIterator[asyncpg.Connection]:
    """A connection that sees every tenant, past every proxy: for judging only."""
    connection = await asyncpg.connect(gateway.addresses.database, timeout=CONNECT_SECONDS)
    try:
        yield connection
    finally:
        await connection.close(timeout=CONNECT_SECONDS)


async def settle(gateway: Gateway, seconds: float = SETTLE_SECONDS) -> None:
    """Return when nobody has anything left to do; fails with what is open."""
    last: list[Any] = []

    async def nothing_open() -> bool:
        nonlocal last
        try:
            async with administrator(gateway) as database:
                last = await database.fetch(OPEN)
                fanouts = await database.fetchval(OPEN_FANOUTS)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return not last and fanouts == 0 and sum((await queued(gateway)).values()) == 0

    try:
        await until(nothing_open, seconds, "settled")
    except AssertionError:
        rows = "\n".join(str(dict(row)) for row in last)
        raise AssertionError(
            f"not settled within {seconds:g} s; queues {await queued(gateway)}\n{rows}"
        ) from None


async def undone(gateway: Gateway) -> list[dict[str, Any]]:
    """What is dirty for whatever reason, by kind and code."""
    async with administrator(gateway) as database:
        return [dict(row) for row in await database.fetch(UNDONE)]


async def queued(gateway: Gateway) -> dict[str, int]:
    """Messages that wait in each queue, those that nobody could deliver included; -1 without a broker."""
    try:
        connection = await aio_pika.connect(gateway.addresses.amqp, timeout=CONNECT_SECONDS)
    except FAULTS:
        return {"broker": -1}
    async with connection:
        channel = await connection.channel()
        found = {}
        for name in (*WORK_QUEUES, DEAD):
            queue = await channel.declare_queue(name, passive=True, timeout=CONNECT_SECONDS)
            found[name] = queue.declaration_result.message_count or 0
        return found
