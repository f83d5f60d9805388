"""Organizations: from a batch of keys to what each needs at the desk, and what became of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import asyncpg

from vestibule.database.organizations import (
    Claim,
    ClaimedOrganization,
    OrganizationRecord,
    claim_organizations,
    record_organization,
)
from vestibule.database.outcomes import Result
from vestibule.domain.outcomes import FailedCode, RefusedReason
from vestibule.messages.redelivery import Faulted
from vestibule.telemetry.logging import logger
from vestibule.telemetry.tracing import use_header
from vestibule_directory_writer.claims import SafeStop
from vestibule_directory_writer.connectors.failures import DeskFailure, DeskRefusesCredentials
from vestibule_directory_writer.connectors.service_desk import ServiceDesk
from vestibule_directory_writer.desks import CREDENTIALS_PAUSE_SECONDS, OpenDesk
from vestibule_directory_writer.judging import ENDED_EVENT, Judgement, credentials_code, end, judge
from vestibule_directory_writer.memberships import join_and_leave
from vestibule_directory_writer.naming import wanted_name
from vestibule_directory_writer.organization import (
    NameTaken,
    OrganizationClaim,
    OrganizationInHand,
)
from vestibule_directory_writer.permits import NoPermit
from vestibule_directory_writer.timing import Timing
from vestibule_directory_writer.work import STAGE, Means, Work, count, side_by_side

KIND: Final = "organization"
RENAME_UNSUPPORTED: Final = "rename_unsupported"

log = logger(__name__)


async def reconcile_organizations(work: Sequence[Work], desk: OpenDesk, means: Means) -> None:
    """Bring the organizations of these keys to where they should be. Raises for a lost database."""
    worker = means.new_worker()
    lease = means.timing.claim_seconds
    since = means.clock()
    found = await claim_organizations(means.pool, worker, [one.key for one in work], lease)
    for _, verdict in found.others:
        means.metrics.outcomes.of(STAGE, KIND, verdict.value).inc()
    traces = {one.key.id: one.trace for one in work}
    await side_by_side(
        [
            _Reconcile(organization, worker, desk, means, traces.get(organization.id)).run(since)
            for organization in found.organizations
        ]
    )


class _Reconcile:
    """One organization, from its claim to its record."""

    def __init__(
        self, organization: ClaimedOrganization, worker: str, desk: OpenDesk, means: Means, trace: str | None
    ) -> None:
        self._organization = organization
        self._desk = desk
        self._means = means
        self._trace = trace
        lease = means.timing.claim_seconds
        self._held = Claim(means.pool, worker, organization.tenant, organization.id, lease)

    async def run(self, since: float) -> None:
        """Work under the claim that began at `since`, and record how it ended."""
        claim = OrganizationClaim(self._held, self._means.clock, since)
        with use_header(self._trace):
            async with self._desk.slot(self._organization.urgent):
                stopping = self._means.stopping.is_set()
                record = self._record(Result.RELEASE) if stopping else await self._carry_out(claim)
            written = await record_organization(self._held, record)
        self._count(record, written, since)

    async def _carry_out(self, claim: OrganizationClaim) -> OrganizationRecord:
        """Carry out what is wanted; every failure of the desk becomes a record."""

        async def ready() -> None:
            await claim.ensure(Timing.needed(self._desk.call_seconds))

        paced = self._desk.permits.paced(self._organization.urgent, ready)
        try:
            return await self._follow(self._desk.service.paced_by(paced), claim)
        except SafeStop:
            return self._record(Result.RELEASE)
        except NameTaken as taken:
            record = replace(self._record(Result.PARK), code=FailedCode.ORGANIZATION_NAME_TAKEN)
            return replace(record, names_taken=taken.source, event="parked") if taken.tried else record
        except (DeskFailure, NoPermit) as failure:
            return await self._failed(failure)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            raise
        except Exception:
            subject = self._organization
            log.exception("organization_failed", organization=subject.id, tenant=subject.tenant)
            return self._ended(Judgement(Faulted(FailedCode.BUG)))

    async def _follow(self, service: ServiceDesk, claim: OrganizationClaim) -> OrganizationRecord:
        hand = OrganizationInHand(self._organization, claim)
        wanted = wanted_name(self._organization)
        organization_id = self._organization.desk_organization_id
        code, joined = None, None
        if organization_id is not None and (hand.joinable or wanted is None):
            # Before anything that may fail for another reason: a name must not keep a leaver in.
            joined = await join_and_leave(service, organization_id, self._organization, claim)
        if wanted is not None:
            organization_id = await hand.establish(service, wanted)
            if not await hand.rename(service, wanted):
                code = RENAME_UNSUPPORTED
        if organization_id is None:
            return self._record(Result.DONE)  # its group was not judged yet, or is gone: nothing to make
        if joined is None:
            joined = await join_and_leave(service, organization_id, self._organization, claim)
        if joined.more:
            return replace(self._record(Result.RELEASE), calm=joined.calm)
        if joined.refused:
            return self._ended(Judgement(Faulted(FailedCode.MEMBER_REFUSED)))
        event = hand.event
        if code is not None and code != self._organization.code:
            event = code
        return replace(self._record(Result.DONE), code=code, event=event)

    async def _failed(self, failure: DeskFailure | NoPermit) -> OrganizationRecord:
        permits = self._desk.permits
        if isinstance(failure, DeskRefusesCredentials):
            await permits.pause(credentials_code(failure), CREDENTIALS_PAUSE_SECONDS)
        return self._ended(judge(failure, permits.troubled, RefusedReason.ORGANIZATION_NAME))

    def _ended(self, judgement: Judgement) -> OrganizationRecord:
        ending = end(judgement, self._organization.attempts, self._means.jitter())
        return replace(
            self._record(ending.result),
            seconds=ending.seconds,
            counted=ending.counted,
            code=ending.code,
            detail=judgement.detail,
            event=ENDED_EVENT[ending.result] if ending.counted else None,
            hold=self._desk.call_seconds if judgement.late else 0.0,
        )

    def _record(self, result: Result) -> OrganizationRecord:
        return OrganizationRecord(version=self._organization.version, result=result, trace=self._trace)

    def _count(self, record: OrganizationRecord, written: bool, since: float) -> None:
        metrics, subject = self._means.metrics, self._organization
        if not written:
            metrics.outcomes.of(STAGE, KIND, "claim_lost").inc()
            log.warning("claim_lost", organization=subject.id, tenant=subject.tenant)
            return
        if record.result is Result.PARK and record.event is None:
            return  # parked as it was before, and told then
        count(metrics, KIND, record.result, record.code, subject.waited + self._means.clock() - since)
