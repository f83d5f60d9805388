"""The invariant as a gauge: how many people of every connection stand where, renewed at a bounded cost."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import asyncpg

from vestibule.database.pool import Pool
from vestibule.database.standings import count_every_standing
from vestibule.telemetry.logging import logger
from vestibule.telemetry.metrics import BacklogMetrics

LEAST_PAUSE: Final = 15.0
SHARE: Final = 50.0  # a count that took a second is followed by 50 without one: 2 % of a core at most

log = logger(__name__)


@dataclass(slots=True)
class Counting:
    """Counts everybody's standing for the metrics; beside the relay, whose role sees numbers only."""

    pool: Pool
    metrics: BacklogMetrics
    _took: float = 0.0

    @property
    def name(self) -> str:
        """The loop's name."""
        return "standings"

    @property
    def pause(self) -> float:
        """Seconds between two counts, the longer the more there is to count."""
        return max(LEAST_PAUSE, SHARE * self._took)

    async def run_once(self) -> Mapping[str, int]:
        """One count; a failed one shows no numbers rather than old ones, and stops nobody's work."""
        began = time.monotonic()
        try:
            rows = await count_every_standing(self.pool)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # OSError: a timeout too
            log.warning("standings_not_counted", exc_info=True)
            self.metrics.standings.replace([])
            return {"failed": 1}
        finally:
            self._took = time.monotonic() - began
        self.metrics.standings.replace(rows)
        return {"counted": len(rows)}
