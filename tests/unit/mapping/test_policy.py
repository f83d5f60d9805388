"""Decisions: what is stored, claimed, held; and that leavers and memberships always go through."""

import dataclasses
import itertools
import uuid
from typing import Any

import pytest

from vestibule.domain.accounts import OrganizationSource, WantedAccount
from vestibule.domain.email import EmailAddress, parse_email
from vestibule.domain.identifiers import GroupId
from vestibule.domain.outcomes import HeldReason
from vestibule.domain.tenants import DeskState, Mode, TenantState
from vestibule.mapping.evaluate import Evaluated
from vestibule.mapping.policy import Decision, Facts, Verdict, claim_refused, decide

HOME = OrganizationSource.home()
IT = OrganizationSource.of_group(GroupId(uuid.UUID(int=1)))
ACCOUNT = WantedAccount("ana@x.example", "ana", "Ana Li", True, (HOME,))
LIVE = Facts(Mode.LIVE, TenantState.ACTIVE, DeskState.ACTIVE, rename_email=False, rename_person=False)
KNOWN = dataclasses.replace(LIVE, account=ACCOUNT)


def address(text: str) -> EmailAddress:
    found = parse_email(text)
    assert isinstance(found, EmailAddress)
    return found


def person(email: str | None = "ana@x.example", **changes: Any) -> Evaluated:
    found = Evaluated(
        access=True,
        email=None if email is None else address(email),
        login="ana",
        display_name="Ana Li",
        organizations=(HOME,),
        problem=HeldReason.NO_EMAIL if email is None else None,
    )
    return dataclasses.replace(found, **changes)


def test_a_joiner_is_wanted_and_claims_the_address() -> None:
    assert decide(person(), LIVE) == Decision(Verdict.WANT, None, ACCOUNT, ACCOUNT, claim="ana@x.example")


def test_a_refused_claim_holds_the_joiner_without_an_account() -> None:
    refused = claim_refused(decide(person(), LIVE))
    assert (refused.verdict, refused.reason) == (Verdict.HOLD, HeldReason.COLLISION)
    assert (refused.wanted, refused.claim) == (None, None)
    assert refused.planned == ACCOUNT


def test_an_inactive_person_without_account_is_absent_and_claims_nothing() -> None:
    decision = decide(person(access=False), LIVE)
    assert (decision.verdict, decision.wanted, decision.claim) == (Verdict.ABSENT, None, None)


def test_a_joiner_without_address_is_held() -> None:
    decision = decide(person(None), LIVE)
    assert (decision.verdict, decision.reason, decision.wanted) == (Verdict.HOLD, HeldReason.NO_EMAIL, None)


@pytest.mark.parametrize("known", [LIVE, KNOWN])
def test_shadow_shows_the_plan_and_changes_nothing(known: Facts) -> None:
    decision = decide(person(organizations=(HOME, IT)), dataclasses.replace(known, mode=Mode.SHADOW))
    assert (decision.verdict, decision.wanted, decision.claim) == (Verdict.SHADOW, None, None)
    assert decision.planned == dataclasses.replace(ACCOUNT, organizations=(HOME, IT))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"mode": Mode.PAUSED}, HeldReason.PAUSED),
        ({"tenant": TenantState.SUSPENDED}, HeldReason.TENANT_SUSPENDED),
        ({"desk": DeskState.DISABLED}, HeldReason.DESK_DISABLED),
        ({"desk": DeskState.DISABLED, "mode": Mode.SHADOW}, HeldReason.DESK_DISABLED),
        ({"tenant": TenantState.SUSPENDED, "mode": Mode.PAUSED}, HeldReason.TENANT_SUSPENDED),
    ],
)
def test_guards_hold_and_change_nothing(change: dict[str, Any], reason: HeldReason) -> None:
    for facts in (LIVE, KNOWN):
        decision = decide(person("new@x.example"), dataclasses.replace(facts, **change))
        assert (decision.verdict, decision.reason) == (Verdict.HOLD, reason)
        assert (decision.wanted, decision.claim) == (None, None)


def test_an_unchanged_person_is_wanted_as_he_is() -> None:
    assert decide(person(), KNOWN) == Decision(Verdict.WANT, None, ACCOUNT, ACCOUNT)


def test_another_letter_case_is_no_email_change() -> None:
    assert decide(person("ANA@X.example"), KNOWN).wanted == ACCOUNT


