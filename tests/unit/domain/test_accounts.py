"""The wanted state of an account: its hash names exactly what the desk is told."""

import dataclasses
import uuid

import pytest

from vestibule.domain.accounts import OrganizationSource, WantedAccount, wanted_hash
from vestibule.domain.identifiers import GroupId

GROUP = GroupId(uuid.UUID("00000000-0000-7000-8000-000000000001"))
WANTED = WantedAccount(
    email="ana@corp.example",
    login="ana7",
    display_name="Ána Li",
    access=True,
    organizations=(OrganizationSource.of_group(GROUP), OrganizationSource.home()),
)


def test_the_source_of_an_organization_names_its_group() -> None:
    assert OrganizationSource.of_group(GROUP).group == GROUP
    assert OrganizationSource.home().group is None


@pytest.mark.parametrize(
    "change", [{"email": "b@corp.example"}, {"login": "b"}, {"display_name": "B"}, {"access": False}]
)
def test_each_thing_the_account_needs_changes_the_hash(change: dict[str, object]) -> None:
    assert wanted_hash(dataclasses.replace(WANTED, **change)) != wanted_hash(WANTED)  # type: ignore[arg-type] # fields vary


def test_joining_a_group_does_not_send_the_account_again() -> None:
    assert wanted_hash(dataclasses.replace(WANTED, organizations=())) == wanted_hash(WANTED)


def test_the_hash_is_the_same_in_every_release() -> None:
    assert wanted_hash(WANTED) == "1:e6cd9f030dacde41957fb8b3756a25ccef82091558ecb2085d5da655a770c534"


def test_values_cannot_flow_from_one_field_into_the_next() -> None:
    one = WantedAccount(email="a", login="b,c", display_name="", access=True)
    other = WantedAccount(email="a,b", login="c", display_name="", access=True)
    assert wanted_hash(one) != wanted_hash(other)
