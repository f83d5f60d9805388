"""From accepted to applied: how many a second, how late, and how late a leaver behind a heavy neighbour."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import asyncpg

from tests.load.ingest_load import Directory, Load
from tests.load.people import active_patch, okta_body
from tests.load.surroundings import Measured

POLL_SECONDS = 0.25
SETTLE_SECONDS = 300.0

OPEN_WORK = """
select (select count(*) from chain.sync where done_version < version and parked_at is null)
     + (select count(*) from router.membership where wanted is distinct from applied)
"""
APPLIED = """
select count(*) from writer.outcome o
 where o.confirmed_at is not null and not exists (
    select from router.membership m
     where m.tenant_id = o.tenant_id and m.account_id = o.account_id and m.wanted is distinct from m.applied)
"""
# Accepted is the commit of the request, applied the later of the account's and its memberships' confirmation.
LATENCIES = """
select extract(epoch from greatest(o.confirmed_at, m.applied_at) - p.created_at)::float8 as seconds
  from ingest.person p
  join router.decision d on d.tenant_id = p.tenant_id and d.person_id = p.id
  join writer.outcome o on o.tenant_id = d.tenant_id and o.account_id = d.account_id
  join lateral (select max(applied_at) as applied_at from router.membership m
                 where m.tenant_id = d.tenant_id and m.account_id = d.account_id and m.applied) m on true
 where p.created_at >= $1
"""
LEFT_AT = """
select d.person_id::text as id, max(m.applied_at) as left_at
  from router.decision d
  join router.membership m on m.tenant_id = d.tenant_id and m.account_id = d.account_id
 where d.person_id = any ($1::uuid[]) and not m.wanted and not m.applied
 group by d.person_id
"""
# A first load of one customer, put straight into the tables: the IdP is not what is measured here.
FIRST_LOAD = """
with t as (select c.tenant_id, c.id as connection, n.desk_id from console.connection c
             join console.tenant n on n.id = c.tenant_id where n.slug = $1),
     p as (insert into ingest.person
               (tenant_id, connection_id, id, external_id, user_name_ci, active, document)
           select t.tenant_id, t.connection, gen_random_uuid(), 'load' || n,
                  'load' || n || '@load.example', true,
                  jsonb_build_object('userName', 'load' || n || '@load.example', 'active', true,
                      'displayName', 'Load ' || n, 'externalId', 'load' || n,
                      'emails', jsonb_build_array(jsonb_build_object(
                          'value', 'load' || n || '@load.example', 'type', 'work', 'primary', true)))::text
             from t, generate_series(1, $2::integer) n
           returning tenant_id, id)
insert into chain.sync (kind, id, tenant_id, desk_id, prio)
select 'person', p.id, p.tenant_id, t.desk_id, 1 from p, t
"""


async def settle(admin: asyncpg.Pool, tell: Callable[[str], None]) -> None:
    """Wait until nothing is open, within a bound; tells how much is left on the way."""
    ends = time.perf_counter() + SETTLE_SECONDS
    while remaining := await admin.fetchval(OPEN_WORK):
        if time.perf_counter() > ends:
            raise TimeoutError(f"{remaining} pieces of work are still open after {SETTLE_SECONDS:.0f} s")
        tell(f"{remaining} pieces of work to go")
        await asyncio.sleep(POLL_SECONDS)


async def applied_per_second(admin: asyncpg.Pool, tell: Callable[[str], None]) -> tuple[float, int]:
    """The rate at which a waiting backlog is applied, memberships included, and how many it was."""
    before = await admin.fetchval(APPLIED)
    began = time.perf_counter()
    await settle(admin, tell)
    applied = await admin.fetchval(APPLIED) - before
    return applied / (time.perf_counter() - began), applied


async def creates_at(
    customers: Sequence[Measured], directory: Directory, rate: float, seconds: float
) -> tuple[Load, datetime]:
    """POST people at a fixed rate, whatever the answers take; returns when it began."""
    load, began = Load(), datetime.now(UTC)
    wires = [customer.wire() for customer in customers]
    for wire in wires:
        await wire.__aenter__()
    locks = [asyncio.Lock() for _ in wires]

    async def one(number: int) -> None:
        customer, wire = customers[number % len(customers)], wires[number % len(customers)]
        async with locks[number % len(customers)]:
            answer = await wire.call("POST", "/Users", okta_body(directory.new_name(), customer.domain))
        load.statuses[answer.status] += 1
        load.latencies.append(answer.seconds)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
            tasks.create_task(one(number))
    load.seconds = time.perf_counter() - start
    for wire in wires:
        await wire.__aexit__(None, None, None)
    return load, began


async def accepted_to_applied(admin: asyncpg.Pool, since: datetime) -> list[float]:
    """Seconds from acceptance to the desk's confirmation, sorted."""
    return sorted(row["seconds"] for row in await admin.fetch(LATENCIES, since))


async def leavers_behind(
    admin: asyncpg.Pool, light: Measured, ids: Sequence[str], pause: float
) -> list[float]:
    """Deactivate people one by one; seconds from each request to the end of the last membership, sorted."""
    asked: dict[str, datetime] = {}
    async with light.wire() as wire:
        for person in ids:
            asked[person] = datetime.now(UTC)
            answer = await wire.call("PATCH", f"/Users/{person}", active_patch(active=False))
            if answer.status not in (200, 204):
                raise RuntimeError(f"a deactivation was answered {answer.status}")
            await asyncio.sleep(pause)
    ends = time.perf_counter() + 60
    while len(rows := await admin.fetch(LEFT_AT, list(ids))) < len(ids):
        if time.perf_counter() > ends:
            raise TimeoutError(f"only {len(rows)} of {len(ids)} leavers left within 60 s")
        await asyncio.sleep(POLL_SECONDS)
    return sorted((row["left_at"] - asked[row["id"]]).total_seconds() for row in rows)
