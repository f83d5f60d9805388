"""How much one connection, and all of them together, may ask for at once."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, TypeVar
from weakref import WeakValueDictionary

from vestibule.domain.tokens import Credential
from vestibule.scim.errors import Unavailable
from vestibule_ingest.aside import Aside
from vestibule_ingest.throttling import Buckets, Throttled

MOST_KNOWN: Final = 10_000
TURN_SECONDS: Final = 5.0

T = TypeVar("T")


@dataclass(slots=True, weakref_slot=True, eq=False)
class _Share:
    """What a connection has in hand, whichever of its tokens it uses; or what one stranger has."""

    whose: Hashable
    known: bool
    in_hand: int = 0
    waiting: int = 0
    bytes: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_used(self) -> bool:
        return self.in_hand > 0 or self.waiting > 0


class _Room:
    """Places and bytes that several callers share; `beyond` places are for those who have nothing in hand."""

    __slots__ = ("beyond", "bytes", "places")

    def __init__(self, places: int, bytes_: int, beyond: int = 0) -> None:
        self.places = places
        self.bytes = bytes_
        self.beyond = beyond

    def takes(self, share: _Share) -> bool:
        return self.places > 0 or (not share.is_used and self.places > -self.beyond)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may be in hand in this process: requests, and the bytes of their bodies."""

    requests: int
    requests_of_one: int
    body_bytes: int


class Admission:
    """Bounds on what is in hand; more is told to come back: 429 who has too much himself, else 503.

    Strangers have a room of their own, so that invented tokens take nobody's place. Of the common one no
    connection takes more than its share; where it is full, a connection that has nothing in hand still gets
    a place. To be known opens a room only: each statement asks the database anew.
    """

    def __init__(self, buckets: Buckets, bounds: Bounds, aside: Aside) -> None:
        self._buckets = buckets
        self.aside = aside
        self._known = _Room(bounds.requests, bounds.body_bytes, beyond=bounds.requests)
        self._strangers = _Room(max(bounds.requests // 2, 1), bounds.body_bytes // 8)
        self._most_of_one = bounds.requests_of_one
        self._bytes_of_one = bounds.body_bytes // 2
        self._connections: WeakValueDictionary[str, _Share] = WeakValueDictionary()
        self._shares: OrderedDict[Credential, _Share] = OrderedDict()  # of those who were let in lately
        self._shares_of_strangers: dict[Credential, _Share] = {}

    def admit(self, caller: Credential) -> "Admitted":
        """Admit a request until the end of the `with` block."""
        share = self.share_of(caller)
        self._buckets.take(share.whose)
        return Admitted(self, caller, share, self.free_room_of(share))

    def take_another(self, caller: Credential) -> float:
        """Count one more request of a caller, or return in how many seconds there is one."""
        return self._buckets.take_or_tell(self.share_of(caller).whose)

    def share_of(self, caller: Credential) -> _Share:
        """The connection's share where the caller is known, else one of his own."""
        share = self._shares.get(caller)
        if share is not None:
            self._shares.move_to_end(caller)
            return share
        return self._shares_of_strangers.get(caller) or _Share(caller, known=False)

    def charge(self, share: _Share, room: _Room, size: int) -> None:
        """Book bytes of a body; Unavailable when this caller's bodies, or all together, have too many."""
        if size > room.bytes or share.bytes + size > self._bytes_of_one:
            raise _busy()
        room.bytes -= size
        share.bytes += size

    def is_known(self, caller: Credential) -> bool:
        """Whether the database let this caller in lately."""
        return caller in self._shares

    def know(self, caller: Credential) -> None:
        """Keep a caller whom the database let in; of too many the oldest is a stranger again."""
        if caller in self._shares:
            return
        share = self._connections.get(caller.path)
        if share is None:
            share = self._connections[caller.path] = _Share(caller.path, known=True)
        self._shares[caller] = share
        if len(self._shares) > MOST_KNOWN:
            self._shares.popitem(last=False)

    def forget(self, caller: Credential) -> None:
        """Treat a caller as a stranger again."""
        self._shares.pop(caller, None)

    def note(self, caller: Credential, share: _Share) -> None:
        """Keep a stranger's share while it is used."""
        if not share.known:
            if share.is_used:
                self._shares_of_strangers[caller] = share
            else:
                self._shares_of_strangers.pop(caller, None)

    def room_of(self, share: _Share) -> _Room:
        """The room that a caller belongs into."""
        return self._known if share.known else self._strangers

    def free_room_of(self, share: _Share) -> _Room:
        """The same, when it has a place for him; Throttled, Unavailable."""
        if share.in_hand >= self._most_of_one:
            raise self.too_many_at_once()
        room = self.room_of(share)
        if not room.takes(share):
            raise _busy()
        return room

    def may_wait(self, share: _Share) -> bool:
        """Whether a caller may have one more body coming."""
        return share.waiting < self._most_of_one

    def too_many_at_once(self) -> Throttled:
        """The answer to who has as much in hand as he may."""
        return Throttled(
            f"This connection has {self._most_of_one} requests under way at once, as many as it may: "
            "wait for their answers, and repeat this one in 1 s.",
            1,
        )


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
        admission.note(caller, share)

    @property
    def is_known(self) -> bool:
        """Whether the database has let this caller in lately."""
        return self._admission.is_known(self._caller)

    def know(self) -> None:
        """Note that the database lets this caller in."""
        self._admission.know(self._caller)

    def forget(self) -> None:
        """Note that the database does not."""
        self._admission.forget(self._caller)

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
        self._join(self._admission.share_of(self._caller))
        share = self._share
        if not self._admission.may_wait(share):
            raise self._admission.too_many_at_once()
        self._leave_place()
        share.waiting += 1
        try:
            yield
        finally:
            share.waiting -= 1
        self._admission.free_room_of(share)
        self._take_place()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One at a time of this caller; Unavailable when the others before it take too long."""
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._share.turn.acquire()
        except TimeoutError:
            raise Unavailable("Long work of this connection is under way: repeat the request.") from None
        try:
            yield
        finally:
            self._share.turn.release()

    async def aside(self, work: Callable[[], T]) -> T:
        """Do long work of the processor beside the event loop, one piece at a time of this caller."""
        async with self.turn():
            return await self._admission.aside.do(work)

    def __enter__(self) -> "Admitted":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._room.bytes += self._charged
        self._share.bytes -= self._charged
        if self._placed:
            self._leave_place()
        self._admission.note(self._caller, self._share)

    def _join(self, share: _Share) -> None:
        """Take what is in hand along, where the caller has come to be known meanwhile."""
        if share is self._share:
            return
        room = self._admission.room_of(share)
        if self._charged > room.bytes:
            raise _busy()
        before, charged = self._share, self._charged
        self._leave_place()
        self._room.bytes += charged
        before.bytes -= charged
        self._admission.note(self._caller, before)
        self._share, self._room = share, room
        room.bytes -= charged
        share.bytes += charged
        self._take_place()
        self._admission.note(self._caller, share)

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
