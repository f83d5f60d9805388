"""`make directory`: one customer with a large directory is loaded, listed, searched and exported.

Example: make directory USERS=100000 GROUPS=2000. All goes over HTTP to a gateway of its own whose relay
is stopped; nothing may be missing, doubled or miscounted. Prints a table and saves it as JSON.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import asyncpg
import orjson
import uvloop
from rich.console import Console as Terminal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from infra.identity_providers.wire import Wire
from infra.local.places import LOCAL
from infra.local.stack import Stack
from tests.load.directory_load import come_to_rest
from tests.load.measuring import Line, document_of, table_of
from tests.load.people import GROUP, okta_body
from tests.load.surroundings import Measured, console_of, gateway, make_customers

CONNECTIONS: Final = 16
PAGE: Final = 100
EXPORT_PAGE: Final = 200
REPEATS: Final = 30  # of each request whose time is told
PAGE_GOAL_MS: Final = 4.0
DEPARTMENTS: Final = 50
BEHIND: Final = ("relay", "router", "writer", "desk")


class WrongAnswer(Exception):
    """The gateway said something that is not so; the text says what."""


@dataclass(slots=True)
class LargeDirectory:
    """One customer's people and groups as its identity provider knows them, and the run over them."""

    customer: Measured
    admin: asyncpg.Pool  # of the gateway's database
    users: int
    groups: int
    tell: Terminal
    people: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    async def run(self) -> list[Line]:
        """Load, let the server rest as in `make bench`, list, search, export.

        Raises WrongAnswer, OSError, TimeoutError.
        """
        self.people = await self._load("people", self.users, "/Users", self._person)
        self.teams = await self._load("groups", self.groups, "/Groups", self._team)
        await come_to_rest(self.admin)
        async with self.customer.wire() as wire:
            await self._pages(wire)
            await self._filters(wire)
            await self._export(wire, "/Users", self.people, "people")
            memberships = await self._export(wire, "/Groups", self.teams, "groups")
        self._expect("memberships exported", memberships, self.users)
        return self.lines

    async def _load(self, what: str, number: int, path: str, body: Callable[[int], bytes]) -> list[str]:
        ids, places = [""] * number, iter(range(number))

        async def work() -> None:
            async with self.customer.wire() as wire:
                for place in places:
                    answer = await wire.call("POST", path, body(place))
                    self._expect(f"the status of POST {path}", answer.status, 201)
                    ids[place] = str(answer.json()["id"])
                    progress.advance(task)

        began = time.perf_counter()
        with _progress(self.tell) as progress:
            task = progress.add_task(f"loading {what}", total=number)
            async with asyncio.TaskGroup() as tasks:
                for _ in range(CONNECTIONS):
                    tasks.create_task(work())
        self._add(f"{number:,} {what} created", number / (time.perf_counter() - began), "requests/s")
        return ids

    def _person(self, number: int) -> bytes:
        body = orjson.loads(okta_body(f"p{number}", self.customer.domain))
        body["title"] = f"Department {number % DEPARTMENTS}"
        return orjson.dumps(body)

    def _team(self, number: int) -> bytes:
        """Everybody is in one group."""
        members = [{"value": person} for person in self.people[number :: self.groups]]
        return orjson.dumps({"schemas": [GROUP], "displayName": f"Team {number}", "members": members})

    async def _pages(self, wire: Wire) -> None:
        for where, start in (("first", 1), ("middle", self.users // 2), ("last", self.users - PAGE + 1)):
            query = {"startIndex": str(start), "count": str(PAGE)}
            body = await self._timed(
                wire, f"a page of {PAGE}, the {where} one", "/Users", query, PAGE_GOAL_MS
            )
            self._expect(f"totalResults of the {where} page", body["totalResults"], self.users)
            self._expect(f"people on the {where} page", len(body["Resources"]), PAGE)
        first = await self._ask(wire, "/Users", {"cursor": "", "count": str(PAGE)})
        query = {"cursor": str(first["nextCursor"]), "count": str(PAGE)}
        await self._timed(wire, f"a page of {PAGE} by cursor", "/Users", query, PAGE_GOAL_MS)
        query = {"count": str(PAGE), "excludedAttributes": "members"}
        await self._timed(wire, f"a page of {PAGE} groups without members", "/Groups", query, PAGE_GOAL_MS)
        query = {"count": str(PAGE), "sortBy": "userName"}
        await self._timed(wire, f"a page of {PAGE}, sorted by userName", "/Users", query)

    async def _filters(self, wire: Wire) -> None:
        number = self.users // 3
        address = f"p{number}@{self.customer.domain}"
        one = (
            f'userName eq "{address}"',
            f'externalId eq "00up{number}"',
            f'emails[type eq "work"].value eq "{address}"',
            f'userName eq "{address}" and active eq true',
        )
        for text in one:
            shape = text.replace(address, "…").replace(f"00up{number}", "…")
            body = await self._timed(wire, shape, "/Users", {"filter": text}, PAGE_GOAL_MS)
            self._expect(text, [found["id"] for found in body["Resources"]], [self.people[number]])
        team = self.teams[number % self.groups]
        theirs = len(self.people[number % self.groups :: self.groups])
        body = await self._timed(wire, "groups.value eq …", "/Users", {"filter": f'groups.value eq "{team}"'})
        self._expect("people of one group", body["totalResults"], theirs)
        text = f'members[value eq "{self.people[number]}"]'
        query = {"filter": text, "excludedAttributes": "members"}
        body = await self._timed(wire, "members[value eq …]", "/Groups", query)
        self._expect("groups of one person", [found["id"] for found in body["Resources"]], [team])
        text = 'title eq "Department 7" and not (userName sw "p1")'
        wanted = sum(
            place % DEPARTMENTS == 7 and not str(place).startswith("1") for place in range(self.users)
        )
        body = await self._timed(wire, f"everybody looked at: {text}", "/Users", {"filter": text})
        self._expect(text, body["totalResults"], wanted)

    async def _export(self, wire: Wire, path: str, ids: Sequence[str], what: str) -> int:
        """Everything by cursor; returns how many members were there."""
        left, members, cursor = set(ids), 0, ""
        began = time.perf_counter()
        with _progress(self.tell) as progress:
            task = progress.add_task(f"exporting {what}", total=len(ids))
            while True:
                body = await self._ask(wire, path, {"cursor": cursor, "count": str(EXPORT_PAGE)})
                for found in body["Resources"]:
                    if found["id"] not in left:
                        raise WrongAnswer(f"{found['id']} is there twice, or nobody made it")
                    left.remove(found["id"])
                    members += len(found.get("members", ()))
                progress.advance(task, len(body["Resources"]))
                if not (cursor := str(body.get("nextCursor", ""))):
                    break
        self._expect(f"{what} that the export left out", len(left), 0)
        self._add(f"{len(ids):,} {what} exported", len(ids) / (time.perf_counter() - began), "resources/s")
        return members

    async def _timed(
        self, wire: Wire, name: str, path: str, query: dict[str, str], goal: float | None = None
    ) -> Any:
        """The answer, and the median of how long it takes on one connection."""
        seconds, body = [], None
        target = f"{path}?{urlencode(query, quote_via=quote)}"
        for _ in range(REPEATS):
            answer = await wire.call("GET", target)
            self._expect(f"the status of {name}", answer.status, 200)
            seconds.append(answer.seconds)
            body = answer.json()
        median = sorted(seconds)[REPEATS // 2] * 1000
        self._add(f"{name}, p50", median, "ms", goal)
        return body

    async def _ask(self, wire: Wire, path: str, query: dict[str, str]) -> Any:
        answer = await wire.call("GET", f"{path}?{urlencode(query, quote_via=quote)}")
        self._expect(f"the status of GET {path}", answer.status, 200)
        return answer.json()

    def _add(self, work: str, value: float, unit: str, goal: float | None = None) -> None:
        said, met = ("", None) if goal is None else (f"{goal:g}", value < goal)
        self.lines.append(Line(work, value, unit, goal=said, met=met))

    def _expect(self, what: str, found: object, wanted: object) -> None:
        if found != wanted:
            raise WrongAnswer(f"{what}: {found!r} instead of {wanted!r}")


def _progress(terminal: Terminal) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=terminal, transient=True)


async def measured_by(stack: Stack, users: int, groups: int) -> list[Line] | None:
    """One run on a gateway that is up and empty; None, and what is wrong on stderr, when something is."""
    async with console_of(stack) as console:
        (customer,) = await make_customers(stack, console, 1)
    for name in BEHIND:
        stack.process(name).stop(15)
    try:
        async with asyncpg.create_pool(stack.servers.addresses().database, min_size=1, max_size=1) as admin:
            return await LargeDirectory(customer, admin, users, groups, Terminal(stderr=True)).run()
    except* (WrongAnswer, OSError, EOFError, TimeoutError, asyncpg.PostgresError) as wrong:
        sys.stderr.write(f"wrong: {wrong.exceptions[0]!r}\n")
    return None


def main() -> int:
    """Exit 0 when everything was there once and was counted right; 1 when not."""
    parser = argparse.ArgumentParser(prog="make directory", description=__doc__)
    parser.add_argument("--users", type=int, default=100_000, help="people (default 100,000)")
    parser.add_argument("--groups", type=int, default=2_000, help="groups, everybody in one (default 2,000)")
    parser.add_argument("--output", type=Path, default=LOCAL / "directory.json", help="where the JSON goes")
    arguments = parser.parse_args()
    if not (arguments.users >= 2 * PAGE and 1 <= arguments.groups <= arguments.users):
        parser.error(f"at least {2 * PAGE} users, and from 1 to as many groups")
    with gateway("directory") as stack:
        lines = uvloop.run(measured_by(stack, arguments.users, arguments.groups))
    if lines is None:
        return 1
    title = f"A directory of {arguments.users:,} people and {arguments.groups:,} groups"
    Terminal(width=150).print(table_of([lines], title))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    found = {"users": arguments.users, "groups": arguments.groups, "lines": document_of([lines])}
    arguments.output.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    sys.stdout.write(f"saved to {arguments.output.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
