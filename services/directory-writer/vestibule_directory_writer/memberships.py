"""Memberships of one organization: leavers first, in batches, a refused one halved down to the guilty."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from vestibule.database.organizations import (
    ClaimedOrganization,
    MembershipWork,
    read_memberships,
    record_memberships,
)
from vestibule.domain.identifiers import AccountId
from vestibule.domain.outcomes import FailedCode
from vestibule_directory_writer.claims import SafeStop
from vestibule_directory_writer.connectors.failures import DeskFailure, PartlyApplied, Refused
from vestibule_directory_writer.connectors.service_desk import ServiceDesk
from vestibule_directory_writer.organization import OrganizationClaim
from vestibule_directory_writer.permits import NoPermit

MOST_BATCHES: Final = 20  # then others of the desk get their turn
RETRY_REFUSED_AFTER: Final = timedelta(minutes=1)  # where new work keeps coming; else the ladder decides

Send = Callable[[str, Sequence[str]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Joined:
    """`more`: there is work left for another turn, `calm`: none of a leaver; so many stand refused."""

    more: bool
    refused: int
    calm: bool = False


@dataclass(slots=True)
class _Done:
    """What the desk has now, as far as it told."""

    applied: dict[AccountId, bool] = field(default_factory=dict)
    refused: dict[AccountId, tuple[bool, str]] = field(default_factory=dict)


async def join_and_leave(
    desk: ServiceDesk, organization_id: str, organization: ClaimedOrganization, claim: OrganizationClaim
) -> Joined:
    """Carry out membership rows until none is left or others must have a turn. May raise SafeStop.

    A leaver's turn carries out what goes with its leavers; a long list of joiners waits for an ordinary one.
    """
    # A refused row is tried once in a claim: on the ladder's next attempt, or seldom while others come.
    before = organization.claimed_at - (timedelta() if organization.attempts else RETRY_REFUSED_AFTER)
    most = desk.capabilities.member_batch
    refused = organization.refused
    for _ in range(MOST_BATCHES):
        rows = await claim.reading(lambda held: read_memberships(held, before, most))
        if organization.urgent and len(rows) == most and all(row.wanted for row in rows):
            return Joined(True, refused, calm=True)
        if rows:
            refused = await _carry_out(desk, organization_id, claim, rows)
        if len(rows) < most:
            return Joined(False, refused)
    return Joined(True, refused)


async def _carry_out(
    desk: ServiceDesk, organization_id: str, claim: OrganizationClaim, rows: Sequence[MembershipWork]
) -> int:
    """One batch; whatever the desk did before it failed is recorded all the same."""
    done = _Done()
    failure: DeskFailure | NoPermit | SafeStop | None = None
    leaving = [row for row in rows if not row.wanted]
    joining = [row for row in rows if row.wanted]
    try:
        await _send(desk.remove_members, organization_id, leaving, done)
        if leaving and joining:
            await claim.confirm()
        await _send(desk.add_members, organization_id, joining, done)
    except (DeskFailure, NoPermit, SafeStop) as stopped:
        failure = stopped
    remaining = await record_memberships(claim.claim, done.applied, done.refused)
    if failure is not None:
        raise failure
    if remaining is None:
        raise SafeStop
    return remaining


async def _send(send: Send, organization_id: str, rows: Sequence[MembershipWork], done: _Done) -> None:
    """Send a batch; halved where it is refused, since the desk does not tell for whom."""
    if not rows:
        return
    try:
        await send(organization_id, [row.desk_account_id for row in rows])
    except (PartlyApplied, Refused):
        if len(rows) == 1:
            done.refused[rows[0].account] = (not rows[0].wanted, FailedCode.MEMBER_REFUSED)
            return
        middle = len(rows) // 2
        await _send(send, organization_id, rows[:middle], done)
        await _send(send, organization_id, rows[middle:], done)
    else:
        done.applied.update((row.account, row.wanted) for row in rows)
