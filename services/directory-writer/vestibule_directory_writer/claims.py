"""The claims of one batch: how long each is ours, and renewal by one statement for all who ask at once."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final

from vestibule.database.outcomes import ClaimedAccount, renew_accounts
from vestibule.database.pool import Pool
from vestibule.domain.identifiers import AccountId

Clock = Callable[[], float]

monotonic: Final[Clock] = time.monotonic


class SafeStop(Exception):
    """The claim was lost, something newer is wanted, or a pause came: stop, nothing is half done here."""


class AccountClaims:
    """Claims that a worker took at one moment, and their ends on our own clock."""

    def __init__(self, pool: Pool, worker: str, lease: float, clock: Clock = monotonic) -> None:
        self._pool = pool
        self._worker = worker
        self._lease = lease
        self._clock = clock
        self._until: dict[AccountId, float] = {}
        self._asking: dict[AccountId, ClaimedAccount] = {}
        self._turn = asyncio.Lock()

    def held(self, accounts: Iterable[AccountId], since: float) -> None:
        """Note that these were claimed or renewed by a statement sent at `since`."""
        for account in accounts:
            self._until[account] = since + self._lease

    async def ensure(self, account: ClaimedAccount, seconds: float) -> None:
        """Return with at least so much of the claim left. Raises SafeStop."""
        if self._until.get(account.id, 0.0) - self._clock() < seconds:
            await self.confirm(account)

    async def confirm(self, account: ClaimedAccount) -> None:
        """Between two steps: still ours, still the newest version, nothing paused. Raises SafeStop."""
        asked = self._clock()
        self._asking[account.id] = account
        async with self._turn:
            if account.id in self._asking:
                await asyncio.sleep(0)  # whoever asks in this turn of the loop shares the statement
                await self._renew()
        if self._until.get(account.id, 0.0) < asked + self._lease:
            raise SafeStop

    async def _renew(self) -> None:
        asking, self._asking = self._asking, {}
        since = self._clock()
        keys = [(one.tenant, one.id, one.version) for one in asking.values()]
        kept = await renew_accounts(self._pool, self._worker, keys, self._lease)
        for account in asking:
            self._until.pop(account, None)
        self.held(kept, since)
