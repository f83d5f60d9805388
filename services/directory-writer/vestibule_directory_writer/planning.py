"""What must happen at the desk so that an account is as it should be. Pure: wanted x found -> a plan."""

from dataclasses import dataclass
from typing import TypeAlias

from vestibule.database.outcomes import Identity, IdentityState
from vestibule.domain.desks import Capabilities
from vestibule.domain.outcomes import Form, HeldReason

UNCERTAIN = frozenset({IdentityState.INTENT, IdentityState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Wanted:
    """The account as the router wants it, as far as the account's own reconcile goes."""

    email: str
    display_name: str
    access: bool


@dataclass(frozen=True, slots=True)
class RenameCustomer:
    """Give the customer this display name."""

    display_name: str


@dataclass(frozen=True, slots=True)
class AddToDesk:
    """Let the customer see the closed service desk."""


@dataclass(frozen=True, slots=True)
class RemoveFromDesk:
    """Take the customer off the closed service desk."""


Step: TypeAlias = RenameCustomer | AddToDesk | RemoveFromDesk


@dataclass(frozen=True, slots=True)
class Create:
    """Make the customer; `uncertain`: an earlier create may have done so without our knowing."""

    email: str
    display_name: str
    uncertain: bool


@dataclass(frozen=True, slots=True)
class LookUp:
    """Find out whether an earlier create took effect, without making anything."""

    email: str


@dataclass(frozen=True, slots=True)
class Change:
    """Carry out the steps on a customer that is there; none may be needed.

    Afterwards the account has `form`. With `held` something of what is wanted cannot be had at this desk.
    """

    steps: tuple[Step, ...]
    form: Form
    held: HeldReason | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Call nothing: a human must decide or act."""

    reason: HeldReason


Plan: TypeAlias = Create | LookUp | Change | Hold


def plan(wanted: Wanted, found: Identity | None, able: Capabilities) -> Plan:
    """Decide from the wanted account, what we know to be at the desk, and what the desk can do."""
    if found is None or found.desk_account_id is None:
        return _plan_absent(wanted, found)
    if found.state is IdentityState.REVOKED:
        return Hold(HeldReason.NO_RETURN) if wanted.access else Change((), Form.REVOKED)
    if not wanted.access:
        return _plan_leave(wanted, found, able)
    if not same_address(wanted.email, found.email):
        return Hold(HeldReason.RENAME)  # design, rule 6: at a desk that cannot rename this is a saga
    return _plan_access(wanted, found, able)


def same_address(one: str, other: str) -> bool:
    """Whether two addresses are one at the desk: another letter case is no change."""
    return one.casefold() == other.casefold()


def _plan_absent(wanted: Wanted, found: Identity | None) -> Plan:
    uncertain = found if found is not None and found.state in UNCERTAIN else None
    if uncertain is not None and not (wanted.access and same_address(wanted.email, uncertain.email)):
        return LookUp(uncertain.email)  # what an earlier create left behind bears the address of that call
    if not wanted.access:
        return Change((), Form.ABSENT)
    return Create(wanted.email, wanted.display_name, uncertain is not None)


def _plan_access(wanted: Wanted, found: Identity, able: Capabilities) -> Change:
    steps: list[Step] = []
    held = None
    if wanted.display_name != found.display_name:
        if able.rename_person:
            steps.append(RenameCustomer(wanted.display_name))
        else:
            held = HeldReason.UNSUPPORTED_DISPLAY_NAME
    if able.closed_desk and found.at_desk is not True:
        steps.append(AddToDesk())
    return Change(tuple(steps), Form.ACCESS, held)


def _plan_leave(wanted: Wanted, found: Identity, able: Capabilities) -> Change:
    """The account's part of leaving; its memberships are the organizations' work.

    Stripping is all that the connector protocol offers, so `stripped` is all that is ever claimed: a desk
    that could block is not shown as blocked before somebody calls it. A name that the desk cannot change
    waits for the return: nobody is held for the name of an account without access.
    """
    steps: list[Step] = []
    if able.closed_desk and found.at_desk is not False:
        steps.append(RemoveFromDesk())
    if able.rename_person and wanted.display_name != found.display_name:
        steps.append(RenameCustomer(wanted.display_name))
    return Change(tuple(steps), Form.STRIPPED)
