"""A batch of keys to the reconciles of their desks and kinds; what cannot be called now waits, uncounted."""

from collections.abc import Sequence
from uuid import UUID

from vestibule.database.outcomes import postpone
from vestibule.domain.identifiers import DeskId, Kind
from vestibule.messages.envelope import Key
from vestibule.telemetry.logging import logger
from vestibule_directory_writer.accounts import reconcile_accounts
from vestibule_directory_writer.desks import Desks, OpenDesk, Unusable
from vestibule_directory_writer.organizations import reconcile_organizations
from vestibule_directory_writer.work import STAGE, Means, Work, side_by_side

log = logger(__name__)


class Reconciler:
    """Works on batches of keys; each ends recorded, released or postponed."""

    def __init__(self, means: Means, desks: Desks) -> None:
        self._means = means
        self._desks = desks

    async def reconcile(self, work: Sequence[Work]) -> None:
        """Bring every key's subject to where it should be; raises only where nothing could be recorded."""
        traces: dict[UUID, Work] = {one.key.id: one for one in work}  # a key delivered twice is one
        by_desk = await self._desks.sort([one.key for one in traces.values()])
        await side_by_side(
            [self._at_desk(desk, [traces[key.id] for key in keys]) for desk, keys in by_desk.items()]
        )

    async def _at_desk(self, desk_id: DeskId, work: Sequence[Work]) -> None:
        async with self._desks.use(desk_id) as desk:
            if isinstance(desk, Unusable):
                await self._postpone(work, desk)
                return
            await side_by_side(
                [self._of_kind(kind, work, desk) for kind in (Kind.ACCOUNT, Kind.ORGANIZATION)]
            )

    async def _of_kind(self, kind: Kind, work: Sequence[Work], desk: OpenDesk) -> None:
        chosen = [one for one in work if one.key.kind is kind]
        if not chosen:
            return
        reconcile = reconcile_accounts if kind is Kind.ACCOUNT else reconcile_organizations
        await reconcile(chosen, desk, self._means)

    async def _postpone(self, work: Sequence[Work], desk: Unusable) -> None:
        keys: list[Key] = [one.key for one in work]
        await postpone(self._means.pool, keys, desk.seconds, desk.code)
        self._means.metrics.retries.of(STAGE, desk.code).inc(len(keys))
        log.info("keys_postponed", count=len(keys), code=desk.code, seconds=round(desk.seconds, 3))
