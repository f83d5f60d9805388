"""The broker and the database die under load, and idle, and are not there when a service starts."""

import pytest

from tests.end_to_end import faults
from tests.end_to_end.backlog import settle
from tests.end_to_end.faults import Fault, unplugged
from tests.end_to_end.gateway import Far
from tests.end_to_end.judging import judge
from tests.end_to_end.load import under_load
from tests.end_to_end.scene import Scene
from tests.waiting import until

NEEDED_BY = ("relay", "router", "writer")
DEATHS: dict[str, Fault] = {
    "broker killed": faults.broker_killed,
    "database stopped at once": faults.database_killed,
    "broker unplugged": unplugged(Far.BROKER),
    "database unplugged": unplugged(Far.DATABASE),
}


@pytest.mark.parametrize("death", DEATHS)
async def test_a_server_that_dies_under_load_takes_nothing_with_it(scene: Scene, death: str) -> None:
    async with under_load(scene.idps, seed=100 + list(DEATHS).index(death)) as load:
        await load.more(20)
        await DEATHS[death](scene)
        await load.more(20)
    await judge(scene.gateway, scene.idps)


async def test_consumers_that_were_idle_when_the_broker_died_consume_again(scene: Scene) -> None:
    await settle(scene.gateway)
    await faults.broker_killed(scene)
    await scene.at_the_desk(await scene.newcomer())
    await judge(scene.gateway, scene.idps)


async def test_services_that_start_without_a_broker_wait_for_it(scene: Scene) -> None:
    gateway = scene.gateway
    await gateway.kill_broker()
    await gateway.kill(*NEEDED_BY)
    person = await scene.newcomer()  # accepted: a request never waits for the broker
    await gateway.start(*NEEDED_BY, wait=False)

    async def answer_that_they_are_not_ready() -> bool:
        answers = [await gateway.probe(name, "/readyz") for name in NEEDED_BY]
        return answers == [503] * len(NEEDED_BY)

    await until(answer_that_they_are_not_ready, 20, "not ready, and told so")
    await gateway.start_servers()
    await gateway.ready(*NEEDED_BY)
    await scene.at_the_desk(person)
    await judge(gateway, scene.idps)


async def test_without_a_database_requests_are_put_off_and_none_fails(scene: Scene) -> None:
    scim = scene.idps[0].scim
    await scene.gateway.kill_database()
    answer = await scim.get("/Users?count=1")
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    await scene.gateway.start_servers()

    async def answered() -> bool:
        return (await scim.get("/Users?count=1")).status == 200

    await until(answered, 20, "answered again")
    await judge(scene.gateway, scene.idps)
