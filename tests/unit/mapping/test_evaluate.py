"""The default rules applied to persons as identity providers describe them."""

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.domain.accounts import OrganizationSource
from vestibule.domain.identifiers import GroupId
from vestibule.domain.outcomes import HeldReason
from vestibule.mapping.evaluate import Evaluated, evaluate
from vestibule.mapping.rules import LoginSource, Mapping, default_mapping

GROUP = GroupId(uuid.UUID(int=1))
OTHER = GroupId(uuid.UUID(int=2))


def evaluated(document: dict[str, Any], **options: Any) -> Evaluated:
    return evaluate(
        default_mapping(), document, active=options.get("active", True), groups=options.get("groups", ())
    )


def test_an_ordinary_person() -> None:
    found = evaluated(
        {
            "userName": "ana7",
            "displayName": "Ana Li",
            "emails": [{"value": "Ana@Corp.example", "type": "work", "primary": True}],
        },
        groups=[OTHER, GROUP, GROUP],
    )
    assert found.email is not None
    assert found.email.address == "ana@corp.example"
    assert (found.login, found.display_name, found.access, found.problem) == ("ana7", "Ana Li", True, None)
    assert found.organizations == (
        OrganizationSource.of_group(GROUP),
        OrganizationSource.of_group(OTHER),
        OrganizationSource.home(),
    )


@pytest.mark.parametrize(
    ("emails", "user_name", "address"),
    [
        (
            [{"value": "w@x.example", "type": "work"}, {"value": "p@x.example", "primary": True}],
            "a",
            "p@x.example",
        ),
        (
            [{"value": "h@x.example", "type": "home"}, {"value": "w@x.example", "type": "WORK"}],
            "a",
            "w@x.example",
        ),
        ([{"value": "h@x.example", "type": "home"}, {"value": "o@x.example"}], "a", "h@x.example"),
        ([{"value": "", "primary": True}, {"value": "w@x.example", "type": "work"}], "a", "w@x.example"),
        ([], "ana@x.example", "ana@x.example"),
        (None, " ana@x.example ", "ana@x.example"),
    ],
)
def test_the_address_is_the_primary_then_work_then_first_then_the_user_name(
    emails: Any, user_name: str, address: str
) -> None:
    document = {"userName": user_name} if emails is None else {"userName": user_name, "emails": emails}
    found = evaluated(document)
    assert found.email is not None
    assert found.email.address == address


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"userName": "ana7"}, HeldReason.NO_EMAIL),
        ({"userName": "ana7", "emails": [{"value": " "}]}, HeldReason.NO_EMAIL),
        ({"userName": "ana7", "emails": [{"value": "ana at corp"}]}, HeldReason.INVALID_EMAIL),
    ],
)
def test_a_person_without_a_usable_address_is_a_problem_with_a_name(
    document: dict[str, Any], problem: HeldReason
) -> None:
    found = evaluated(document)
    assert (found.email, found.problem) == (None, problem)


def test_a_wrong_address_is_told_and_not_replaced_by_the_user_name() -> None:
    found = evaluated({"userName": "ana@x.example", "emails": [{"value": "ana at corp", "type": "work"}]})
    assert (found.email, found.problem) == (None, HeldReason.INVALID_EMAIL)


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        ({"displayName": "Ana L.", "name": {"formatted": "Ana Li"}}, "Ana L."),
        ({"displayName": " ", "name": {"formatted": "Ana Li", "givenName": "A"}}, "Ana Li"),
        ({"name": {"givenName": "Ana", "familyName": "Li"}}, "Ana Li"),
        ({"name": {"familyName": "Li"}}, "Li"),
        ({}, "ana7"),
        ({"displayName": "Ana\n\u202eLi\x07 "}, "Ana Li"),
    ],
)
def test_the_display_name_falls_back_to_what_there_is(document: dict[str, Any], shown: str) -> None:
    assert evaluated({"userName": "ana7", **document}).display_name == shown


def test_a_leaver_keeps_his_organizations_in_the_wanted_state() -> None:
    found = evaluated({"userName": "ana@x.example"}, active=False, groups=[GROUP])
    assert not found.access
    assert OrganizationSource.of_group(GROUP) in found.organizations


def test_rules_decide_the_login_and_the_organizations() -> None:
    rules = Mapping(
        login=(LoginSource.EXTERNAL_ID, LoginSource.EMAIL),
        email=default_mapping().email,
        display_name=default_mapping().display_name,
        home_organization=False,
        groups_are_organizations=False,
    )
    person = {"userName": "ana@x.example", "externalId": "e-1"}
    found = evaluate(rules, person, active=True, groups=[GROUP])
    assert (found.login, found.organizations) == ("e-1", ())
    found = evaluate(rules, {"userName": "Ana@x.example"}, active=True, groups=[])
    assert found.login == "ana@x.example"


def test_a_person_without_a_login_is_a_problem() -> None:
    rules = Mapping(
        (LoginSource.EXTERNAL_ID,), default_mapping().email, default_mapping().display_name, True, True
    )
    assert (
        evaluate(rules, {"userName": "ana@x.example"}, active=True, groups=[]).problem is HeldReason.NO_LOGIN
    )


@given(st.text(max_size=40), st.text(max_size=40), st.booleans())
def test_any_person_is_evaluated_the_same_way_twice(user_name: str, email: str, active: bool) -> None:
    document = {"userName": user_name, "emails": [{"value": email}]}
    found = evaluated(document, active=active)
    assert found == evaluated(document, active=active)
    assert (found.email is None) <= (found.problem is not None)
