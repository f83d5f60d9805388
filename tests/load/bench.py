"""`make bench`: what the gateway does beside the raw limits of the same machine in the same run.

Example: make bench ARGS="--seconds 5 --output bench.json". Prints a table and saves it as JSON.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp
import asyncpg
import orjson
import uvloop
from rich.console import Console as Terminal
from rich.table import Table

from infra.local.places import LOCAL
from infra.local.stack import Stack
from tests.load import chain_load, ingest_load, raw_limits
from tests.load.people import okta_body
from tests.load.surroundings import Measured, console_of, gateway, make_customers, resident_mebibytes

CUSTOMERS = 20
CONNECTIONS = 16
STEADY_RATE = 50.0  # creates a second
WAITING = 50_000
DESK_LATENCY_MS = 20
LEAVERS = 60
MEMORY_GOAL = 150.0  # MiB
BEHIND = ("relay", "router", "writer")

Work = Callable[
    [Sequence[Measured], ingest_load.Directory, int, float], Coroutine[None, None, ingest_load.Load]
]


@dataclass(frozen=True, slots=True)
class Line:
    """One measured number, its goal where there is one, and the raw limit that it is a share of."""

    work: str
    value: float
    unit: str
    share_of: str = ""
    share: float | None = None
    goal: str = ""
    met: bool | None = None


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which this share lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Bench:
    """The phases of one run, in order, each adding its lines."""

    def __init__(self, stack: Stack, admin: asyncpg.Pool, seconds: float, tell: Terminal) -> None:
        self.stack, self.admin, self.seconds, self.tell = stack, admin, seconds, tell
        self.lines: list[Line] = []
        self.directory = ingest_load.Directory()
        self.raw = {"commits": 0.0, "reads": 0.0}
        self.customers: list[Measured] = []

    async def run(self) -> None:
        """Everything."""
        async with console_of(self.stack) as console:
            self.customers = await make_customers(self.stack, console, CUSTOMERS)
        await chain_load.settle(self.admin, self.say)
        self.stop(*BEHIND)
        await self.raw_commits()
        await self.ask("creates", ingest_load.creates, "ingest alone", 0.25)
        await self.start()
        await self.chain()
        self.stop(*BEHIND)
        await self.raw_reads()
        await self.ask("gets by id", ingest_load.gets, "ingest alone")
        await self.ask("patches of active", ingest_load.patches, "ingest alone")
        await self.start()
        await chain_load.settle(self.admin, self.say)
        await self.ask("creates", ingest_load.creates, "with the whole chain", 0.12)
        await self.ask("gets by id", ingest_load.gets, "with the whole chain")
        await self.ask("patches of active", ingest_load.patches, "with the whole chain")
        await chain_load.settle(self.admin, self.say)
        await self.steady()
        await self.leavers()
        self.memory()
        await self.raw_publishes()

    async def raw_commits(self) -> None:
        """asyncpg alone."""
        self.say("asyncpg alone, committing the same rows")
        addresses = self.stack.servers.addresses()
        rate = await raw_limits.commits_per_second(addresses.database, CONNECTIONS, self.seconds)
        self.raw["commits"] = rate
        self.add(Line("asyncpg alone, the same rows", rate, "commits/s"))

    async def raw_reads(self) -> None:
        """asyncpg alone, reading what ingest stored."""
        self.say("asyncpg alone, reading by key")
        addresses = self.stack.servers.addresses()
        self.raw["reads"] = await raw_limits.reads_per_second(addresses.database, CONNECTIONS, self.seconds)
        self.add(Line("asyncpg alone, keyed reads", self.raw["reads"], "reads/s"))

    async def ask(self, name: str, work: Work, where: str, goal: float | None = None) -> None:
        """One sort of request as fast as it is answered."""
        self.say(f"{name}, {where}")
        load = await work(self.customers[:CONNECTIONS], self.directory, CONNECTIONS, self.seconds)
        self.check(load)
        raw = "reads" if work is ingest_load.gets else "commits"
        ratio = load.per_second / self.raw[raw]
        self.add(
            Line(
                f"{name}, {where} (p99 {load.percentile(0.99) * 1000:.0f} ms)",
                load.per_second,
                "requests/s",
                raw,
                ratio,
                "" if goal is None else f"{goal:.0%}",
                None if goal is None else ratio >= goal,
            )
        )

    async def chain(self) -> None:
        """The backlog that the creates left behind."""
        self.say("the chain, applying what was accepted")
        rate, applied = await chain_load.applied_per_second(self.admin, self.say)
        self.add(
            Line(
                f"accounts applied at the desk, backlog of {applied}",
                rate,
                "accounts/s",
                goal="300",
                met=rate >= 300,
            )
        )

    async def steady(self) -> None:
        """A steady stream, and how late each account is."""
        self.say(f"{STEADY_RATE:.0f} creates a second")
        load, began = await chain_load.creates_at(
            self.customers, self.directory, STEADY_RATE, max(10.0, self.seconds * 2)
        )
        self.check(load)
        await chain_load.settle(self.admin, self.say)
        late = await chain_load.accepted_to_applied(self.admin, began)
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
            value = quantile(late, share)
            goal = ("1", value < 1.0) if name == "p95" else ("", None)
            self.add(
                Line(
                    f"accepted to applied at {STEADY_RATE:.0f}/s, {name}",
                    value,
                    "s",
                    goal=goal[0],
                    met=goal[1],
                )
            )

    async def leavers(self) -> None:
        """Leavers of one customer while another's first load waits at a slow desk."""
        heavy, light = self.customers[0], self.customers[1]
        ids = await self.people_of(light, LEAVERS)
        await chain_load.settle(self.admin, self.say)
        environ = self.stack.console_environ()
        async with (
            aiohttp.ClientSession() as session,
            session.put(
                f"{environ['SANDBOX_DESK_URL']}/sandbox/faults", json={"latency_ms": DESK_LATENCY_MS}
            ) as answer,
        ):
            answer.raise_for_status()
        await self.admin.execute(chain_load.FIRST_LOAD, heavy.slug, WAITING, timeout=120)
        self.say(f"leavers of one customer behind {WAITING} waiting people of another")
        late = await chain_load.leavers_behind(self.admin, light, ids, 0.2)
        waiting = await self.admin.fetchval(chain_load.OPEN_WORK)
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            value = quantile(late, share)
            goal = ("2", value < 2.0) if name == "p99" else ("", None)
            self.add(
                Line(
                    f"a leaver behind {WAITING} ({waiting} still waiting), {name}",
                    value,
                    "s",
                    goal=goal[0],
                    met=goal[1],
                )
            )

    async def people_of(self, customer: Measured, number: int) -> list[str]:
        """So many new active people."""
        before = len(self.directory.ids.get(customer.slug, []))
        async with customer.wire() as wire:
            for _ in range(number):
                body = okta_body(f"leaver{next(self.directory.serial)}", customer.domain)
                self.directory.add(customer, await wire.call("POST", "/Users", body))
        return self.directory.ids[customer.slug][before:]

    async def raw_publishes(self) -> None:
        """Confirmed publishing alone, with nothing else running."""
        self.stop("ingest", *BEHIND, "desk")
        self.say("confirmed publishing alone")
        rate = await raw_limits.publishes_per_second(self.stack.servers.addresses().amqp, self.seconds)
        self.add(Line("confirmed publishing alone", rate, "messages/s"))

    def memory(self) -> None:
        """Resident memory after all of it."""
        for name, size in resident_mebibytes(self.stack).items():
            if name == "desk":
                continue
            self.add(
                Line(f"memory of {name}", size, "MiB", goal=f"{MEMORY_GOAL:.0f}", met=size < MEMORY_GOAL)
            )

    def check(self, load: ingest_load.Load) -> None:
        """A rate of wrong answers is no rate."""
        wrong = {status: number for status, number in load.statuses.items() if status >= 300}
        if wrong:
            raise RuntimeError(f"requests were not accepted: {wrong}")

    async def start(self) -> None:
        """Have every service running again."""
        await asyncio.to_thread(self.stack.up, lambda _line: None)

    def stop(self, *names: str) -> None:
        """End services for a phase that is measured without them."""
        for name in names:
            self.stack.process(name).stop(15)

    def add(self, line: Line) -> None:
        """Keep a line."""
        self.lines.append(line)

    def say(self, text: str) -> None:
        """Progress for the person who waits."""
        self.tell.print(f"[dim]{text}[/dim]")


