"""Names at the desk: two customers' groups never share one, every name fits, and a retry finds the same."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.domain.identifiers import OrganizationId
from vestibule.mapping.organizations import desk_organization_name, organization_name

ONE = OrganizationId(uuid.UUID(int=1))
OTHER = OrganizationId(uuid.UUID(int=2))


def test_two_customers_with_a_group_of_one_name_get_two_names() -> None:
    assert desk_organization_name("Acme", "IT", ONE) == "Acme / IT"
    assert desk_organization_name("Beta", "IT", OTHER) == "Beta / IT"


def test_the_home_organization_bears_the_customers_name() -> None:
    assert desk_organization_name("Acme", None, ONE) == "Acme"


def test_a_first_attempt_is_found_again_and_a_further_one_differs() -> None:
    first = desk_organization_name("Acme", "IT", ONE)
    assert first == desk_organization_name("Acme", "IT", ONE, 0)
    names = {
        desk_organization_name("Acme", "IT", organization, n)
        for organization in (ONE, OTHER)
        for n in (1, 2, 3)
    }
    assert len(names | {first}) == 7
    assert all(name.startswith("Acme / IT (") for name in names)


def test_a_name_that_cannot_be_shown_is_none() -> None:
    assert organization_name(" \t\u200b") is None
    assert organization_name(" I\n T ") == "I T"


def test_long_names_that_differ_at_the_end_only_stay_two() -> None:
    one, other = (desk_organization_name("Acme", "x" * 300 + end, ONE) for end in "ab")
    assert one != other
    assert len(one) <= 200


def test_a_customer_needs_a_name() -> None:
    with pytest.raises(ValueError, match="prefix"):
        desk_organization_name(" ", "IT", ONE)


@given(st.text(max_size=300), st.text(max_size=300), st.integers(0, 3))
def test_every_name_fits_the_desk_and_says_whose_it_is(prefix: str, wanted: str, attempt: int) -> None:
    shown = organization_name("T" + prefix)
    assert shown is not None
    name = desk_organization_name("T" + prefix, wanted, ONE, attempt)
    assert 1 <= len(name.encode("utf-16-le")) // 2 <= 200
    assert name.startswith(shown[:100].rstrip()[:90])
    assert name == desk_organization_name("T" + prefix, wanted, ONE, attempt)
    assert name == name.strip()