def test_email_change_keeps_the_account_and_its_address_where_the_desk_cannot_rename() -> None:
    decision = decide(person("new@x.example", organizations=(HOME, IT), login="new"), KNOWN)
    assert (decision.verdict, decision.reason, decision.claim) == (Verdict.HOLD, HeldReason.RENAME, None)
    assert decision.wanted == WantedAccount("ana@x.example", "new", "Ana Li", True, (HOME, IT))
    assert decision.planned is not None
    assert decision.planned.email == "new@x.example"


def test_email_change_back_ends_the_hold() -> None:
    assert decide(person(), KNOWN).verdict is Verdict.WANT


def test_email_change_is_an_update_where_the_desk_can_rename() -> None:
    decision = decide(person("new@x.example"), dataclasses.replace(KNOWN, rename_email=True))
    assert (decision.verdict, decision.claim) == (Verdict.WANT, "new@x.example")
    assert decision.wanted == dataclasses.replace(ACCOUNT, email="new@x.example")
    refused = claim_refused(decision)
    assert (refused.reason, refused.wanted) == (HeldReason.COLLISION, ACCOUNT)


def test_email_change_before_the_desk_has_a_record_needs_no_rename() -> None:
    decision = decide(person("new@x.example"), dataclasses.replace(KNOWN, at_desk=False))
    assert (decision.verdict, decision.claim) == (Verdict.WANT, "new@x.example")


def test_a_leaver_leaves_even_when_the_address_changed_or_is_gone() -> None:
    for email in ("ana@x.example", "new@x.example", None):
        decision = decide(person(email, access=False, organizations=(HOME, IT)), KNOWN)
        assert (decision.verdict, decision.reason, decision.claim) == (Verdict.WANT, None, None)
        assert decision.wanted == dataclasses.replace(ACCOUNT, access=False, organizations=(HOME, IT))


def test_a_return_goes_through_although_the_address_changed_meanwhile() -> None:
    left = dataclasses.replace(KNOWN, account=dataclasses.replace(ACCOUNT, access=False))
    decision = decide(person("new@x.example"), left)
    assert (decision.verdict, decision.reason) == (Verdict.HOLD, HeldReason.RENAME)
    assert decision.wanted == ACCOUNT


def test_a_lost_address_holds_but_memberships_go_on() -> None:
    decision = decide(person(None, organizations=(IT,)), KNOWN)
    assert (decision.verdict, decision.reason) == (Verdict.HOLD, HeldReason.NO_EMAIL)
    assert decision.wanted == dataclasses.replace(ACCOUNT, organizations=(IT,))


def test_a_display_name_that_the_desk_cannot_change_is_held_and_kept() -> None:
    decision = decide(person(display_name="Ana Ek", organizations=(IT,)), KNOWN)
    assert (decision.verdict, decision.reason) == (Verdict.HOLD, HeldReason.UNSUPPORTED_DISPLAY_NAME)
    assert decision.wanted == dataclasses.replace(ACCOUNT, organizations=(IT,))
    decision = decide(person(display_name="Ana Ek"), dataclasses.replace(KNOWN, rename_person=True))
    assert decision.wanted == dataclasses.replace(ACCOUNT, display_name="Ana Ek")
    assert decision.verdict is Verdict.WANT


def every_case() -> list[tuple[Evaluated, Facts]]:
    persons = [
        person(email, access=access, organizations=groups)
        for email, access, groups in itertools.product(
            ("ana@x.example", "new@x.example", None), (True, False), ((HOME,), (HOME, IT), ())
        )
    ]
    facts = [
        Facts(mode, tenant, desk, rename, rename, account, at_desk)
        for mode, tenant, desk, rename, account, at_desk in itertools.product(
            Mode, TenantState, DeskState, (True, False), (None, ACCOUNT), (True, False)
        )
    ]
    return list(itertools.product(persons, facts))


def test_in_every_case_held_and_shadow_take_no_claim_and_live_access_goes_through() -> None:
    for evaluated, facts in every_case():
        decision = decide(evaluated, facts)
        assert (decision.reason is not None) == (decision.verdict is Verdict.HOLD)
        if decision.claim is not None:
            assert decision.verdict is Verdict.WANT
            assert facts.mode is Mode.LIVE
            assert decision.wanted is not None
        live = (facts.mode, facts.tenant, facts.desk) == (Mode.LIVE, TenantState.ACTIVE, DeskState.ACTIVE)
        assert live or decision.wanted is None
        if live and facts.account is not None:
            assert decision.wanted is not None
            assert decision.wanted.access is evaluated.access
            assert decision.wanted.organizations == evaluated.organizations
        if facts.account is None and not evaluated.access:
            assert decision.claim is None
