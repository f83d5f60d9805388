"""How fast one connection may ask."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from math import ceil
from typing import Final

from vestibule.scim.errors import TooManyRequests

LEAST_RATE: Final = 25  # a connection that stays below is never throttled: Entra's gallery asks for it
MOST_BUCKETS: Final = 10_000


class Throttled(TooManyRequests):
    """This connection asks for more than it may; `retry_after` are whole seconds."""

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class Buckets:
    """A token bucket for each connection, and one for each credential that nobody knows.

    So nobody without a token can use up a connection's rate, and a second token gives it no second rate.
    """

    def __init__(self, rate: float, clock: Callable[[], float], burst_seconds: float = 2.0) -> None:
        """Take requests per second, a monotonic clock, and for how many seconds' worth may come at once."""
        self._rate = max(rate, LEAST_RATE)
        self._most = self._rate * burst_seconds
        self._clock = clock
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def take(self, whose: Hashable) -> None:
        """Take one request; Throttled says in how many whole seconds the next one may come."""
        seconds = self.take_or_tell(whose)
        if seconds > 0:
            again = ceil(seconds)
            raise Throttled(
                f"This connection sends more than its {self._rate:g} requests a second: "
                f"continue in {again} s, or have the operator raise its rate.",
                again,
            )

    def take_or_tell(self, whose: Hashable) -> float:
        """Take one request and return 0, or return in how many seconds there is one."""
        now = self._clock()
        bucket = self._buckets.get(whose)
        if bucket is None:
            if len(self._buckets) >= MOST_BUCKETS:
                self._buckets.popitem(last=False)
            bucket = self._buckets[whose] = _Bucket(self._most, now)
        else:
            self._buckets.move_to_end(whose)
            bucket.tokens = min(self._most, bucket.tokens + (now - bucket.filled_at) * self._rate)
            bucket.filled_at = now
        if bucket.tokens < 1.0:
            return (1.0 - bucket.tokens) / self._rate
        bucket.tokens -= 1.0
        return 0.0
