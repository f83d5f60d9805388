"""What each connection's identity provider does, counted in memory and added to the database behind it.

No request waits for that. A crash loses what one interval counted; where the database's answer to an addition
is lost, that interval is counted twice.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from vestibule.database.fingerprints import Seen, add_fingerprints
from vestibule.domain.tokens import Credential
from vestibule.process.loops import pause
from vestibule.scim.dialects import Repair
from vestibule.scim.errors import ScimError
from vestibule.scim.fingerprints import Client, Trait, client_of
from vestibule.telemetry.logging import logger
from vestibule_ingest.counting import IngestMetrics
from vestibule_ingest.lanes import Lanes
from vestibule_ingest.rejections import DATABASE_TROUBLES

MOST_CONNECTIONS: Final = 10_000  # between two additions; each has some sixty codes at most
CONNECTIONS_TOGETHER: Final = 200
ADDITION_SECONDS: Final = 5.0
LAST_SECONDS: Final = 2.0  # for the last addition of a service that stops

log = logger(__name__)

known_client: Callable[[bytes], Client] = lru_cache(maxsize=256)(client_of)


@dataclass(slots=True)
class _Count:
    requests: int
    first_at: float
    last_at: float


@dataclass(slots=True)
class _Connection:
    """What was seen of one connection; `caller` is whom the database let in last."""

    caller: Credential
    counts: dict[tuple[Trait, str], _Count] = field(default_factory=dict)

    def add(self, trait: Trait, code: str, requests: int, first_at: float, last_at: float) -> None:
        count = self.counts.get((trait, code))
        if count is None:
            self.counts[trait, code] = _Count(requests, first_at, last_at)
        else:
            count.requests += requests
            count.first_at = min(count.first_at, first_at)
            count.last_at = max(count.last_at, last_at)

    def seen(self) -> list[Seen]:
        return [
            Seen(trait.value, code, count.requests, count.first_at, count.last_at)
            for (trait, code), count in self.counts.items()
        ]


class Fingerprints:
    """Counts for callers whom the database has let in; nobody else may be given here."""

    def __init__(self, lanes: Lanes, metrics: IngestMetrics, clock: Callable[[], float]) -> None:
        """Take the connections, the numbers of the process, and Unix seconds."""
        self._lanes = lanes
        self._metrics = metrics
        self._clock = clock
        self._connections: dict[str, _Connection] = {}

    def answered(self, caller: Credential, operation: str, code: str | None) -> None:
        """Count an operation, and the code of the error that it was answered with."""
        traits = [(Trait.OPERATION, operation)]
        if code is not None:
            traits.append((Trait.ERROR, code))
        self._note(caller, traits)

    def spoke(self, caller: Credential, user_agent: bytes, *, flagged: bool) -> None:
        """Count an HTTP request: who says to be speaking, and whether the base URL had a flag in it."""
        self._note(caller, [(Trait.CLIENT, known_client(user_agent).value)])
        if flagged:
            self.repaired(caller, (Repair.FLAGGED_BASE_URL,))

    def repaired(self, caller: Credential, rules: Iterable[Repair]) -> None:
        """Count the rules that one request needed."""
        if rules:
            self._metrics.repaired(rules)
            self._note(caller, [(Trait.REPAIR, rule.value) for rule in rules])

    async def keep_adding(self, seconds: float, stopping: asyncio.Event) -> None:
        """Add what was counted, every so many seconds and once more at the end."""
        while not await pause(stopping, seconds):
            await self.add(ADDITION_SECONDS)
        await self.add(LAST_SECONDS)

    async def add(self, seconds: float) -> None:
        """Add what was counted within so much time; what cannot be added now is kept for the next time."""
        counted, self._connections = self._connections, {}
        try:
            async with asyncio.timeout(seconds):
                while counted:
                    some = list(counted)[:CONNECTIONS_TOGETHER]
                    await self._add([counted[path] for path in some])
                    for path in some:
                        del counted[path]
        except (ScimError, *DATABASE_TROUBLES) as error:
            log.warning("fingerprints_not_added", connections=len(counted), code=type(error).__name__)
            for connection in counted.values():
                self._take_back(connection)

    async def _add(self, connections: Sequence[_Connection]) -> None:
        async with self._lanes.take() as lane:
            await add_fingerprints(lane, [(one.caller.reading_by(0), one.seen()) for one in connections])

    def _take_back(self, connection: _Connection) -> None:
        now = self._of(connection.caller)
        if now is not None:
            for (trait, code), count in connection.counts.items():
                now.add(trait, code, count.requests, count.first_at, count.last_at)

    def _note(self, caller: Credential, traits: Sequence[tuple[Trait, str]]) -> None:
        connection = self._of(caller)
        if connection is not None:
            now = self._clock()
            for trait, code in traits:
                connection.add(trait, code, 1, now, now)

    def _of(self, caller: Credential) -> _Connection | None:
        name = caller.path.partition(";")[0]  # whichever schemas the request was read by
        connection = self._connections.get(name)
        if connection is None:
            if len(self._connections) >= MOST_CONNECTIONS:
                return None
            connection = self._connections[name] = _Connection(caller)
        connection.caller = caller
        return connection
