"""Two clocks: a call is bounded, and a claim outlives the longest that a desk may act on a call."""

from dataclasses import dataclass

SPARE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one call and of a claim.

    A desk may act on a call as long again after we stopped waiting: the double must fit into the claim, or a
    dead worker's late call could overwrite a newer one (the desk has no versions).
    """

    call_seconds: float = 10.0
    claim_seconds: float = 30.0

    def problem(self) -> str | None:
        """What is wrong with the two together, if anything."""
        least = self.needed(self.call_seconds) + SPARE_SECONDS
        if self.claim_seconds < least:
            return (
                f"must be {least:g} or more: a call takes up to {self.call_seconds:g} s, the desk may act as "
                f"long again, and {SPARE_SECONDS:g} s to spare"
            )
        return None

    @staticmethod
    def needed(call_seconds: float) -> float:
        """How much of a claim must be left when a call begins."""
        return 2 * call_seconds
