"""How much one connection, and all of them together, may ask for at once."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from types import TracebackType
from typing import Final

from vestibule.domain.tokens import Credential
from vestibule.scim.errors import TooManyRequests, Unavailable

LEAST_RATE: Final = 25  # a connection that stays below is never throttled: Entra's gallery asks for it
BURST_SECONDS: Final = 2.0
MOST_BUCKETS: Final = 10_000
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
            raise Throttled(ceil((1.0 - bucket.tokens) / self._rate))
        bucket.tokens -= 1.0


class Admission:
    """Bounds on what is in hand: requests and the bytes of their bodies; more is told to come back."""

    def __init__(self, buckets: Buckets, most_in_hand: int, body_budget: int = BODY_BUDGET) -> None:
        self._buckets = buckets
        self._most = most_in_hand
        self._budget = body_budget
        self._in_hand = 0

    def admit(self, caller: Credential) -> "Admitted":
        """Admit a request until the end of the `with` block."""
        self._buckets.take(caller)
        if self._in_hand >= self._most:
            raise _busy()
        self._in_hand += 1
        return Admitted(self)

    def charge(self, size: int) -> None:
        """Book bytes of a body; Unavailable when all bodies together have too many."""
        if size > self._budget:
            raise _busy()
        self._budget -= size

    def leave(self, size: int) -> None:
        """End a request that was charged for so many bytes."""
        self._in_hand -= 1
        self._budget += size


class Admitted:
    """One request in hand."""

    __slots__ = ("_admission", "_charged")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._charged = 0

    def charge(self, size: int) -> None:
        """Book bytes of the body until the request ends."""
        self._admission.charge(size)
        self._charged += size

    def __enter__(self) -> "Admitted":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admission.leave(self._charged)


def _busy() -> Unavailable:
    return Unavailable("The service has as much in hand as it can take: repeat the request in a moment.")
