"""The desks of this process: read from the database, opened with their credentials, renewed on change."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from vestibule.database.desks import DeskRow, desks_of, read_desk
from vestibule.database.pool import Pool
from vestibule.domain.desks import credentials_context
from vestibule.domain.identifiers import DeskId, TenantId
from vestibule.domain.outcomes import FailedCode
from vestibule.domain.pace import SETTINGS as PACE_SETTINGS
from vestibule.domain.pace import Pace, Rates, parse_pace
from vestibule.messages.envelope import Key
from vestibule.sealing import Sealed, SealingError, unseal
from vestibule.settings.values import NamedKey
from vestibule.telemetry.logging import logger
from vestibule.telemetry.metrics import DeskMetrics
from vestibule_directory_writer.claims import Clock, monotonic
from vestibule_directory_writer.connectors.kinds import DeskMisconfigured
from vestibule_directory_writer.connectors.service_desk import ServiceDesk
from vestibule_directory_writer.permits import DeskPermits
from vestibule_directory_writer.timing import Timing

REFRESH_SECONDS: Final = 5.0
UNUSABLE_SECONDS: Final = 60.0
CREDENTIALS_PAUSE_SECONDS: Final = 300.0
URGENT_CONCURRENCY: Final = 8  # besides, for leavers only
MOST_TENANTS: Final = 10_000
CREDENTIAL_CODES: Final = frozenset(
    {FailedCode.DESK_UNAUTHORIZED, FailedCode.DESK_FORBIDDEN, FailedCode.CREDENTIALS, "desk_misconfigured"}
)

Build = Callable[[str, Mapping[str, object], Mapping[str, object]], ServiceDesk]

log = logger(__name__)


@dataclass(slots=True)
class OpenDesk:
    """A desk that can be called."""

    row: DeskRow
    service: ServiceDesk
    permits: DeskPermits
    slots: asyncio.Semaphore
    urgent_slots: asyncio.Semaphore
    users: int = 0

    @property
    def call_seconds(self) -> float:
        """The longest that one call to it lasts."""
        return self.service.capabilities.call_seconds

    @asynccontextmanager
    async def slot(self, urgent: bool) -> AsyncIterator[None]:
        """One of the desk's concurrent calls; leavers have some of their own."""
        async with self.urgent_slots if urgent else self.slots:
            yield


@dataclass(frozen=True, slots=True)
class Unusable:
    """A desk that cannot be called now, why, and for how long its work waits."""

    code: str
    seconds: float


@dataclass(slots=True)
class _Entry:
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    looked_at: float = float("-inf")
    desk: OpenDesk | None = None
    unusable: Unusable | None = None


