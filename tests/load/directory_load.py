"""Directories that are large: pages of them, a group that grows, a group that is replaced as a whole."""

import asyncio
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import asyncpg
import orjson

from tests.load.ingest_load import Directory, Load, gets, patches
from tests.load.measuring import Line
from tests.load.people import GROUP, okta_body
from tests.load.surroundings import Measured
from vestibule.database.persons import Created, NewPerson, PersonWrite, write_persons
from vestibule.database.pool import json_text
from vestibule.domain.identifiers import uuid7
from vestibule.domain.tokens import Credential, digest
from vestibule.scim.resources import parse_user
from vestibule.scim.schemas import USER
from vestibule.scim.search_documents import search_document

PAGE: Final = 100
PAGES: Final = 150
WRITTEN_TOGETHER: Final = 500
AGE_MS: Final = 3_600_000  # of their ids: whoever came within two seconds is counted one by one
DECILES: Final = 10
SINGLE_ADDS: Final = 150  # of each decile; the rest of it comes by PATCHes of a thousand
MANY_ADDS: Final = 1_000
PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
REST_SECONDS: Final = 60
UNDER_WAY: Final = "select count(*) from pg_stat_activity where backend_type = 'autovacuum worker'"
NEIGHBOURS: Final = 4
NEIGHBOURS_SECONDS: Final = 4.0


@dataclass
class Crowd:
    """A customer with many people, known by their ids in the order of creation."""

    customer: Measured
    people: list[str] = field(default_factory=list)


async def come_to_rest(admin: asyncpg.Pool) -> None:
    """Let the server finish what a load of thousands leaves behind, as it does by itself within minutes.

    It would be measured with what comes next. Raises TimeoutError.
    """
    await admin.execute("vacuum (analyze)", timeout=REST_SECONDS)
    await admin.execute("checkpoint", timeout=REST_SECONDS)
    for _ in range(REST_SECONDS * 10):
        if not await admin.fetchval(UNDER_WAY):
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(f"the server did not come to rest within {REST_SECONDS} s")


async def load_crowd(ingest_url: str, customer: Measured, size: int, tell: Callable[[str], None]) -> Crowd:
    """Store people by the statement of the service itself, with its role, hundreds in a commit."""
    crowd = Crowd(customer)
    connection = await asyncpg.connect(ingest_url, server_settings={"search_path": "pg_catalog"})
    try:
        while len(crowd.people) < size:
            first = len(crowd.people)
            together = min(WRITTEN_TOGETHER, size - first)
            many = [_new(customer, f"c{first + number}") for number in range(together)]
            made = await write_persons(connection, many, 1.0)
            crowd.people += [str(one.id) for one in made if isinstance(one, Created)]
            if len(crowd.people) != first + together:
                raise RuntimeError("not everybody was stored")
            if len(crowd.people) % 20_000 == 0:
                tell(f"{len(crowd.people):,} of {size:,} people stored")
    finally:
        await connection.close()
    return crowd


