"""How much one connection, and all of them together, may ask for at once."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from math import ceil
from types import TracebackType
from typing import Final

from vestibule.domain.tokens import Credential
from vestibule.scim.errors import TooManyRequests, Unavailable

LEAST_RATE: Final = 25  # a connection that stays below is never throttled: Entra's gallery asks for it
BURST_SECONDS: Final = 2.0
MOST_BUCKETS: Final = 10_000
MOST_KNOWN: Final = 10_000
MOST_WAITING: Final = 32  # bodies of one caller that are still coming
TURN_SECONDS: Final = 5.0
BODY_BUDGET: Final = 48 * 1024 * 1024  # bytes of bodies in memory at once


class Throttled(TooManyRequests):
    """This connection asks faster than its rate."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            f"This connection sends more requests than it may: continue in {retry_after} s, "
            "or have the operator raise its rate."
        )
        self.retry_after = retry_after


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class Buckets:
    """A token bucket per credential, so that nobody without the token can use up a connection's rate."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        """Take requests per second and a monotonic clock."""
        self._rate = max(rate, LEAST_RATE)
        self._most = self._rate * BURST_SECONDS
        self._clock = clock
        self._buckets: OrderedDict[Credential, _Bucket] = OrderedDict()

    def take(self, caller: Credential) -> None:
        """Take one request; Throttled says in how many whole seconds the next one may come."""
        seconds = self.take_or_tell(caller)
        if seconds > 0:
            raise Throttled(ceil(seconds))

    def take_or_tell(self, caller: Credential) -> float:
        """Take one request and return 0, or return in how many seconds there is one."""
        now = self._clock()
        bucket = self._buckets.get(caller)
        if bucket is None:
            if len(self._buckets) >= MOST_BUCKETS:
                self._buckets.popitem(last=False)
            bucket = self._buckets[caller] = _Bucket(self._most, now)
        else:
            self._buckets.move_to_end(caller)
            bucket.tokens = min(self._most, bucket.tokens + (now - bucket.filled_at) * self._rate)
            bucket.filled_at = now
        if bucket.tokens < 1.0:
            return (1.0 - bucket.tokens) / self._rate
        bucket.tokens -= 1.0
        return 0.0


@dataclass(slots=True, eq=False)
class _Share:
    """What one caller has in hand; whoever was let in lately is known, a stranger is not."""

    known: bool = False
    in_hand: int = 0
    waiting: int = 0
    bytes: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_used(self) -> bool:
        return self.in_hand > 0 or self.waiting > 0


class _Room:
    """Places and bytes that several callers share."""

    __slots__ = ("bytes", "places")

    def __init__(self, places: int, bytes_: int) -> None:
        self.places = places
        self.bytes = bytes_


class Admission:
    """Bounds on what is in hand: requests and the bytes of their bodies; more is told to come back.

    Strangers have a room of their own, so that invented tokens take nobody's place, and no caller may take
    more than a share of the common one. To be known opens a room only: each statement asks the database anew.
    """

    def __init__(self, buckets: Buckets, most_in_hand: int, body_budget: int = BODY_BUDGET) -> None:
        self._buckets = buckets
        self._known = _Room(most_in_hand, body_budget)
        self._strangers = _Room(max(most_in_hand // 2, 1), body_budget // 8)
        self._most_of_one = max(most_in_hand // 2, 1)
        self._bytes_of_one = body_budget // 2
        self._shares: OrderedDict[Credential, _Share] = OrderedDict()

    def admit(self, caller: Credential) -> "Admitted":
        """Admit a request until the end of the `with` block."""
        self._buckets.take(caller)
        share = self._shares.get(caller)
        if share is None:
            share = _Share()
        room = self.free_room_of(share)
        self._shares[caller] = share
        self._shares.move_to_end(caller)
        return Admitted(self, caller, share, room)

    def take_another(self, caller: Credential) -> float:
        """Count one more request of a caller, or return in how many seconds there is one."""
        return self._buckets.take_or_tell(caller)

    def charge(self, share: _Share, room: _Room, size: int) -> None:
        """Book bytes of a body; Unavailable when this caller's bodies, or all together, have too many."""
        if size > room.bytes or share.bytes + size > self._bytes_of_one:
            raise _busy()
        room.bytes -= size
        share.bytes += size

    def know(self, share: _Share) -> None:
        """Keep a caller whom the database let in; of too many the oldest is a stranger again."""
        if not share.known:
            share.known = True
            if len(self._shares) > MOST_KNOWN:
                self._forget_oldest()

    def leave(self, caller: Credential, share: _Share) -> None:
        """Forget a stranger who has nothing in hand any more."""
        if not share.known and not share.is_used and self._shares.get(caller) is share:
            del self._shares[caller]

    def room_of(self, share: _Share) -> _Room:
        """The room that a caller belongs into."""
        return self._known if share.known else self._strangers

    def free_room_of(self, share: _Share) -> _Room:
        """The same, when it has a place; else Unavailable."""
        room = self.room_of(share)
        if room.places < 1 or share.in_hand >= self._most_of_one:
            raise _busy()
        return room

    def _forget_oldest(self) -> None:
        for caller, share in self._shares.items():
            if not share.is_used:
                del self._shares[caller]
                return


class Admitted:
    """One request in hand."""

    __slots__ = ("_admission", "_caller", "_charged", "_placed", "_room", "_share")

    def __init__(self, admission: Admission, caller: Credential, share: _Share, room: _Room) -> None:
        self._admission = admission
        self._caller = caller
        self._share = share
        self._room = room
        self._charged = 0
        self._placed = False
        self._take_place()

    @property
    def is_known(self) -> bool:
        """Whether the database has let this caller in lately."""
        return self._share.known

    def know(self) -> None:
        """Note that the database lets this caller in."""
        self._admission.know(self._share)

    def forget(self) -> None:
        """Note that the database does not."""
        self._share.known = False

    def take_another(self) -> float:
        """Count one more request, inside of this one; else return in how many seconds there is one."""
        return self._admission.take_another(self._caller)

    def charge(self, size: int) -> None:
        """Book bytes of the body until the request ends."""
        self._admission.charge(self._share, self._room, size)
        self._charged += size

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Give the place up while the client sends; take one again for the rest."""
        if self._share.waiting >= MOST_WAITING:
            raise Unavailable("This connection is sending too many bodies at once: repeat the request.")
        self._leave_place()
        self._share.waiting += 1
        try:
            self._move(self._admission.room_of(self._share))
            yield
        finally:
            self._share.waiting -= 1
        self._move(self._admission.free_room_of(self._share))
        self._take_place()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One at a time of this caller; Unavailable when the others before it take too long."""
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._share.turn.acquire()
        except TimeoutError:
            raise Unavailable("Long lists of this connection are under way: repeat the request.") from None
        try:
            yield
        finally:
            self._share.turn.release()

    def __enter__(self) -> "Admitted":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._room.bytes += self._charged
        self._share.bytes -= self._charged
        if self._placed:
            self._leave_place()
        self._admission.leave(self._caller, self._share)

    def _move(self, room: _Room) -> None:
        if room is not self._room:
            if self._charged > room.bytes:
                raise _busy()
            self._room.bytes += self._charged
            room.bytes -= self._charged
            self._room = room

    def _take_place(self) -> None:
        self._room.places -= 1
        self._share.in_hand += 1
        self._placed = True

    def _leave_place(self) -> None:
        self._room.places += 1
        self._share.in_hand -= 1
        self._placed = False


def _busy() -> Unavailable:
    return Unavailable("The service has as much in hand as it can take: repeat the request in a moment.")
