"""`make bench`: what the gateway does beside the raw limits of the same machine in the same run.

Example: make bench ROUNDS=3 ARGS="--seconds 5 --output bench.json". Prints a table and saves it as JSON.
Two processes of ingest serve the requests: one for each core that the goals are made for.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from statistics import mean, median
from typing import Final

import aiohttp
import asyncpg
import orjson
import uvloop
from rich.console import Console as Terminal

from infra.local.places import LOCAL
from infra.local.services import with_login
from infra.local.stack import Stack
from tests.load import chain_load, directory_load, ingest_load, raw_limits
from tests.load.measuring import Line, cpu_seconds, document_of, quantile, table_of
from tests.load.people import okta_body
from tests.load.replicas import Replica, second_ingest
from tests.load.surroundings import Measured, console_of, gateway, make_customers, resident_mebibytes

CUSTOMERS: Final = 20
CONNECTIONS: Final = 16
STEADY_RATE: Final = 50.0  # creates a second
WAITING: Final = 50_000
DESK_LATENCY_MS: Final = 20
LEAVERS: Final = 60
MEMORY_GOAL: Final = 150.0  # MiB
CROWDS: Final = (100_000, 10_000, 1_000)
PAGE_GOAL_MS: Final = 4.0
MEMBERS: Final = 50_000
GROWTH_GOAL: Final = 1.3
PUT_GOAL_SECONDS: Final = 5.0
NEIGHBOURS_GOAL: Final = 3.0
CREATE_CPU_GOAL_US: Final = 600.0
BEHIND: Final = ("relay", "router", "writer")
ALONE: Final = "ingest alone"
WHOLE: Final = "with the whole chain"

# What identity providers ask, which raw limit it is a share of, and the goal of ingest alone.
WORKS: Final[tuple[tuple[str, ingest_load.Work, str, float], ...]] = (
    ("creates", ingest_load.creates, "commits", 0.30),
    ("Okta sync (look up, POST, GET, PUT)", ingest_load.okta_sync, "commits", 0.25),
    ("patches of active", ingest_load.patches, "commits", 0.20),
    ("gets by id", ingest_load.gets, "reads", 0.25),
    ("filters userName eq", ingest_load.filters, "reads", 0.22),
)
RAW_LIMITS: Final = {"commits": raw_limits.commits_per_second, "reads": raw_limits.reads_per_second}
RAW_WORKS: Final = {"commits": "the same rows", "reads": "keyed reads"}
WHOLE_GOALS: Final = {"creates": 0.12}


class Bench:
    """The phases of one run, in order, each adding its lines."""

    def __init__(
        self, stack: Stack, replica: Replica, admin: asyncpg.Pool, seconds: float, tell: Terminal
    ) -> None:
        self.stack, self.replica, self.admin = stack, replica, admin
        self.seconds, self.tell = seconds, tell
        self.lines: list[Line] = []
        self.directory = ingest_load.Directory()
        self.raw: dict[str, list[float]] = {raw: [] for raw in RAW_LIMITS}
        self.customers: list[Measured] = []
        self.large: list[Measured] = []

    async def run(self) -> None:
        """Everything."""
        async with console_of(self.stack) as console:
            made = await make_customers(self.stack, console, CUSTOMERS + len(CROWDS))
        self.customers = [
            self.replica.serving(customer) if number % 2 else customer
            for number, customer in enumerate(made[:CUSTOMERS])
        ]
        self.large = made[CUSTOMERS:]
        await chain_load.settle(self.admin, self.say)
        self.stop(*BEHIND)
        await self.ask(*WORKS[0], ALONE)
        await self.start()
        await self.chain()  # before anything else is asked: what was created is what is to be applied
        self.stop(*BEHIND)
        for work in WORKS[1:]:
            await self.ask(*work, ALONE)
        self.raw_limits()
        await self.start()
        await chain_load.settle(self.admin, self.say)
        for name, asked, raw, _ in WORKS:
            await self.ask(name, asked, raw, WHOLE_GOALS.get(name), WHOLE)
        await chain_load.settle(self.admin, self.say)
        await self.steady()
        await self.leavers()
        self.memory()
        self.stop(*BEHIND)
        await self.directories()
        await self.raw_publishes()

    async def measure(self, raw: str) -> float:
        """What asyncpg alone does now, of which the work beside it is a share."""
        self.say(f"asyncpg alone, {raw}")
        address = self.stack.servers.addresses().database
        rate = await RAW_LIMITS[raw](address, CONNECTIONS, self.seconds / 2)
        self.raw[raw].append(rate)
        return rate

    def raw_limits(self) -> None:
        """The lines of what asyncpg did alone, in front of all others."""
        self.lines[:0] = [
            Line(f"asyncpg alone, {RAW_WORKS[raw]}", median(rates), f"{raw}/s")
            for raw, rates in self.raw.items()
        ]

    async def ask(self, name: str, work: ingest_load.Work, raw: str, goal: float | None, where: str) -> None:
        """One sort of request as fast as it is answered."""
        # the machine's own speed changes within seconds: it is measured on both sides of the work
        limits = [await self.measure(raw)] if where == ALONE else self.raw[raw]
        self.say(f"{name}, {where}")
        before = self.cpu()
        load = await work(self.customers[:CONNECTIONS], self.directory, CONNECTIONS, self.seconds)
        each = (self.cpu() - before) / sum(load.statuses.values()) * 1_000_000
        load.require_success()
        if where == ALONE:
            limits.append(await self.measure(raw))
        ratio = load.per_second / mean(limits)
        said, met = ("", None) if goal is None else (f"{goal:.0%}", ratio >= goal)
        if work is ingest_load.creates and where == ALONE:
            said, met = f"{said} or {CREATE_CPU_GOAL_US:.0f} µs", bool(met) or each <= CREATE_CPU_GOAL_US
        p99 = load.percentile(0.99) * 1000
        line = Line(f"{name}, {where}", load.per_second, "requests/s", raw, ratio, said, met, p99, each)
        self.add(line)

    async def directories(self) -> None:
        """What must not grow with the directory."""
        roles = orjson.loads((self.stack.folder / "credentials.json").read_bytes())["roles"]
        role = "vestibule_ingest"
        url = with_login(self.stack.servers.addresses().database, role, roles[role])
        crowds = []
        for customer, size in zip(self.large, CROWDS, strict=True):
            self.say(f"a directory of {size:,} people")
            crowds.append(await directory_load.load_crowd(url, customer, size, self.say))
        self.say(f"a group that grows to {MEMBERS:,}")
        self.lines += await directory_load.growth_lines(crowds[0], MEMBERS, GROWTH_GOAL, self.admin)
        self.say(f"a group of {MEMBERS:,} replaced")
        self.lines += await directory_load.replacement_lines(
            crowds[0], MEMBERS, self.customers, self.directory, PUT_GOAL_SECONDS, NEIGHBOURS_GOAL
        )
        await directory_load.come_to_rest(self.admin)
        for crowd in reversed(crowds):
            self.lines += await directory_load.page_lines(crowd, ALONE, PAGE_GOAL_MS)
        await self.start()
        for crowd in reversed(crowds):
            self.lines += await directory_load.page_lines(crowd, WHOLE)

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
        load.require_success()
        await chain_load.settle(self.admin, self.say)
        late = await chain_load.accepted_to_applied(self.admin, began)
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
            value = quantile(late, share)
            said, met = ("1", value < 1.0) if name == "p95" else ("", None)
            work = f"accepted to applied at {STEADY_RATE:.0f}/s, {name}"
            self.add(Line(work, value, "s", goal=said, met=met))

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
            said, met = ("2", value < 2.0) if name == "p99" else ("", None)
            work = f"a leaver behind {WAITING} ({waiting} still waiting), {name}"
            self.add(Line(work, value, "s", goal=said, met=met))

    async def people_of(self, customer: Measured, number: int) -> list[str]:
        """So many new active people."""
        before = len(self.directory.people.get(customer.slug, []))
        async with customer.wire() as wire:
            for _ in range(number):
                name = self.directory.new_name()
                answer = await wire.call("POST", "/Users", okta_body(name, customer.domain))
                self.directory.add(customer, name, answer)
        return [known.id for known in self.directory.people[customer.slug][before:]]

    async def raw_publishes(self) -> None:
        """Confirmed publishing alone, with nothing else running."""
        self.stop("ingest", *BEHIND, "desk")
        self.replica.process.stop(15)
        self.say("confirmed publishing alone")
        rate = await raw_limits.publishes_per_second(self.stack.servers.addresses().amqp, self.seconds)
        self.add(Line("confirmed publishing alone", rate, "messages/s"))

    def memory(self) -> None:
        """How long a start takes, and resident memory after all of it."""
        self.add(Line("start of ingest, until it is ready", self.replica.seconds_to_start, "s"))
        for name, size in resident_mebibytes(self.stack).items():
            if name == "desk":
                continue
            self.add(
                Line(f"memory of {name}", size, "MiB", goal=f"{MEMORY_GOAL:.0f}", met=size < MEMORY_GOAL)
            )

    def cpu(self) -> float:
        """CPU seconds of ingest and PostgreSQL."""
        running = (self.stack.process("ingest").identity(), self.replica.process.identity())
        return cpu_seconds(self.stack, [one.pid for one in running if one is not None])

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


async def bench(stack: Stack, replica: Replica, seconds: float) -> list[Line]:
    """One run on a gateway that is up and empty."""
    admin = await asyncpg.create_pool(stack.servers.addresses().database, min_size=1, max_size=4)
    run = Bench(stack, replica, admin, seconds, Terminal(stderr=True))
    try:
        await run.run()
    finally:
        admin.terminate()
    return run.lines


def main() -> None:
    """Exit 0 when it could be measured, whether or not the goals were met; 1 when something was wrong."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="runs, each on a new gateway (default 1)")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each phase (default 4)")
    parser.add_argument("--output", type=Path, default=LOCAL / "bench.json", help="where the JSON goes")
    arguments = parser.parse_args()
    rounds = []
    for number in range(1, arguments.rounds + 1):
        sys.stderr.write(f"round {number} of {arguments.rounds}\n")
        with gateway("bench") as stack, second_ingest(stack) as replica:
            rounds.append(uvloop.run(bench(stack, replica, arguments.seconds)))
    found = {"cores": os.cpu_count(), "customers": CUSTOMERS, "connections": CONNECTIONS}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    document = found | {"rounds": arguments.rounds, "lines": document_of(rounds)}
    arguments.output.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    Terminal(width=150).print(table_of(rounds, "Vestibule beside this machine's own limits"))
    sys.stdout.write(f"saved to {arguments.output.name}\n")


if __name__ == "__main__":
    main()
