"""The pace at a desk: few statements, leavers first, and nobody waits without a bound."""

from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from tests.integration.directory_writer.rig import Clock, Rig
from vestibule.database.permits import take_permits
from vestibule.database.pool import Pool
from vestibule.domain.identifiers import DeskId
from vestibule.domain.pace import Rate, Rates
from vestibule.telemetry.metrics import DeskMetrics
from vestibule_directory_writer.connectors.failures import Scope
from vestibule_directory_writer.permits import DeskPermits, NoPermit


class Counted:
    """A pool that counts its statements."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.statements = 0

    def __getattr__(self, name: str) -> Any:
        self.statements += 1
        return getattr(self._pool, name)


def permits(rig: Rig, rate: Rate, clock: Clock | None = None, pool: Pool | None = None) -> DeskPermits:
    return DeskPermits(
        pool or rig.pool,
        DeskId(rig.desk_id),
        Rates(rate),
        DeskMetrics(CollectorRegistry()),
        clock or Clock(),
    )


async def test_permits_are_taken_in_chunks(rig: Rig) -> None:
    counted = Counted(rig.pool)
    paced = permits(rig, Rate(1_000.0, 1_000.0), pool=cast(Pool, counted))
    for _ in range(500):
        await paced.take("customer", "POST", urgent=False)
    assert counted.statements == 1


async def test_what_was_taken_is_not_kept_for_later(rig: Rig) -> None:
    clock, counted = Clock(), Counted(rig.pool)
    paced = permits(rig, Rate(1_000.0, 1_000.0), clock, cast(Pool, counted))
    await paced.take("customer", "POST", urgent=False)
    clock.now += 0.6
    await paced.take("customer", "POST", urgent=False)
    assert counted.statements == 2


async def test_two_processes_share_one_burst_and_leavers_have_a_share_of_it(rig: Rig) -> None:
    rate = Rate(0.001, 10.0)
    one, two = permits(rig, rate), permits(rig, rate)
    given = 0
    for paced in (one, two) * 10:
        try:
            await paced.take("customer", "POST", urgent=False)
        except NoPermit as refused:
            assert refused.code == "permits"
        else:
            given += 1
    assert given == 8
    for paced in (one, two):
        await paced.take("customer", "POST", urgent=True)
    with pytest.raises(NoPermit):
        await one.take("customer", "POST", urgent=True)


async def test_a_burst_of_one_is_for_everybody(rig: Rig) -> None:
    await permits(rig, Rate(0.001, 1.0)).take("customer", "POST", urgent=False)


async def test_a_pause_of_one_endpoint_reaches_the_other_process_and_no_other_endpoint(rig: Rig) -> None:
    rate = Rate(1_000.0, 1_000.0)
    one, two = permits(rig, rate), permits(rig, rate)
    await one.take("customer", "POST", urgent=False)
    await one.throttled("customer", "POST", 30.0, Scope.ENDPOINT)
    for paced in (one, two):
        for urgent in (False, True):
            with pytest.raises(NoPermit) as refused:
                await paced.take("customer", "POST", urgent=urgent)
            assert refused.value.code == "throttled"
            assert 25 < refused.value.seconds <= 30
        await paced.take("customer", "GET", urgent=False)


async def test_a_pause_that_the_desk_asked_for_lasts_whatever_another_process_is_answered(rig: Rig) -> None:
    one, two = permits(rig, Rate(10.0, 10.0)), permits(rig, Rate(10.0, 10.0))
    await two.answered(False)
    await one.throttled("customer", "POST", 60.0, Scope.DESK)

    async def lasts() -> bool:
        paused: bool = await rig.admin.fetchval(
            "select code = 'throttled' and blocked_until > clock_timestamp() + interval '45 seconds' "
            "from chain.desk_flow"
        )
        return paused

    await two.answered(True)
    assert await lasts()
    for _ in range(4):
        await two.answered(False)
    assert await lasts()
    await rig.wake()
    await two.answered(True)
    assert (await rig.flow())["faults"] == 0


async def test_a_bucket_fills_again_at_its_rate(rig: Rig) -> None:
    desk, rate = DeskId(rig.desk_id), Rate(5.0, 10.0)

    async def take(want: int) -> int:
        return (await take_permits(rig.pool, desk, "customer", "POST", want, True, rate, 0.2)).granted

    assert await take(10) == 10
    emptied = await take_permits(rig.pool, desk, "customer", "POST", 1, True, rate, 0.2)
    assert emptied.granted == 0
    assert 0 < emptied.wait <= 0.2
    await rig.admin.execute("update writer.permit set refilled_at = refilled_at - interval '1 second'")
    assert 5 <= await take(10) <= 6
    await rig.admin.execute("update writer.permit set refilled_at = refilled_at - interval '1 hour'")
    assert await take(100) == 10


async def test_a_good_answer_costs_no_statement_at_a_healthy_desk(rig: Rig) -> None:
    counted = Counted(rig.pool)
    paced = permits(rig, Rate(10.0, 10.0), pool=cast(Pool, counted))
    for _ in range(50):
        await paced.answered(True)
    assert counted.statements == 0
    await paced.answered(False)
    assert (await rig.flow())["faults"] == 1
    await paced.answered(True)
    await paced.answered(True)
    assert (await rig.flow())["faults"] == 0
    assert counted.statements == 2
