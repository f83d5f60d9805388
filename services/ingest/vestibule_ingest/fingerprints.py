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
from vestibule.scim.fingerprints import Trait, client_of
from vestibule.telemetry.logging import logger
from vestibule_ingest.counting import IngestMetrics
from vestibule_ingest.lanes import Lanes
from vestibule_ingest.rejections import DATABASE_TROUBLES

MOST_CONNECTIONS: Final = 10_000  # between two additions; each has some sixty codes at most
CONNECTIONS_TOGETHER: Final = 200
ADDITION_SECONDS: Final = 5.0
LAST_SECONDS: Final = 2.0  # for the last addition of a service that stops

log = logger(__name__)

# Plain texts: on the path of every request, where a member of an enumeration is hashed ten times as slowly.
_CLIENT, _OPERATION, _REPAIR, _ERROR = (
    trait.value for trait in (Trait.CLIENT, Trait.OPERATION, Trait.REPAIR, Trait.ERROR)
)


@lru_cache(maxsize=256)
def _client(user_agent: bytes) -> str:
    return client_of(user_agent).value


@dataclass(slots=True)
class _Count:
    requests: int
    first_at: float
    last_at: float


@dataclass(slots=True)
class _Connection:
    """What was seen of one connection; `caller` is whom the database let in last."""

    caller: Credential
    counts: dict[str, dict[str, _Count]] = field(
        default_factory=lambda: {trait: {} for trait in (_CLIENT, _OPERATION, _REPAIR, _ERROR)}
    )

    def note(self, trait: str, code: str, now: float) -> None:
        """Count one request."""
        counts = self.counts[trait]
        count = counts.get(code)
        if count is None:
            counts[code] = _Count(1, now, now)
        else:
            count.requests += 1
            count.last_at = now

    def add(self, trait: str, code: str, more: _Count) -> None:
        """Add what was counted before."""
        count = self.counts[trait].setdefault(code, more)
        if count is not more:
            count.requests += more.requests
            count.first_at = min(count.first_at, more.first_at)
            count.last_at = max(count.last_at, more.last_at)

    def seen(self) -> list[Seen]:
        """Everything, as the database takes it."""
        return [
            Seen(trait, code, count.requests, count.first_at, count.last_at)
            for trait, counts in self.counts.items()
            for code, count in counts.items()
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
        connection = self._of(caller)
        if connection is not None:
            now = self._clock()
            connection.note(_OPERATION, operation, now)
            if code is not None:
                connection.note(_ERROR, code, now)

    def spoke(self, caller: Credential, user_agent: bytes, *, flagged: bool) -> None:
        """Count an HTTP request: who says to be speaking, and whether the base URL had a flag in it."""
        connection = self._of(caller)
        if connection is not None:
            connection.note(_CLIENT, _client(user_agent), self._clock())
        if flagged:
            self.repaired(caller, (Repair.FLAGGED_BASE_URL,))

    def repaired(self, caller: Credential, rules: Iterable[Repair]) -> None:
        """Count the rules that one request needed."""
        if not rules:
            return
        self._metrics.repaired(rules)
        connection = self._of(caller)
        if connection is not None:
            now = self._clock()
            for rule in rules:
                connection.note(_REPAIR, rule.value, now)

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
        name = connection.caller.path.partition(";")[0]
        now = self._connections.get(name) or self._of(connection.caller)
        if now is not None:  # its own caller is the later one
            for trait, counts in connection.counts.items():
                for code, count in counts.items():
                    now.add(trait, code, count)

    def _of(self, caller: Credential) -> _Connection | None:
        name = caller.path.partition(";")[0]  # whichever schemas the request was read by
        connection = self._connections.get(name)
        if connection is None:
            if len(self._connections) >= MOST_CONNECTIONS:
                return None
            connection = self._connections[name] = _Connection(caller)
        else:
            connection.caller = caller
        return connection
