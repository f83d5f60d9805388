"""What may become of an evaluated person: guard, mode, claim. Held and shadow persons claim nothing."""

from dataclasses import dataclass, replace
from enum import StrEnum

from vestibule.domain.accounts import WantedAccount
from vestibule.domain.email import EmailAddress, parse_email
from vestibule.domain.outcomes import HeldReason
from vestibule.domain.tenants import DeskState, Mode, TenantState
from vestibule.mapping.evaluate import Evaluated


class Verdict(StrEnum):
    WANT = "want"
    HOLD = "hold"
    SHADOW = "shadow"
    ABSENT = "absent"  # inactive and without account: nothing to do, shown as applied(absent)


@dataclass(frozen=True, slots=True)
class Facts:
    """The present world around one person.

    `account` is the wanted state as stored, None where the person has no account yet. `at_desk` is false only
    where it is certain that the desk has no record of that account and that none is being made.
    """

    mode: Mode
    tenant: TenantState
    desk: DeskState
    rename_email: bool
    rename_person: bool
    account: WantedAccount | None = None
    at_desk: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write.

    `planned` is what the rules want, for the eyes of people. `wanted` is what the account stores, None: the
    account stays as it is, or is not made. `claim` is the key of an address to claim before storing; when the
    claim fails, `claim_refused` says what is decided instead.
    """

    verdict: Verdict
    reason: HeldReason | None = None
    planned: WantedAccount | None = None
    wanted: WantedAccount | None = None
    claim: str | None = None
    without_claim: WantedAccount | None = None


def decide(evaluated: Evaluated, facts: Facts) -> Decision:
    """Decide from the evaluation and the present facts alone: the same input gives the same decision."""
    planned = _planned(evaluated)
    guard = _guard(facts)
    if guard is not None:
        return Decision(Verdict.HOLD, guard, planned)
    if facts.mode is Mode.SHADOW:
        return Decision(Verdict.SHADOW, None, planned)
    if facts.account is None:
        return _decide_new(evaluated, planned)
    return _decide_known(evaluated, planned, facts.account, facts)


def claim_refused(decision: Decision) -> Decision:
    """The decision when another account owns the address: held; an account that is there keeps its own."""
    return Decision(Verdict.HOLD, HeldReason.COLLISION, decision.planned, decision.without_claim)


def _guard(facts: Facts) -> HeldReason | None:
    if facts.tenant is TenantState.SUSPENDED:
        return HeldReason.TENANT_SUSPENDED
    if facts.desk is DeskState.DISABLED:
        return HeldReason.DESK_DISABLED
    if facts.mode is Mode.PAUSED:
        return HeldReason.PAUSED
    return None


def _planned(evaluated: Evaluated) -> WantedAccount | None:
    if evaluated.email is None or evaluated.problem is not None:
        return None
    return _wanted(evaluated, evaluated.email.address)


def _wanted(evaluated: Evaluated, email: str) -> WantedAccount:
    return WantedAccount(
        email=email,
        login=evaluated.login,
        display_name=evaluated.display_name,
        access=evaluated.access,
        organizations=evaluated.organizations,
    )


def _decide_new(evaluated: Evaluated, planned: WantedAccount | None) -> Decision:
    if not evaluated.access:
        return Decision(Verdict.ABSENT, None, planned)
    if planned is None or evaluated.email is None:
        return Decision(Verdict.HOLD, evaluated.problem)
    return Decision(Verdict.WANT, None, planned, planned, claim=evaluated.email.key)


def _decide_known(
    evaluated: Evaluated, planned: WantedAccount | None, account: WantedAccount, facts: Facts
) -> Decision:
    """Access and organizations always go through; what the desk cannot change stays and is held."""
    kept = replace(
        account,
        login=evaluated.login or account.login,
        access=evaluated.access,
        organizations=evaluated.organizations,
    )
    renamed = _with_display_name(kept, evaluated, facts)
    if not evaluated.access:
        # A leaver needs no address: whatever happened to it is judged when the person returns.
        return Decision(Verdict.WANT, None, planned, renamed)
    if evaluated.problem is not None or evaluated.email is None:
        return Decision(Verdict.HOLD, evaluated.problem, planned, renamed)
    if evaluated.email.key != _key(account.email):
        if facts.at_desk and not facts.rename_email:
            return Decision(Verdict.HOLD, HeldReason.RENAME, planned, renamed)
        wanted = replace(renamed, email=evaluated.email.address)
        return Decision(
            *_verdict(renamed, evaluated), planned, wanted, claim=evaluated.email.key, without_claim=renamed
        )
    return Decision(*_verdict(renamed, evaluated), planned, renamed)


def _with_display_name(kept: WantedAccount, evaluated: Evaluated, facts: Facts) -> WantedAccount:
    if not evaluated.display_name or (facts.at_desk and not facts.rename_person):
        return kept
    return replace(kept, display_name=evaluated.display_name)


def _verdict(wanted: WantedAccount, evaluated: Evaluated) -> tuple[Verdict, HeldReason | None]:
    if wanted.display_name != evaluated.display_name:
        return Verdict.HOLD, HeldReason.UNSUPPORTED_DISPLAY_NAME
    return Verdict.WANT, None


def _key(address: str) -> str:
    """Two spellings of one address are one: another letter case is no e-mail change."""
    found = parse_email(address)
    return found.key if isinstance(found, EmailAddress) else address
