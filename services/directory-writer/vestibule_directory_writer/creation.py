"""How a customer comes to be ours: made by our call, or found again after a call that was never answered."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from vestibule.domain.outcomes import HeldReason
from vestibule_directory_writer.claims import SafeStop
from vestibule_directory_writer.connectors.failures import (
    AlreadyExists,
    DeskFailure,
    DeskRefusesCredentials,
    DeskUnreachable,
    Refused,
    Throttled,
)
from vestibule_directory_writer.connectors.service_desk import Kind, ServiceDesk
from vestibule_directory_writer.judging import NOTHING_SENT
from vestibule_directory_writer.permits import NoPermit

_EFFECTLESS: Final = (Throttled, Refused, DeskRefusesCredentials, NoPermit, SafeStop)


@dataclass(frozen=True, slots=True)
class Made:
    """The customer is ours, with the name that the desk shows."""

    desk_account_id: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """A customer with that address is there and not ours to take by ourselves; `reason` is what is held."""

    reason: HeldReason


@dataclass(frozen=True, slots=True)
class Invisible:
    """The desk says that the address is taken, and shows nobody (yet)."""


Creation: TypeAlias = Made | Foreign | Invisible


async def create(desk: ServiceDesk, email: str, display_name: str, uncertain: bool) -> Creation:
    """Create the customer (design, rule 5).

    `uncertain`: an earlier call for this address was not answered; then a conflict may be our own work.
    Without that, it means somebody who was there before us.
    """
    try:
        made = await desk.create_customer(email, display_name)
    except AlreadyExists:
        return await find_ours(desk, email) if uncertain else Foreign(HeldReason.ADOPTION)
    return Made(made.id, display_name)


async def find_ours(desk: ServiceDesk, email: str) -> Creation:
    """Find what an unanswered create left: one portal-only, active customer, in no organization.

    That no account of ours has it already is for the database to say, across tenants, when it is recorded.
    Full accounts are never ours.
    """
    found = await desk.find_customers(email)
    if not found:
        return Invisible()
    portal_only = [customer for customer in found if customer.kind is Kind.PORTAL_ONLY]
    if not portal_only:
        return Foreign(HeldReason.NOT_PORTAL_ONLY)
    if len(portal_only) > 1 or not portal_only[0].active:
        return Foreign(HeldReason.ADOPTION)
    ours = portal_only[0]
    if await desk.organizations_of(ours.id):
        return Foreign(HeldReason.ADOPTION)
    return Made(ours.id, ours.display_name)


def had_no_effect(failure: DeskFailure | NoPermit | SafeStop) -> bool:
    """Whether a create that ended so has certainly made nobody."""
    if isinstance(failure, DeskUnreachable):
        return failure.code in NOTHING_SENT
    return isinstance(failure, _EFFECTLESS)
