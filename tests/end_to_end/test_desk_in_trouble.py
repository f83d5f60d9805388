"""The desk is down, slow, throttled, or acts and says nothing, under load."""

import pytest

from tests.end_to_end import faults
from tests.end_to_end.faults import Fault, desk_misbehaves
from tests.end_to_end.judging import judge
from tests.end_to_end.load import under_load
from tests.end_to_end.scene import Scene

# Counted, so that nobody is hit often enough to climb the retry ladder beyond what a test can wait for.
TROUBLES: dict[str, Fault] = {
    "down": faults.desk_killed,
    "slow": desk_misbehaves(latency_ms=600, jitter_ms=600, seconds=4.0),
    "throttled at single calls": desk_misbehaves({"kind": "throttle", "count": 12, "retry_after": 1}),
    "throttled as a whole": desk_misbehaves(
        {"kind": "throttle", "reason": "jira-quota-tenant-based", "count": 2, "retry_after": 2}
    ),
    "silent after it acted": desk_misbehaves(
        {"kind": "hang", "after_effect": True, "seconds": 5, "share": 0.5, "count": 6}
    ),
    "cut off after it acted": desk_misbehaves(
        {"kind": "cut", "after_effect": True, "share": 0.5, "count": 8}
    ),
    "broken": desk_misbehaves(
        {"kind": "answer", "status": 500, "body": "html", "share": 0.5, "count": 6},
        {"kind": "unavailable", "retry_after": 1, "share": 0.5, "count": 4},
    ),
    "late to show whom it made": desk_misbehaves(
        {"kind": "cut", "endpoint": "customer", "method": "POST", "after_effect": True, "count": 3},
        visible_after_ms=1500,
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_desk_in_trouble_gets_everything_once_it_is_well(scene: Scene, trouble: str) -> None:
    async with under_load(scene.idps, seed=200 + list(TROUBLES).index(trouble)) as load:
        await load.more(10)
        await TROUBLES[trouble](scene)
        await load.more(20)
    await judge(scene.gateway, scene.idps)
