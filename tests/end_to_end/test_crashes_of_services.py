"""kill -9 of every service, at the points where it hurts, under load."""

import pytest

from tests.end_to_end import faults
from tests.end_to_end.desk_view import look_at_desk
from tests.end_to_end.faults import Fault, killed, killed_holding
from tests.end_to_end.gateway import Far
from tests.end_to_end.judging import judge
from tests.end_to_end.load import under_load
from tests.end_to_end.scene import Scene
from tests.end_to_end.tcp_proxy import Direction

POINTS: dict[str, Fault] = {
    "ingest before the commit": killed_holding("ingest", Far.DATABASE, Direction.TO_SERVER),
    "ingest after the commit, before the answer": killed_holding("ingest", Far.DATABASE, Direction.TO_CLIENT),
    "relay between mark and publish": killed_holding("relay", Far.BROKER, Direction.TO_SERVER),
    "relay before the confirm": killed_holding("relay", Far.BROKER, Direction.TO_CLIENT),
    "router before the decision": killed_holding("router", Far.DATABASE, Direction.TO_SERVER),
    "router after the decision": killed_holding("router", Far.DATABASE, Direction.TO_CLIENT),
    "router before the ack": faults.router_killed_before_the_ack,
    "writer before the call": faults.writer_killed_before_the_call,
    "writer after the call": faults.writer_killed_after_the_call,
    "writer before the record": faults.writer_killed_before_the_record,
    "writer before the ack": faults.writer_killed_before_the_ack,
    "writer, and the desk acts late": faults.desk_acts_after_its_client_died,
    "relay while a wide change expands": faults.relay_killed_while_a_wide_change_expands,
    "all at once": killed("ingest", "relay", "router", "writer"),
}


@pytest.mark.parametrize("point", POINTS)
async def test_killed_under_load_nothing_is_lost_and_nothing_is_done_twice(scene: Scene, point: str) -> None:
    before = await look_at_desk(scene.gateway.sandbox)
    async with under_load(scene.idps, seed=list(POINTS).index(point)) as load:
        await load.more(20)
        await POINTS[point](scene)
        await load.more(20)
    after = await judge(scene.gateway, scene.idps)
    if "writer" not in point and "all" not in point:  # no answer of the desk was lost: no create came twice
        assert after.duplicate_creates == before.duplicate_creates
