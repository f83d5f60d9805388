"""Messages repeated, reversed, late, of the future or of nobody; and several replicas of everything."""

import uuid
from collections.abc import Sequence

import aio_pika
import pytest

from tests.end_to_end.backlog import administrator, queued, settle
from tests.end_to_end.desk_view import look_at_desk
from tests.end_to_end.gateway import Gateway
from tests.end_to_end.judging import judge
from tests.end_to_end.load import under_load
from tests.end_to_end.scene import Scene
from tests.waiting import until
from vestibule.domain.identifiers import Kind, TenantId
from vestibule.messages.envelope import Key, encode
from vestibule.messages.topology import EXCHANGE, queue_of

NEWEST = "select kind, id, tenant_id, version from chain.sync order by marked_at desc limit 60"
PUBLISH_SECONDS = 10.0


async def newest_keys(gateway: Gateway) -> list[Key]:
    """Keys that were worked on lately."""
    async with administrator(gateway) as database:
        rows = await database.fetch(NEWEST)
    return [Key(Kind(row["kind"]), row["id"], TenantId(row["tenant_id"]), row["version"]) for row in rows]


def repeated_and_reversed(keys: Sequence[Key]) -> list[tuple[str, bytes]]:
    """Every version that each key had, and one that it never had, newest first, on both queues."""
    return [
        (queue_of(key.kind, urgent), encode(Key(key.kind, key.id, key.tenant, version)))
        for urgent in (False, True)
        for key in keys
        for version in range(key.version + 1, max(0, key.version - 3), -1)
    ]


async def publish(gateway: Gateway, messages: Sequence[tuple[str, bytes]]) -> None:
    """Straight into the queues, past the relay."""
    connection = await aio_pika.connect(gateway.addresses.amqp, timeout=PUBLISH_SECONDS)
    async with connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(EXCHANGE)
        for queue, body in messages:
            await exchange.publish(aio_pika.Message(body), queue, timeout=PUBLISH_SECONDS)


async def consumed(gateway: Gateway) -> None:
    """Return when every queue is empty."""

    async def empty() -> bool:
        return not any((await queued(gateway)).values())

    await until(empty, 30, "queues empty")


async def test_repeated_and_reversed_messages_under_load_do_no_harm(scene: Scene) -> None:
    async with under_load(scene.idps, seed=300) as load:
        for _ in range(3):
            await load.more(10)
            await publish(scene.gateway, repeated_and_reversed(await newest_keys(scene.gateway)))
    await judge(scene.gateway, scene.idps)


async def test_a_repeated_message_of_work_that_is_done_calls_nobody(scene: Scene) -> None:
    await scene.newcomer()
    await settle(scene.gateway)
    before = await look_at_desk(scene.gateway.sandbox)
    await scene.gateway.sandbox.admin("DELETE", "counters")
    await publish(scene.gateway, repeated_and_reversed(await newest_keys(scene.gateway)))
    await consumed(scene.gateway)
    await judge(scene.gateway, scene.idps)
    assert (await look_at_desk(scene.gateway.sandbox)).effects == before.effects
    assert await scene.gateway.sandbox.calls() == {}


async def test_messages_that_nobody_can_read_or_knows_are_taken_away(scene: Scene) -> None:
    nobody = Key(Kind.PERSON, uuid.uuid4(), TenantId(uuid.uuid4()), 1)
    bodies = (
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 5_000,
        b'{"v":99,"kind":"person"}',
        b'{"v":1,"kind":"dragon","id":"x","tenant":"y","version":1}',
        encode(nobody),
    )
    queues = [queue_of(kind, urgent) for kind in (Kind.PERSON, Kind.ACCOUNT) for urgent in (False, True)]
    await publish(scene.gateway, [(queue, body) for queue in queues for body in bodies])
    await consumed(scene.gateway)
    await scene.at_the_desk(await scene.newcomer())
    await judge(scene.gateway, scene.idps)


@pytest.mark.parametrize("service", ["relay", "router", "writer"])
async def test_two_replicas_share_the_work_and_one_may_die(scene: Scene, service: str) -> None:
    gateway = scene.gateway
    other = await gateway.add_replica(service)
    async with under_load(scene.idps, seed=310) as load:
        await load.more(20)
        await gateway.kill(service)
        await load.more(20)
        await gateway.start(service)
        await load.more(10)
        await gateway.stop(other)
    await judge(gateway, scene.idps)


async def test_a_rolling_restart_drains_and_nobody_notices(scene: Scene) -> None:
    async with under_load(scene.idps, seed=320) as load:
        for service in ("relay", "router", "writer", "ingest"):
            await load.more(5)
            await scene.gateway.stop(service)
            await scene.gateway.start(service)
        await load.more(10)
    await judge(scene.gateway, scene.idps)


async def test_when_the_services_have_stopped_no_message_is_left_anywhere(scene: Scene) -> None:
    async with under_load(scene.idps, seed=330) as load:
        await load.more(20)
    await judge(scene.gateway, scene.idps)
    await scene.gateway.stop("relay", "router", "writer")  # what they held unacked would be back in its queue
    assert not any((await queued(scene.gateway)).values())
