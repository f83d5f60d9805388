"""`make load`: many identity providers at once, each with a life of its own; ends with a report.

Example: make load IDPS=50 PEOPLE=500 MINUTES=5 SEED=1. Exit code 0 only if nothing is wrong or lost, 1 if
something is, 2 for wrong usage, 130 for a run that was interrupted and found nothing wrong.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import asyncpg
import uvloop
from rich.console import Console as Terminal

from infra.identity_providers.exchanges import Refused, Unheard
from infra.identity_providers.speaking import Speaker, running_clock
from infra.local.places import LOCAL
from infra.local.stack import Stack
from tests.load import lateness, verdict
from tests.load.onboarding import (
    Participant,
    Plan,
    TargetError,
    identity_providers,
    onboard,
    open_desk,
    read_target,
)
from tests.load.progress import Progress
from tests.load.reporting import NOT_COMPARED, Line, Report, line_of, show
from tests.load.surroundings import console_of, gateway
from vestibule_operator_console.standings import TenantStandings, count_standings

LEAST_CLOSING_SECONDS: Final = 120.0
CLOSING_SHARE: Final = 2.0  # of the run's own time, for telling what is left, and for the desk to follow
READING_SECONDS: Final = 600.0
MOST_IDPS: Final = 1_000
MOST_PEOPLE: Final = 100_000
MOST_MINUTES: Final = 24 * 60.0


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known of a private gateway after a run."""

    late: Mapping[str, lateness.Lateness]
    organizations: Mapping[str, Mapping[str, int]]
    desk: verdict.DeskView
    standings: Mapping[str, TenantStandings]


