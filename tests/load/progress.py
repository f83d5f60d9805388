"""A run while it goes on: one line for each dialect on a terminal, a sentence now and then elsewhere."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from rich.console import Console as Terminal
from rich.live import Live
from rich.table import Table

from infra.identity_providers.speaking import Speaker

REFRESH_SECONDS: Final = 0.5
SENTENCE_SECONDS: Final = 15.0


class Progress:
    """What is shown while the run lasts; `phase` is a word for what goes on."""

    def __init__(self, terminal: Terminal, speakers: Sequence[Speaker]) -> None:
        self._terminal, self._speakers = terminal, speakers
        self._began = time.monotonic()
        self._before = (self._began, 0)
        self._rate = 0.0
        self.phase = "connecting"

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Show it until the block ends."""
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self) -> None:
        if not self._terminal.is_terminal:
            while True:
                await asyncio.sleep(SENTENCE_SECONDS)
                self._terminal.print(self.sentence(), soft_wrap=True)
        with Live(self.table(), console=self._terminal, auto_refresh=False, transient=True) as live:
            while True:
                live.update(self.table(), refresh=True)
                await asyncio.sleep(REFRESH_SECONDS)

    def sentence(self) -> str:
        """All together in one line."""
        requests = self._count()
        at_endpoint = sum(len(speaker.idp.beliefs.links) for speaker in self._speakers)
        return (
            f"{time.monotonic() - self._began:4.0f} s, {self.phase}: {at_endpoint:,} people there,"
            f" {requests:,} requests ({self._rate:,.0f}/s), {self._waiting():,} changes wait"
        )

    def table(self) -> Table:
        """A line for each dialect."""
        self._count()
        table = Table(title=self.sentence(), title_justify="left", box=None, padding=(0, 2, 0, 0))
        for heading in ("speaks", "IdPs", "people", "requests", "p50 ms", "p99 ms", "lost", "429", "wait"):
            table.add_column(heading, justify="left" if heading == "speaks" else "right")
        for name in dict.fromkeys(speaker.idp.dialect.name for speaker in self._speakers):
            some = [speaker for speaker in self._speakers if speaker.idp.dialect.name == name]
            # of the slowest one: a mean of percentiles would be no percentile
            slowest = max(some, key=lambda speaker: speaker.tally.recent(0.99))
            table.add_row(
                name,
                str(len(some)),
                f"{sum(len(speaker.idp.beliefs.links) for speaker in some):,}",
                f"{sum(speaker.tally.requests for speaker in some):,}",
                f"{slowest.tally.recent(0.5) * 1000:.1f}",
                f"{slowest.tally.recent(0.99) * 1000:.0f}",
                str(sum(speaker.tally.lost for speaker in some)),
                str(sum(speaker.tally.put_off for speaker in some)),
                f"{sum(speaker.idp.agenda.open for speaker in some):,}",
            )
        return table

    def _count(self) -> int:
        requests, now = sum(speaker.tally.requests for speaker in self._speakers), time.monotonic()
        at, before = self._before
        if now - at >= 1.0:
            self._rate, self._before = (requests - before) / (now - at), (now, requests)
        return requests

    def _waiting(self) -> int:
        return sum(speaker.idp.agenda.open for speaker in self._speakers)
