"""When an identity provider speaks: rounds, retries that grow rarer, quarantine. Time is an argument."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from infra.identity_providers.exchanges import Answer, Refused

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
# One failing object of Entra's is retried after 6, 12, 24 hours, then daily (M4); others are less patient.
RETRIES: Final = (6 * HOUR, 12 * HOUR, DAY)
EVENT_RETRIES: Final = (10.0, 30.0, 120.0)
QUARANTINE_INTERVAL: Final = DAY  # M5
MOST_FAILURES: Final = 5_000
FAILING_SHARE: Final = 0.4
ALL_FAILURES: Final = 40_000
# Okta on a 429 (O4): whole seconds are honoured, without them five minutes; each further one doubles it.
WITHOUT_RETRY_AFTER: Final = 300.0
MOST_PUT_OFF: Final = 10


def put_off(answer: Answer, times: int, factor: float) -> float | None:
    """Seconds to wait before this request is sent again, for the so-many-th time; None: given up.

    What the service says is real time and never compressed.
    """
    if times > MOST_PUT_OFF:
        return None
    doubled = 2.0 ** min(times - 1, 3)
    if answer.retry_after is not None:
        return answer.retry_after * doubled
    return max(0.05, WITHOUT_RETRY_AFTER / factor * doubled)


def retry_after(attempts: int, retries: Sequence[float], factor: float) -> float:
    """Seconds until a failed object is tried again after so many attempts."""
    return retries[min(attempts, len(retries)) - 1] / factor


@dataclass(slots=True)
class Cycle:
    """The rounds of one identity provider; `interval` and quarantine are compressed by `factor`."""

    interval: float
    factor: float
    begins: float = 0.0
    number: int = 0
    quarantined: bool = False
    quarantines: int = 0
    tried: int = 0
    failed: int = 0
    open: bool = field(default=False)

    def begin(self, now: float) -> None:
        """A round starts; the next one a whole interval later."""
        self.number += 1
        self.begins = now + (QUARANTINE_INTERVAL if self.quarantined else self.interval) / self.factor
        self.tried = self.failed = 0
        self.open = True

    def end(self) -> None:
        """The round is over: a good one ends a quarantine, too many failures begin one (M5)."""
        self.open = False
        many = self.failed > MOST_FAILURES and (
            self.failed > FAILING_SHARE * self.tried or self.failed > ALL_FAILURES
        )
        if many and not self.quarantined:
            self.quarantines += 1
        self.quarantined = many or (self.quarantined and self.failed > 0)

    def refused(self, refused: Refused, now: float) -> None:
        """Bad credentials, or a search answered unexpectedly, mean quarantine at once (M5)."""
        self.failed += 1
        searched = refused.request.method == "GET" and "filter=" in refused.request.path
        if self.interval > 0 and (refused.answer.status == 401 or searched):
            if not self.quarantined:
                self.quarantines += 1
            self.quarantined = True
            self.begins = max(self.begins, now + QUARANTINE_INTERVAL / self.factor)
