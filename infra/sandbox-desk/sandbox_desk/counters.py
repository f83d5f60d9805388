"""What the desk has been asked, counted."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """Calls by endpoint, method and status (0: no answer was given), and how many ran at once."""

    calls: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    in_flight: int = 0
    max_in_flight: int = 0

    def begin(self) -> None:
        """A call came in."""
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)

    def clear(self) -> None:
        """Count from none; calls that still run will end here."""
        self.calls.clear()
        self.max_in_flight = self.in_flight

    def end(self, endpoint: str, method: str, status: int) -> None:
        """The call is over."""
        self.in_flight -= 1
        self.calls[endpoint, method, status] += 1