def table_of(lines: Sequence[Line]) -> Table:
    """The lines for a person."""
    table = Table(title="Vestibule beside this machine's own limits", title_justify="left")
    for heading, justify in (
        ("work", "left"),
        ("measured", "right"),
        ("share", "right"),
        ("goal", "right"),
        ("", "left"),
    ):
        table.add_column(heading, justify="right" if justify == "right" else "left")
    for line in lines:
        value = f"{line.value:,.3f}" if line.unit == "s" else f"{line.value:,.0f}"
        share = "" if line.share is None else f"{line.share:.0%} of {line.share_of}"
        met = "" if line.met is None else ("met" if line.met else "missed")
        table.add_row(line.work, f"{value} {line.unit}", share, line.goal, met)
    return table


async def bench(stack: Stack, seconds: float) -> list[Line]:
    """One run on a gateway that is up and empty."""
    admin = await asyncpg.create_pool(stack.servers.addresses().database, min_size=1, max_size=4)
    run = Bench(stack, admin, seconds, Terminal(stderr=True))
    try:
        await run.run()
    finally:
        admin.terminate()
    return run.lines


def main() -> None:
    """Exit 0 when it could be measured, whether or not the goals were met; 1 when something was wrong."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="length of each phase (default 6)")
    parser.add_argument("--output", type=Path, default=LOCAL / "bench.json", help="where the JSON goes")
    arguments = parser.parse_args()
    with gateway("bench") as stack:
        lines = uvloop.run(bench(stack, arguments.seconds))
    Terminal(width=110).print(table_of(lines))
    found = {"cores": os.cpu_count(), "customers": CUSTOMERS, "connections": CONNECTIONS}
    document = found | {"lines": [asdict(line) for line in lines]}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    sys.stdout.write(f"saved to {arguments.output.name}\n")


if __name__ == "__main__":
    main()
