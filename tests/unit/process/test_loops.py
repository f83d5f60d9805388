import asyncio
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest

from vestibule.process.loops import LONGEST_BACKOFF, Counts, Supervisor, backoff, pause
from vestibule.telemetry.metrics import LoopMetrics


class ScriptedLoop:
    """Does what the script says, round by round, and sets `stopping` at its end."""

    name = "scripted"
    pause = 0.0

    def __init__(self, stopping: asyncio.Event, script: Iterable[Exception | Counts | None]) -> None:
        self._stopping = stopping
        self._script: Iterator[Exception | Counts | None] = iter(script)
        self.rounds = 0

    async def run_once(self) -> Counts:
        step = next(self._script, None)
        self.rounds += 1
        if step is None:
            self._stopping.set()
            return {}
        if isinstance(step, Exception):
            raise step
        return step


async def run(supervisor: Supervisor, stopping: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await supervisor.run(stopping)


async def test_a_loop_is_repeated_until_it_is_told_to_stop() -> None:
    registry, stopping = CollectorRegistry(), asyncio.Event()
    supervisor = Supervisor(LoopMetrics(registry))
    loop = ScriptedLoop(stopping, [{"picked": 2}, {"picked": 3}])
    supervisor.add_loop(loop)
    await run(supervisor, stopping)
    assert loop.rounds == 3
    assert (
        'vestibule_loop_items_total{item="picked",loop="scripted"} 5.0' in generate_latest(registry).decode()
    )


async def test_a_failed_round_turns_readiness_false_until_one_succeeds() -> None:
    stopping = asyncio.Event()
    supervisor = Supervisor(LoopMetrics(CollectorRegistry()))
    seen: list[bool] = []

    class Watched(ScriptedLoop):
        async def run_once(self) -> Counts:
            seen.append(supervisor.checks()["scripted"]())
            return await super().run_once()

    supervisor.add_loop(Watched(stopping, [ValueError("x"), ValueError("y"), {}]))
    await run(supervisor, stopping)
    assert seen == [True, False, False, True]


async def test_a_round_that_hangs_is_given_up_and_tried_again() -> None:
    registry, stopping = CollectorRegistry(), asyncio.Event()

    class Hanging(ScriptedLoop):
        async def run_once(self) -> Counts:
            if self.rounds == 0:
                self.rounds += 1
                await asyncio.Event().wait()
            return await super().run_once()

    supervisor = Supervisor(LoopMetrics(registry), round_seconds=0.01)
    supervisor.add_loop(Hanging(stopping, []))
    await run(supervisor, stopping)
    assert (
        'vestibule_loop_rounds_total{loop="scripted",result="failed"} 1.0'
        in generate_latest(registry).decode()
    )


async def test_a_task_that_crashes_or_ends_early_is_started_again() -> None:
    stopping = asyncio.Event()
    supervisor = Supervisor(LoopMetrics(CollectorRegistry()))
    starts: list[bool] = []

    async def task(stopping: asyncio.Event) -> None:
        starts.append(health.well)
        match len(starts):
            case 1:
                raise RuntimeError("crash")
            case 2:
                return
            case _:
                stopping.set()

    health = supervisor.add_task("consumer", task)
    await run(supervisor, stopping)
    assert starts == [True, True, True]
    assert health.failures == 2


async def test_a_crashed_loop_does_not_end_the_others() -> None:
    stopping = asyncio.Event()
    supervisor = Supervisor(LoopMetrics(CollectorRegistry()))
    failing = ScriptedLoop(asyncio.Event(), [ValueError("x")] * 1000)
    steady = ScriptedLoop(stopping, [{}] * 20)
    supervisor.add_loop(failing)
    supervisor.add_loop(steady)
    await run(supervisor, stopping)
    assert steady.rounds == 21


def test_backoff_grows_to_a_ceiling() -> None:
    assert 0.05 <= backoff(1) <= 0.1
    assert all(LONGEST_BACKOFF / 2 <= backoff(failures) <= LONGEST_BACKOFF for failures in (8, 50, 10_000))


async def test_a_pause_ends_when_it_is_time_to_stop() -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().call_soon(stopping.set)
    async with asyncio.timeout(5):
        assert await pause(stopping, 3600)
        assert await pause(stopping, 3600)
    assert not await pause(asyncio.Event(), 0.001)
