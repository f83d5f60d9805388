"""PURE: what is decided about one person or group, from what was read and its connection's mapping."""

import hashlib
import hmac
from typing import Final

from vestibule.database.decisions import (
    GroupJudgement,
    GroupWork,
    PersonJudgement,
    PersonWork,
    Surroundings,
    Wanted,
    WantedOrganization,
)
from vestibule.domain.accounts import OrganizationSource, WantedAccount
from vestibule.domain.email import EmailAddress, parse_email
from vestibule.domain.identifiers import AccountId, PersonId, TenantId, uuid7
from vestibule.domain.organizations import organization_id
from vestibule.domain.outcomes import HeldReason
from vestibule.domain.tenants import DeskState, Mode, TenantState
from vestibule.mapping.evaluate import evaluate
from vestibule.mapping.organizations import organization_name
from vestibule.mapping.policy import Decision, Facts, Verdict, decide
from vestibule.mapping.rules import Mapping

_ACCOUNT: Final = b"vestibule:account:"
_TIME_AT: Final = 80  # a version 7 UUID begins with 48 bits of Unix milliseconds


class NoOrganizationName(Exception):
    """Nothing of the group's name can be shown at a desk."""


def judge_person(
    work: PersonWork, mapping: Mapping, email_key: bytes, trace: str | None = None
) -> PersonJudgement:
    """Decide about a person: mapping, then policy; the same input gives the same judgement."""
    evaluated = evaluate(mapping, work.document, active=work.active, groups=work.groups)
    decision = decide(evaluated, _facts(work))
    tenant = work.row.key.tenant
    stored = work.account
    return PersonJudgement(
        key=work.row.key,
        desk=work.surroundings.desk,
        connection=work.surroundings.connection,
        prio=work.row.prio,
        trace=trace,
        verdict=_verdict(decision.verdict),
        reason=None if decision.reason is None else decision.reason.value,
        mapping_version=work.surroundings.mapping_version,
        account=account_id_of(work.person) if stored is None else stored.id,
        basis=None if stored is None else stored.hash,
        at_desk=stored is None or stored.at_desk,
        claim=None if decision.claim is None else email_hmac(email_key, decision.claim),
        want=_wanted(decision.wanted, email_key),
        otherwise=_wanted(decision.without_claim, email_key),
        organizations=_organizations(tenant, decision),
    )


def judge_group(work: GroupWork, mapping: Mapping, trace: str | None = None) -> GroupJudgement:
    """Decide about a group: the organization it is wanted as; raises NoOrganizationName."""
    held = held_by(work.surroundings)
    source = OrganizationSource.of_group(work.group)
    frozen = held is not None or work.surroundings.mode is Mode.SHADOW or not mapping.groups_are_organizations
    name = None if work.removed else organization_name(str(work.document.get("displayName") or ""))
    if name is None and not work.removed and not frozen:
        raise NoOrganizationName
    return GroupJudgement(
        key=work.row.key,
        desk=work.surroundings.desk,
        connection=work.surroundings.connection,
        prio=work.row.prio,
        trace=trace,
        verdict="want" if not frozen else "shadow" if held is None else "hold",
        reason=None if held is None else held.value,
        organization=organization_id(work.row.key.tenant, source),
        wanted_name=name,
        removed=work.removed,
        frozen=frozen,
    )


def held_by(surroundings: Surroundings) -> HeldReason | None:
    """Why nothing of this connection may reach the desk now."""
    if surroundings.tenant_state is TenantState.SUSPENDED:
        return HeldReason.TENANT_SUSPENDED
    return HeldReason.PAUSED if surroundings.mode is Mode.PAUSED else None


def account_id_of(person: PersonId) -> AccountId:
    """Name the account that a person feeds who has none yet.

    It follows from the person: two routers that judge a new person at the same time, or one that does it
    again after a crash, mean the same account without asking each other. It keeps the person's time, so that
    new accounts land at the end of their index. A person who is linked to another account feeds that one.
    """
    tail = hashlib.sha256(_ACCOUNT + person.bytes).digest()[:10]
    return AccountId(uuid7(person.int >> _TIME_AT, tail))


def email_hmac(email_key: bytes, address_key: str) -> bytes:
    """The keyed hash by which an address is claimed: who sees the claims learns no address from them."""
    return hmac.digest(email_key, address_key.encode(), "sha256")


def _facts(work: PersonWork) -> Facts:
    capabilities = work.surroundings.capabilities
    return Facts(
        mode=work.surroundings.mode,
        tenant=work.surroundings.tenant_state,
        # Deciding goes on while a desk is out of service: the writer's claim waits there, and is woken.
        desk=DeskState.ACTIVE,
        rename_email=capabilities.get("rename_email") is True,
        rename_person=capabilities.get("rename_person") is True,
        account=None if work.account is None else work.account.wanted,
        at_desk=work.account is None or work.account.at_desk,
    )


def _verdict(verdict: Verdict) -> str:
    """As stored: who is absent is wanted to have no account, and has none."""
    return Verdict.WANT.value if verdict is Verdict.ABSENT else verdict.value


def _wanted(account: WantedAccount | None, email_key: bytes) -> Wanted | None:
    if account is None:
        return None
    parsed = parse_email(account.email)
    key = parsed.key if isinstance(parsed, EmailAddress) else account.email
    return Wanted(account, email_hmac(email_key, key))


def _organizations(tenant: TenantId, decision: Decision) -> tuple[WantedOrganization, ...]:
    """A leaver is wanted in none; what the person is in stays with ingest, and a return restores it."""
    wanted = decision.wanted or decision.without_claim
    if wanted is None or not wanted.access:
        return ()
    return tuple(
        WantedOrganization(organization_id(tenant, source), source) for source in wanted.organizations
    )
