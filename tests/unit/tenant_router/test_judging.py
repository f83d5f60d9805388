"""What is decided about one person or group, as values."""

import uuid
from dataclasses import replace

import pytest

from tests.unit.tenant_router.works import SURROUNDINGS, TENANT, account, group, person
from vestibule.domain.identifiers import GroupId, PersonId
from vestibule.domain.tenants import Mode, TenantState
from vestibule.mapping.rules import default_mapping
from vestibule_tenant_router.judging import (
    NoOrganizationName,
    account_id_of,
    email_hmac,
    judge_group,
    judge_person,
)

KEY = bytes(32)
MAPPING = default_mapping()


def test_the_account_follows_from_the_person_and_keeps_its_time() -> None:
    one = PersonId(uuid.UUID("01939c00-0000-7000-8000-000000000001"))
    other = PersonId(uuid.UUID("01939c00-0000-7000-8000-000000000002"))
    assert account_id_of(one) == account_id_of(one)
    assert account_id_of(one) != account_id_of(other)
    assert account_id_of(one) != one
    assert str(account_id_of(one)).startswith("01939c00-0000-7")


def test_a_claim_is_keyed_and_ignores_the_spelling() -> None:
    upper = person(document={**person().document, "emails": [{"value": "P10@CUSTOMER.example"}]})
    claims = [judge_person(work, MAPPING, KEY).claim for work in (person(), upper)]
    assert claims[0] == claims[1] == email_hmac(KEY, "p10@customer.example")
    assert judge_person(person(), MAPPING, b"other").claim != claims[0]


def test_a_new_person_claims_and_is_wanted_in_home_and_groups() -> None:
    it = GroupId(uuid.UUID(int=9))
    judgement = judge_person(person(groups=(it,)), MAPPING, KEY, "trace")
    assert (judgement.verdict, judgement.reason, judgement.basis, judgement.trace) == (
        "want",
        None,
        None,
        "trace",
    )
    assert {one.id for one in judgement.organizations} == {TENANT, it}
    assert judgement.want is not None
    assert judgement.want.email_hmac == judgement.claim


def test_an_absent_person_wants_nothing_and_claims_nothing() -> None:
    judgement = judge_person(person(active=False), MAPPING, KEY)
    assert (judgement.verdict, judgement.want, judgement.claim) == ("want", None, None)


def test_a_leaver_is_wanted_in_no_organization() -> None:
    judgement = judge_person(person(active=False, account=account()), MAPPING, KEY)
    assert judgement.want is not None
    assert judgement.want.account.access is False
    assert judgement.organizations == ()
    assert judgement.claim is None
    assert judgement.basis == account().hash


def test_an_unchanged_account_claims_nothing_again() -> None:
    judgement = judge_person(person(account=account()), MAPPING, KEY)
    assert judgement.claim is None
    assert judgement.account == account().id


@pytest.mark.parametrize(
    ("surroundings", "verdict", "reason"),
    [
        (replace(SURROUNDINGS, mode=Mode.PAUSED), "hold", "paused"),
        (replace(SURROUNDINGS, tenant_state=TenantState.SUSPENDED), "hold", "tenant_suspended"),
        (replace(SURROUNDINGS, mode=Mode.SHADOW), "shadow", None),
    ],
)
def test_what_may_not_reach_the_desk_changes_nothing(
    surroundings: object, verdict: str, reason: str | None
) -> None:
    judgement = judge_person(person(surroundings=surroundings, active=False, account=account()), MAPPING, KEY)
    assert (judgement.verdict, judgement.reason) == (verdict, reason)
    assert (judgement.want, judgement.otherwise, judgement.claim) == (None, None, None)
    frozen = judge_group(group(surroundings=surroundings), MAPPING)
    assert (frozen.frozen, frozen.verdict, frozen.reason) == (True, verdict, reason)


def test_a_group_is_wanted_by_its_name_in_one_line() -> None:
    judgement = judge_group(group(" IT\n support "), MAPPING)
    assert (judgement.wanted_name, judgement.frozen, judgement.organization) == (
        "IT support",
        False,
        uuid.UUID(int=20),
    )


def test_a_removed_group_needs_no_name_and_a_present_one_does() -> None:
    gone = judge_group(group("\u200b", removed=True), MAPPING)
    assert (gone.removed, gone.wanted_name) == (True, None)
    with pytest.raises(NoOrganizationName):
        judge_group(group("\u200b"), MAPPING)