class Run:
    """One run: everybody connects, lives and speaks, says what is left; then it is judged.

    `stack` is the private gateway, None where it runs elsewhere. `before_judging` is called once everything
    has settled.
    """

    def __init__(
        self,
        plan: Plan,
        participants: Sequence[Participant],
        stack: Stack | None,
        losing: float,
        terminal: Terminal,
        before_judging: Callable[["Run"], Awaitable[None]] | None = None,
    ) -> None:
        self.plan, self.participants, self.stack = plan, participants, stack
        clock = running_clock()
        self.speakers = [
            Speaker(idp, participant.endpoint, losing, f"{plan.seed}/{participant.slug}", clock)
            for participant, idp in zip(participants, identity_providers(participants, plan), strict=True)
        ]
        self.report = Report(plan)
        self.progress = Progress(terminal, self.speakers)
        self.closing = asyncio.Event()
        self._before_judging = before_judging

    async def run(self) -> Report:
        """Everything; the report says what is wrong."""
        began = time.monotonic()
        async with self.progress.shown():
            await self._connect()
            await self._live()
            self.report.seconds = time.monotonic() - began
            await self._settle_and_judge()
        return self.report

    def interrupt(self) -> None:
        """No more changes; what is under way is finished and reported."""
        self.report.interrupted = True
        for speaker in self.speakers:
            speaker.idp.agenda.abandon()
        self.closing.set()

    async def _connect(self) -> None:
        async def connect(participant: Participant, speaker: Speaker) -> None:
            try:
                await speaker.connect()
            except (Refused, Unheard) as problem:
                kind = f"{type(problem).__name__} {problem}".rstrip()
                self.report.problems.append(f"{participant.slug}: test connection failed: {kind}")
                speaker.idp.agenda.abandon()

        pairs = zip(self.participants, self.speakers, strict=True)
        await asyncio.gather(*(connect(participant, speaker) for participant, speaker in pairs))

    async def _live(self) -> None:
        """Changes until the time is over; then what is left, within a bound."""
        self.progress.phase = "living"
        bound = self.closing_seconds
        work = asyncio.create_task(self._work())
        interrupted = asyncio.create_task(self.closing.wait())
        either = {work, interrupted}
        await asyncio.wait(either, timeout=self.plan.seconds, return_when=asyncio.FIRST_COMPLETED)
        interrupted.cancel()
        if not self.closing.is_set():
            for speaker in self.speakers:
                speaker.idp.advance(self.plan.seconds)
            self.closing.set()
        self.progress.phase = "telling what is left"
        try:
            async with asyncio.timeout(bound):
                await work
        except TimeoutError:
            self.report.problems.append(f"not everything was told within {bound:.0f} s after the end")

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            for speaker in self.speakers:
                group.create_task(speaker.work(self.closing))

    @property
    def closing_seconds(self) -> float:
        """How long what is left may take."""
        return max(LEAST_CLOSING_SECONDS, self.plan.seconds * CLOSING_SHARE)

    async def _settle_and_judge(self) -> None:
        judged = None
        if self.stack is None:
            for what in ("accepted to applied", "the desk", "the invariant"):
                self.report.compared[what] = NOT_COMPARED
            if self._before_judging is not None:
                await self._before_judging(self)
        else:
            admin = await asyncpg.create_pool(self.stack.servers.addresses().database, min_size=1, max_size=2)
            try:
                judged = await self._look_at(self.stack, admin)
            finally:
                admin.terminate()
            self.report.problems += verdict.confessed(self.stack)
        self.progress.phase = "comparing"
        for participant, speaker in zip(self.participants, self.speakers, strict=True):
            self.report.lines.append(await self._judge(participant, speaker, judged))
        self._sum_up(judged is not None)

    async def _look_at(self, stack: Stack, admin: asyncpg.Pool) -> Judged:
        def tell(remaining: int) -> None:
            self.progress.phase = f"settling, {remaining:,} pieces of work are open"

        began = time.monotonic()
        remaining = await lateness.settle(admin, self.closing_seconds, tell)
        if remaining:
            self.report.problems.append(f"{remaining} pieces of work are still open")
        else:
            self.report.settled_after = time.monotonic() - began
        if self._before_judging is not None:
            await self._before_judging(self)
            await lateness.settle(admin, self.closing_seconds, tell)
        async with console_of(stack) as console:
            counted = {one.tenant.slug: one for one in await count_standings(console, None)}
        url = f"{stack.console_environ()['SANDBOX_DESK_URL']}/sandbox/state"
        timeout = aiohttp.ClientTimeout(total=READING_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            desk = verdict.DeskView(await answer.json())
        return Judged(
            await lateness.read_lateness(admin), await lateness.read_organizations(admin), desk, counted
        )

    async def _judge(self, participant: Participant, speaker: Speaker, judged: Judged | None) -> Line:
        problems = [*verdict.own_problems(speaker), *await verdict.compare_with_gateway(speaker)]
        late = lateness.Lateness()
        if judged is not None:
            slug = participant.slug
            late = judged.late.get(slug, late)
            organizations = judged.organizations.get(slug, {})
            problems += verdict.compare_with_desk(speaker.idp, organizations, judged.desk)
            problems += verdict.compare_with_standings(speaker.idp, judged.standings[slug], judged.desk)
        return line_of(participant, speaker, late, verdict.shortened(problems))

    def _sum_up(self, private: bool) -> None:
        people = sum(len(speaker.idp.beliefs.links) for speaker in self.speakers)
        compared = self.report.compared
        compared["each one's own view beside the gateway's"] = f"{people:,} people compared"
        if private:
            compared["each one's own view beside the desk's"] = f"{people:,} people compared"
            compared["the invariant"] = f"counted for {len(self.participants)} customers"


async def load(run: Run) -> Report:
    """One run that SIGINT and SIGTERM end early and well; a second one ends it at once."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def interrupted() -> None:
        if run.report.interrupted:
            task.cancel()
        run.interrupt()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)
    try:
        return await run.run()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def load_private(stack: Stack, plan: Plan, losing: float, terminal: Terminal) -> Report:
    """A run on a gateway of our own that is up and empty."""
    await open_desk(stack)
    participants = await onboard(stack, range(plan.idps))
    return await load(Run(plan, participants, stack, losing, terminal))


def main() -> None:
    """Read the command line, run, tell."""
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--idps", type=_whole(MOST_IDPS), default=10, help="identity providers (default 10)")
    parser.add_argument(
        "--people", type=_whole(MOST_PEOPLE), default=50, help="people of each, on average (default 50)"
    )
    parser.add_argument("--minutes", type=_minutes, default=1.0, help="how long they change (default 1)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed is the same run (default 1)")
    parser.add_argument("--target", type=Path, help="JSON list of base_url, token, domain, dialect")
    parser.add_argument("--losing", type=_share, default=0.01, help="share of answers lost (default 0.01)")
    parser.add_argument("--output", type=Path, default=LOCAL / "load.json", help="where the JSON goes")
    given = parser.parse_args()
    plan = Plan(given.idps, given.people, given.minutes, given.seed)
    terminal = Terminal(stderr=True, highlight=False)
    try:
        report = _carry_out(plan, given.target, given.losing, terminal)
    except TargetError as error:
        parser.error(str(error))
    show(report, Terminal(width=140, highlight=False))
    report.save(given.output)
    sys.stdout.write(f"saved to {given.output.name}\n")
    sys.exit(report.exit_code)


def _carry_out(plan: Plan, target: Path | None, losing: float, terminal: Terminal) -> Report:
    if target is not None:
        participants = read_target(target, plan.idps)

        async def elsewhere() -> Report:
            return await load(Run(plan, participants, None, losing, terminal))

        return uvloop.run(elsewhere())
    terminal.print("bringing up a private gateway")
    with gateway("load", {}) as stack:
        return uvloop.run(load_private(stack, plan, losing, terminal))


def _whole(most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {most}")
        return int(text)

    return parse


def _minutes(text: str) -> float:
    return _between(text, 0.05, MOST_MINUTES)


def _share(text: str) -> float:
    return _between(text, 0.0, 0.5)


def _between(text: str, least: float, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {least:g} to {most:g}")
    return value


if __name__ == "__main__":
    main()
