"""Fingerprints in memory: nothing is lost while the database is away, and nothing piles up."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import orjson
from prometheus_client import CollectorRegistry

from vestibule.database.pool import Connection
from vestibule.domain.tokens import Credential
from vestibule.scim.dialects import Repair
from vestibule_ingest.counting import IngestMetrics
from vestibule_ingest.fingerprints import MOST_CONNECTIONS, Fingerprints
from vestibule_ingest.lanes import Lanes

ONE = Credential("a" * 26, b"\x01" * 32)
NEXT_TOKEN = Credential("a" * 26, b"\x02" * 32)
OKTA = b"Okta SCIM Client 1.0.0"


class Recording(Lanes):
    """Lanes to a database that can be away, and that keeps what it was given."""

    def __init__(self) -> None:
        self.away = False
        self.given: list[tuple[list[str], list[bytes], Any]] = []

    async def execute(self, _statement: str, paths: list[str], hashes: list[bytes], seen: str) -> None:
        self.given.append((paths, hashes, orjson.loads(seen)))

    @asynccontextmanager
    async def take(self) -> AsyncIterator[Connection]:
        if self.away:
            raise ConnectionError
        yield cast(Connection, self)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def made() -> tuple[Recording, Clock, Fingerprints]:
    lanes, clock = Recording(), Clock()
    return lanes, clock, Fingerprints(lanes, IngestMetrics(CollectorRegistry()), clock)


async def test_what_was_counted_is_given_once_in_order() -> None:
    lanes, clock, fingerprints = made()
    fingerprints.answered(ONE, "users.create", "uniqueness")
    fingerprints.spoke(ONE, OKTA, flagged=True)
    clock.now = 5.0
    fingerprints.answered(ONE.reading_by(3), "users.create", None)
    fingerprints.repaired(ONE.reading_by(3), {Repair.PASSWORD})
    fingerprints.repaired(ONE, frozenset())
    await fingerprints.add(1)
    await fingerprints.add(1)
    [(paths, hashes, [seen])] = lanes.given
    assert (paths, hashes) == ([ONE.path], [ONE.token_hash])
    assert seen == [
        ["client", "okta", 1, 0.0, 0.0],
        ["error", "uniqueness", 1, 0.0, 0.0],
        ["operation", "users.create", 2, 0.0, 5.0],
        ["repair", "flagged_base_url", 1, 0.0, 0.0],
        ["repair", "password", 1, 5.0, 5.0],
    ]


async def test_what_cannot_be_added_is_kept_with_the_later_token() -> None:
    lanes, clock, fingerprints = made()
    lanes.away = True
    for token in (ONE, NEXT_TOKEN):
        fingerprints.answered(token, "users.read", None)
        await fingerprints.add(1)
        clock.now += 1.0
    fingerprints.answered(NEXT_TOKEN, "groups.read", None)
    lanes.away = False
    await fingerprints.add(1)
    assert lanes.given == [
        (
            [ONE.path],
            [NEXT_TOKEN.token_hash],
            [[["operation", "groups.read", 1, 2.0, 2.0], ["operation", "users.read", 2, 0.0, 1.0]]],
        )
    ]


async def test_connections_do_not_pile_up_while_the_database_is_away() -> None:
    lanes, _, fingerprints = made()
    lanes.away = True
    for number in range(MOST_CONNECTIONS + 10):
        fingerprints.answered(Credential(f"{number}", bytes(32)), "users.read", None)
    await fingerprints.add(1)
    lanes.away = False
    await fingerprints.add(60)
    assert sum(len(paths) for paths, _, _ in lanes.given) == MOST_CONNECTIONS