class Desks:
    """Every desk that this process has met; a new or changed one needs no restart."""

    def __init__(
        self,
        pool: Pool,
        keys: Sequence[NamedKey],
        build: Build,
        metrics: DeskMetrics,
        timing: Timing,
        clock: Clock = monotonic,
    ) -> None:
        self._pool = pool
        self._keys = tuple(keys)
        self._build = build
        self._metrics = metrics
        self._timing = timing
        self._clock = clock
        self._entries: dict[DeskId, _Entry] = {}
        self._retired: list[OpenDesk] = []
        self._desk_of: dict[TenantId, DeskId] = {}

    async def sort(self, keys: Sequence[Key]) -> dict[DeskId, list[Key]]:
        """Group keys by desk. A tenant stays with its desk, so this is asked once per tenant."""
        unknown = [key for key in keys if key.tenant not in self._desk_of]
        if unknown:
            if len(self._desk_of) > MOST_TENANTS:
                self._desk_of.clear()
                unknown = list(keys)
            self._desk_of.update(await desks_of(self._pool, unknown))
        sorted_keys: dict[DeskId, list[Key]] = {}
        for key in keys:
            desk = self._desk_of.get(key.tenant)
            if desk is not None:  # a key that is not in the backlog any more is nobody's work
                sorted_keys.setdefault(desk, []).append(key)
        return sorted_keys

    @asynccontextmanager
    async def use(self, desk: DeskId) -> AsyncIterator[OpenDesk | Unusable]:
        """The desk for the time of a batch: its connections stay open even if it is replaced meanwhile."""
        found = await self._find(desk)
        if isinstance(found, Unusable):
            yield found
            return
        found.users += 1
        try:
            yield found
        finally:
            found.users -= 1

    async def close(self) -> None:
        """Close every connection."""
        entries, self._entries = self._entries, {}
        opened = [entry.desk for entry in entries.values() if entry.desk is not None]
        retired, self._retired = self._retired, []
        for desk in (*opened, *retired):
            await desk.service.close()

    async def _find(self, desk: DeskId) -> OpenDesk | Unusable:
        entry = self._entries.setdefault(desk, _Entry())
        if self._clock() - entry.looked_at > REFRESH_SECONDS:
            async with entry.turn:
                if self._clock() - entry.looked_at > REFRESH_SECONDS:
                    await self._refresh(desk, entry)
                    entry.looked_at = self._clock()
        if entry.unusable is not None:
            return entry.unusable
        assert entry.desk is not None
        refused = entry.desk.permits.blocked()
        return entry.desk if refused is None else Unusable(refused.code, refused.seconds)

    async def _refresh(self, desk: DeskId, entry: _Entry) -> None:
        await self._close_retired()
        row = await read_desk(self._pool, desk)
        if row is None:
            entry.unusable = Unusable("desk_unknown", UNUSABLE_SECONDS)
            return
        known = entry.desk
        if known is None or not row.same_desk_as(known.row):
            await self._open(row, entry)
            if known is not None and row.code in CREDENTIAL_CODES and entry.desk is not None:
                entry.desk.permits.note(row.troubled, 0.0, None)
                await entry.desk.permits.answered(True)  # new credentials: the old ones' pause is over
                return
        if entry.desk is not None:
            entry.desk.permits.note(row.troubled, row.blocked_seconds, row.code)

    async def _open(self, row: DeskRow, entry: _Entry) -> None:
        if entry.desk is not None:
            self._retired.append(entry.desk)
            entry.desk = None
        try:
            entry.desk = self._connect(row)
        except SealingError as error:
            await self._refuse(row, entry, FailedCode.CREDENTIALS, error.code)
        except DeskMisconfigured as error:
            await self._refuse(row, entry, "desk_misconfigured", ";".join(error.problems))
        else:
            entry.unusable = None
            log.info("desk_opened", desk=row.id, kind=row.kind)

    def _connect(self, row: DeskRow) -> OpenDesk:
        credentials = _credentials(
            unseal(
                self._keys,
                Sealed(row.sealing_key_id, row.sealed_credentials),
                credentials_context(row.id, row.kind, row.settings),
            )
        )
        paced = parse_pace(row.settings)
        if not isinstance(paced, Pace):
            raise DeskMisconfigured(tuple(paced))
        settings = {name: value for name, value in row.settings.items() if name not in PACE_SETTINGS}
        service = self._build(row.kind, settings, credentials)
        if Timing(service.capabilities.call_seconds, self._timing.claim_seconds).problem() is not None:
            raise DeskMisconfigured(("calls may last too long for VESTIBULE_CLAIM_SECONDS",))
        return OpenDesk(
            row,
            service,
            DeskPermits(self._pool, row.id, paced.rates, self._metrics, self._clock),
            asyncio.Semaphore(paced.concurrency),
            asyncio.Semaphore(URGENT_CONCURRENCY),
        )

    async def _refuse(self, row: DeskRow, entry: _Entry, code: str, problem: str) -> None:
        log.error("desk_unusable", desk=row.id, code=code, problem=problem)
        entry.unusable = Unusable(code, UNUSABLE_SECONDS)
        permits = DeskPermits(self._pool, row.id, Rates(), self._metrics, self._clock)
        await permits.pause(code, UNUSABLE_SECONDS)

    async def _close_retired(self) -> None:
        idle = [desk for desk in self._retired if desk.users == 0]
        self._retired = [desk for desk in self._retired if desk.users > 0]
        for desk in idle:
            await desk.service.close()


def _credentials(plaintext: bytes) -> Mapping[str, Any]:
    try:
        document = orjson.loads(plaintext)
    except orjson.JSONDecodeError:
        raise DeskMisconfigured(("credentials: must be a JSON object",)) from None
    if not isinstance(document, dict):
        raise DeskMisconfigured(("credentials: must be a JSON object",))
    return document
