"""Which simulated identity provider produces which row of the reference's "be liberal here"."""

from functools import cache

import pytest

from infra.identity_providers.catalogue import DIALECTS
from infra.identity_providers.life import Change
from infra.identity_providers.people import team
from tests.unit.identity_providers.answering import Endpoint, speak
from tests.unit.identity_providers.customers import connect, identity_provider, live
from tests.unit.identity_providers.shapes import ENTRA, ROWS, Said, managers


@cache
def lived(name: str) -> Said:
    """All that one of them says in a life in which everything happens."""
    endpoint = Endpoint()
    idp = identity_provider(name, people=12)
    connect(idp, endpoint)
    live(idp, endpoint)
    assert idp.agenda.refused == {}
    assert idp.beliefs.surprises == []
    return Said(tuple(endpoint.requests), idp.dialect.headers, idp.dialect.suffix)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_spoken_by_those_who_speak_so_and_by_nobody_else(row: str) -> None:
    speaks, expected = ROWS[row]
    assert {name for name in DIALECTS if speaks(lived(name))} == expected


def test_row_7_a_manager_comes_in_every_shape_with_and_without_its_urn() -> None:
    assert managers(lived("entra-default")) == {(True, str), (False, list)}
    assert managers(lived("entra-flagged")) == {(True, dict)}
    assert all(managers(lived(name)) == set() for name in set(DIALECTS) - ENTRA)


def test_row_16_after_a_lost_answer_members_are_added_and_removed_again() -> None:
    endpoint = Endpoint()
    idp = identity_provider("entra-default", people=8)
    now = live(idp, endpoint)
    for change in (Change.NEW_TEAM, Change.ENTER_TEAM, Change.ENTER_TEAM, Change.ENTER_TEAM):
        idp.let_happen(change)
    now = speak(idp, endpoint, now + 1.0)
    number = next(one.number for one in idp.directory.teams.values() if one.members)
    idp.beliefs.team_links[number].members = frozenset()  # what it added was never answered
    before = {key: group["members"] for key, group in endpoint.groups.items()}
    idp.touch([team(number)])
    speak(idp, endpoint, now + 1.0)
    assert endpoint.requests[-2].purpose == "add members"
    assert {key: group["members"] for key, group in endpoint.groups.items()} == before
