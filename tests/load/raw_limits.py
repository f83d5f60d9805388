"""What this machine does without Vestibule, in the same run: commits of the same rows, publishing."""

import asyncio
import time
from uuid import uuid4

import asyncpg
from prometheus_client import CollectorRegistry

from tests.load.people import okta_body
from vestibule.broker.connection import Broker
from vestibule.broker.publisher import Outgoing, Publisher, Receipt
from vestibule.domain.identifiers import Kind, TenantId
from vestibule.messages.envelope import Key
from vestibule.messages.topology import Binding, Exchange, Queue, Topology
from vestibule.settings.values import Secret
from vestibule.telemetry.metrics import RelayMetrics
from vestibule.telemetry.tracing import open_tracing

PUBLISH_BATCH = 200

# The rows that one accepted create leaves behind, without anything that makes a gateway of it.
TABLES = """
create table public.raw_person (like ingest.person including all);
create table public.raw_sync (like chain.sync including all);
create table public.raw_timeline (like chain.timeline including all);
"""
ROWS = """
with p as (insert into public.raw_person
               (tenant_id, connection_id, id, external_id, user_name_ci, active, document)
           values ($1, $2, $3, $4, $5, true, $6)),
     s as (insert into public.raw_sync (kind, id, tenant_id, desk_id, prio) values ('person', $3, $1, $2, 1))
insert into public.raw_timeline (tenant_id, subject_id, stage, code) values ($1, $3, 'received', 'create')
"""


async def commits_per_second(admin_url: str, connections: int, seconds: float) -> float:
    """asyncpg alone: one statement and one commit per create, at so many connections."""
    setup = await asyncpg.connect(admin_url)
    await setup.execute(TABLES)
    await setup.close()
    pool = await asyncpg.create_pool(admin_url, min_size=connections, max_size=connections)
    counts = [0] * connections
    ends = time.perf_counter() + seconds

    async def commit(number: int) -> None:
        tenant, place = uuid4(), uuid4()
        async with pool.acquire() as connection:
            statement = await connection.prepare(ROWS)
            while time.perf_counter() < ends:
                name = f"raw-{number}-{counts[number]}"
                await statement.fetch(
                    tenant, place, uuid4(), name, name, okta_body(name, "raw.example").decode()
                )
                counts[number] += 1

    began = time.perf_counter()
    await asyncio.gather(*(commit(number) for number in range(connections)))
    rate = sum(counts) / (time.perf_counter() - began)
    await pool.execute("drop table public.raw_person, public.raw_sync, public.raw_timeline")
    await pool.close()
    return rate


async def reads_per_second(admin_url: str, connections: int, seconds: float) -> float:
    """asyncpg alone: what an answer is made of, of one stored person by its key, at so many connections."""
    pool = await asyncpg.create_pool(admin_url, min_size=connections, max_size=connections)
    keys = await pool.fetch("select tenant_id, connection_id, id from ingest.person limit 1000")
    counts = [0] * connections
    ends = time.perf_counter() + seconds

    async def read(number: int) -> None:
        async with pool.acquire() as connection:
            statement = await connection.prepare(
                "select document, version, created_at, modified_at from ingest.person "
                "where tenant_id = $1 and connection_id = $2 and id = $3"
            )
            while time.perf_counter() < ends:
                await statement.fetchrow(*keys[counts[number] % len(keys)])
                counts[number] += 1

    began = time.perf_counter()
    await asyncio.gather(*(read(number) for number in range(connections)))
    rate = sum(counts) / (time.perf_counter() - began)
    await pool.close()
    return rate


async def publishes_per_second(amqp_url: str, seconds: float) -> float:
    """The relay's publisher alone: confirmed keys to a queue that keeps a few and refuses none."""
    queue = Queue("bench", {"x-queue-type": "quorum", "x-max-length": 1000, "x-overflow": "drop-head"})
    exchange = Exchange("bench", "direct")
    binding = Binding("bench", "bench", "router.in")
    broker = Broker(Secret(amqp_url), "bench", Topology("bench", (exchange,), (queue,), (binding,)))
    metrics = RelayMetrics(CollectorRegistry())
    publisher = Publisher(broker, tracer=open_tracing("bench", "bench").tracer, metrics=metrics)
    stopping = asyncio.Event()
    running = asyncio.create_task(publisher.run(stopping))
    deadline = time.perf_counter() + 20
    while not publisher.ready:
        if time.perf_counter() > deadline:
            raise TimeoutError("the broker did not answer")
        await asyncio.sleep(0.02)
    confirmed = 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        keys = [Key(Kind.PERSON, uuid4(), TenantId(uuid4()), 1) for _ in range(PUBLISH_BATCH)]
        receipts = await publisher.publish([Outgoing(key, urgent=False) for key in keys])
        confirmed += receipts.count(Receipt.CONFIRMED)
    rate = confirmed / (time.perf_counter() - began)
    stopping.set()
    await running
    return rate
