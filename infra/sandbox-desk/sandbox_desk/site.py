"""One sandbox site: its directory, its memory, its faults and its counters."""

import time
from collections import deque
from itertools import chain

from sandbox_desk.counters import Counters
from sandbox_desk.directory import Customer, Directory, Effect
from sandbox_desk.faults import Faults
from sandbox_desk.journal import Journal

KEPT_EFFECTS = 200_000
COMPACT_AFTER = 100_000  # effects since the last compaction, looked at when the desk starts


class Site:
    """What every handler works on. Effects go to the journal first, then into the directory."""

    def __init__(self, journal: Journal | None = None) -> None:
        self.directory = Directory()
        self.faults = Faults()
        self.counters = Counters()
        self.effects: deque[Effect] = deque(maxlen=KEPT_EFFECTS)
        self.last_effect = 0
        self._journal = journal
        if journal is not None:
            self._restore(journal)

    def record(self, do: str, **about: object) -> None:
        """Change the directory, for good."""
        self.last_effect += 1
        effect: Effect = {"n": self.last_effect, "ms": now_ms(), "do": do, **about}
        if self._journal is not None:
            self._journal.append(effect)
        self.effects.append(effect)
        self.directory.apply(effect)

    def reset(self) -> None:
        """An empty desk without faults, numbered on."""
        self.directory = Directory()
        self.faults = Faults()
        self.counters.clear()
        self.effects.clear()
        self.compact()

    def compact(self) -> None:
        """Shorten the journal to what makes the present state."""
        if self._journal is not None:
            header: Effect = {"do": "compacted", "n": self.last_effect}
            self._journal.replace(chain((header,), self.directory.restate()))

    def visible(self, customer: Customer) -> bool:
        """Whether lists and searches show the account yet: an index is late."""
        delay = self.faults.visible_after_ms
        return not delay or now_ms() - customer.created_ms >= delay

    def shown_email(self, customer: Customer) -> str | None:
        """The address, unless it is hidden."""
        return None if customer.hidden or self.faults.hide_emails else customer.email

    def _restore(self, journal: Journal) -> None:
        since_compaction = 0
        for effect in journal.load():
            self.last_effect = effect.get("n", self.last_effect)
            if effect["do"] == "compacted":
                continue
            self.directory.apply(effect)
            if "n" in effect:
                self.effects.append(effect)
                since_compaction += 1
        if since_compaction > COMPACT_AFTER:
            self.compact()


def now_ms() -> int:
    """Wall clock, in milliseconds: what the vendor's dates are made of."""
    return time.time_ns() // 1_000_000
