"""Everything that goes wrong on purpose. Each function does its damage, and mends what an operator would."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from tests.end_to_end.customer import Person
from tests.end_to_end.customers import CONNECTION, console_of
from tests.end_to_end.gateway import CALL_SECONDS, Far
from tests.end_to_end.scene import Scene
from tests.end_to_end.tcp_proxy import Direction
from vestibule_operator_console.connections import pause, resume

HELD_SECONDS = 20.0
DOWN_SECONDS = 2.0

Fault = Callable[[Scene], Awaitable[None]]
Reached = Callable[[Person], Awaitable[None]]


async def outage(seconds: float = DOWN_SECONDS) -> None:
    """How long something is away: the length of the fault itself, nothing is waited for."""
    await asyncio.sleep(seconds)


async def kill_and_start(scene: Scene, *services: str) -> None:
    """SIGKILL wherever they are, and a new start."""
    await asyncio.gather(*(scene.gateway.kill(service) for service in services))
    await scene.gateway.start(*services)


async def kill_holding(
    scene: Scene, service: str, far: Far, direction: Direction, reached: Reached | None = None
) -> None:
    """Kill it in the moment when something that it sends, or is sent, is on its way; that is lost.

    With `reached` there is a newcomer, and nothing is killed before he has come so far.
    """
    link = scene.link(service, far)
    link.hold(direction)
    if reached is not None:
        await reached(await scene.newcomer())
    await link.held_something(direction, HELD_SECONDS)
    await kill_and_start(scene, service)


def killed_holding(service: str, far: Far, direction: Direction) -> Fault:
    """SIGKILL while something is on its way, whatever it is."""

    async def fault(scene: Scene) -> None:
        await kill_holding(scene, service, far, direction)

    return fault


def killed(*services: str) -> Fault:
    """SIGKILL at any moment."""

    async def fault(scene: Scene) -> None:
        await kill_and_start(scene, *services)

    return fault


async def router_killed_before_the_ack(scene: Scene) -> None:
    """The decision is written, its message comes again."""
    await kill_holding(scene, "router", Far.BROKER, Direction.TO_SERVER, scene.decided)


async def writer_killed_before_the_call(scene: Scene) -> None:
    """Claimed, intent saved, and the request never left."""
    await kill_holding(scene, "writer", Far.DESK, Direction.TO_SERVER, scene.claimed)


async def writer_killed_after_the_call(scene: Scene) -> None:
    """The desk has done it and the answer is lost."""
    link = scene.link("writer", Far.DESK)
    link.hold(Direction.TO_CLIENT)
    await scene.at_the_desk(await scene.newcomer())
    await kill_and_start(scene, "writer")


async def writer_killed_before_the_record(scene: Scene) -> None:
    """The desk has answered and the database never hears of it."""
    desk, database = scene.link("writer", Far.DESK), scene.link("writer", Far.DATABASE)
    desk.hold(Direction.TO_CLIENT)
    await scene.at_the_desk(await scene.newcomer())
    database.hold(Direction.TO_SERVER)
    desk.let_go(Direction.TO_CLIENT)
    await database.held_something(Direction.TO_SERVER, HELD_SECONDS)
    await kill_and_start(scene, "writer")


async def writer_killed_before_the_ack(scene: Scene) -> None:
    """Done and recorded, and the message comes again."""
    await kill_holding(scene, "writer", Far.BROKER, Direction.TO_SERVER, scene.recorded)


async def desk_acts_after_its_client_died(scene: Scene) -> None:
    """The dead writer's create arrives late, while the next writer waits for the dead one's claim to end."""
    link = scene.link("writer", Far.DESK)
    link.hold(Direction.TO_SERVER)
    person = await scene.newcomer()
    await scene.claimed(person)
    await link.held_something(Direction.TO_SERVER, HELD_SECONDS)
    await scene.gateway.kill_only("writer")
    await scene.gateway.start("writer", wait=False)
    link.let_go(Direction.TO_SERVER)
    await scene.gateway.ready("writer")


async def relay_killed_while_a_wide_change_expands(scene: Scene) -> None:
    """A connection is paused and resumed: everybody in it is judged anew, by several relays."""
    slug = scene.idps[-1].slug
    async with console_of(scene.gateway) as console:
        for _ in range(3):
            await pause(console, slug, CONNECTION)
            await outage(0.3)
            await resume(console, slug, CONNECTION)
            await kill_and_start(scene, "relay")


async def broker_killed(scene: Scene) -> None:
    """SIGKILL to RabbitMQ, and a new start."""
    await scene.gateway.kill_broker()
    await outage()
    await scene.gateway.start_servers()


async def database_killed(scene: Scene) -> None:
    """An immediate stop of PostgreSQL, and a new start."""
    await scene.gateway.kill_database()
    await outage()
    await scene.gateway.start_servers()


def unplugged(far: Far) -> Fault:
    """Every connection of that kind falls silent, and then breaks."""

    async def fault(scene: Scene) -> None:
        links = [link for (_, other), link in scene.gateway.links.items() if other is far]
        for link in links:
            for direction in Direction:
                link.hold(direction)
        await outage(CALL_SECONDS)
        for link in links:
            link.cut()

    return fault


async def desk_killed(scene: Scene) -> None:
    """SIGKILL to the desk, and a new start with what it had answered for."""
    await scene.gateway.kill_desk()
    await outage()
    await scene.gateway.start("desk")
    await scene.gateway.start_servers()


def desk_misbehaves(*faults: Mapping[str, object], seconds: float = 3.0, **settings: float | bool) -> Fault:
    """The desk answers, but badly, for a while."""

    async def fault(scene: Scene) -> None:
        await scene.gateway.sandbox.misbehave(*faults, **settings)
        await outage(seconds)
        switched = await scene.gateway.sandbox.admin("GET", "faults")
        assert all(fault["hits"] for fault in switched["faults"]), "a fault that never struck proves nothing"
        await scene.gateway.sandbox.admin("DELETE", "faults")

    return fault