def _new(customer: Measured, name: str) -> NewPerson:
    caller = Credential(customer.base_url.rpartition("/")[2], digest(customer.token))
    parsed = parse_user(orjson.loads(okta_body(name, customer.domain)))
    keys = parsed.keys
    write = PersonWrite(
        json_text(parsed.document),
        search_document(parsed.document, USER),
        keys.external_id,
        keys.user_name_ci,
        keys.display_name_ci,
        keys.work_email_ci,
        keys.active,
    )
    return NewPerson(caller, uuid7(time.time_ns() // 1_000_000 - AGE_MS, os.urandom(10)), write, None)


async def pages(crowd: Crowd) -> Load:
    """Pages of a hundred from anywhere in the list, one after the other."""
    load, places = Load(), random.Random(len(crowd.people))  # noqa: S311  the same places in each run
    began = time.perf_counter()
    async with crowd.customer.wire() as wire:
        for _ in range(PAGES):
            start = places.randint(1, len(crowd.people) - PAGE + 1)
            answer = await wire.call("GET", f"/Users?startIndex={start}&count={PAGE}")
            load.note(answer)
            if b'"totalResults":%d,' % len(crowd.people) not in answer.body:
                raise RuntimeError("the page's total is wrong")
    load.seconds = time.perf_counter() - began
    return load


@dataclass(frozen=True, slots=True)
class Growth:
    """How long it took to add one member, in the first and in the last tenth of the growth; seconds."""

    first: Load
    last: Load


async def grow_group(crowd: Crowd, size: int, admin: asyncpg.Pool) -> Growth:
    """A group from nobody to so many members; of each tenth some come one by one, and these are timed."""
    tenths = [Load() for _ in range(DECILES)]
    step = size // DECILES
    async with crowd.customer.wire() as wire:
        answer = await wire.call("POST", "/Groups", _group([]))
        path = f"/Groups/{answer.json()['id']}"
        for number, load in enumerate(tenths):
            members = crowd.people[number * step : (number + 1) * step]
            single, rest = members[:SINGLE_ADDS], members[SINGLE_ADDS:]
            await come_to_rest(admin)
            for member in single:
                load.note(await wire.call("PATCH", path, _adding([member])))
            for start in range(0, len(rest), MANY_ADDS):
                answer = await wire.call("PATCH", path, _adding(rest[start : start + MANY_ADDS]))
                load.statuses[answer.status] += 1
    for load in tenths:
        load.seconds = sum(load.latencies)
        if set(load.statuses) != {204}:
            raise RuntimeError(f"members were not added: {load.statuses}")
    return Growth(tenths[0], tenths[-1])


@dataclass(frozen=True, slots=True)
class Replacement:
    """How long a PUT of a whole group took, and what others' requests took before and meanwhile; seconds."""

    seconds: float
    quiet: Load
    meanwhile: Load


async def replace_group(
    crowd: Crowd, size: int, others: Sequence[Measured], directory: Directory
) -> Replacement:
    """PUT a group of so many members where there was none, while other customers are served."""
    async with crowd.customer.wire() as wire:
        answer = await wire.call("POST", "/Groups", _group([], "Replaced"))
        path, body = f"/Groups/{answer.json()['id']}", _group(crowd.people[:size], "Replaced")
        quiet = await _neighbours(others, directory, NEIGHBOURS_SECONDS)
        serving = asyncio.create_task(_neighbours(others, directory, NEIGHBOURS_SECONDS))
        put = await wire.call("PUT", path, body)
        meanwhile = await serving
        if put.status != 200 or put.body.count(b'"value":') != size:
            raise RuntimeError(f"the group was not replaced: {put.status}")
    return Replacement(put.seconds, quiet, meanwhile)


async def _neighbours(others: Sequence[Measured], directory: Directory, seconds: float) -> Load:
    """Reads and writes of other customers, at a few connections each."""
    both = await asyncio.gather(
        gets(others[:NEIGHBOURS], directory, NEIGHBOURS, seconds),
        patches(others[NEIGHBOURS : 2 * NEIGHBOURS], directory, NEIGHBOURS, seconds),
    )
    found = Load(seconds)
    for load in both:
        load.require_success()
        found.statuses.update(load.statuses)
        found.latencies += load.latencies
    return found


async def page_lines(crowd: Crowd, where: str, goal: float | None = None) -> list[Line]:
    """Pages of one directory; the goal is in milliseconds."""
    load = await pages(crowd)
    value = load.percentile(0.5) * 1000
    said, met = ("", None) if goal is None else (f"{goal:g}", value < goal)
    name = f"a page of {PAGE} of {len(crowd.people):,} users, {where}, p50"
    return [Line(name, value, "ms", goal=said, met=met, p99_ms=load.percentile(0.99) * 1000)]


async def growth_lines(crowd: Crowd, size: int, goal: float, admin: asyncpg.Pool) -> list[Line]:
    """One more member, of a small group and of a large one."""
    found = await grow_group(crowd, size, admin)
    name = f"add one member, group growing to {size:,}"
    lines = [
        Line(f"{name}, {which} tenth, p50", load.percentile(0.5) * 1000, "ms")
        for which, load in (("first", found.first), ("last", found.last))
    ]
    times = lines[1].value / lines[0].value
    return [*lines, Line(f"{name}, last by first", times, "times", goal=f"{goal:g}", met=times <= goal)]


async def replacement_lines(
    crowd: Crowd,
    size: int,
    others: Sequence[Measured],
    directory: Directory,
    goal: float,
    neighbours_goal: float,
) -> list[Line]:
    """A whole group at once, and those who are served beside it."""
    found = await replace_group(crowd, size, others, directory)
    before, meanwhile = (load.percentile(0.99) * 1000 for load in (found.quiet, found.meanwhile))
    times = meanwhile / before
    name, beside = f"PUT of a group of {size:,} members", "p99 of other customers during that PUT, by before"
    met = times <= neighbours_goal
    return [
        Line(name, found.seconds, "s", goal=f"{goal:g}", met=found.seconds < goal),
        Line(beside, times, "times", goal=f"{neighbours_goal:g}", met=met, p99_ms=meanwhile),
    ]


def _group(members: Sequence[str], name: str = "Growing") -> bytes:
    listed = [{"value": member} for member in members]
    return orjson.dumps({"schemas": [GROUP], "displayName": name, "members": listed})


def _adding(members: Sequence[str]) -> bytes:
    listed = [{"value": member} for member in members]
    operation = {"op": "add", "path": "members", "value": listed}
    return orjson.dumps({"schemas": [PATCH], "Operations": [operation]})
