"""Wanted x found gives a plan: the whole table of an account's part."""

from dataclasses import replace
from uuid import UUID

import pytest

from vestibule.database.outcomes import Identity, IdentityState
from vestibule.domain.outcomes import Form, HeldReason
from vestibule_directory_writer.connectors.memory import EVERYTHING
from vestibule_directory_writer.planning import (
    AddToDesk,
    Change,
    Create,
    Hold,
    LookUp,
    Plan,
    RemoveFromDesk,
    RenameCustomer,
    Wanted,
    plan,
)

ANN = Wanted("ann@acme.example", "Ann", access=True)
GONE = replace(ANN, access=False)
NEWER = replace(ANN, email="ann.married@acme.example")
PRESENT = Identity(UUID(int=1), IdentityState.PRESENT, "qm:1", "ann@acme.example", "Ann", at_desk=True)
OFF_DESK = replace(PRESENT, at_desk=False)
REVOKED = replace(PRESENT, state=IdentityState.REVOKED)
CLOSED = EVERYTHING
OPEN = replace(EVERYTHING, closed_desk=False)
UNABLE = replace(OPEN, rename_person=False)


def made(state: IdentityState) -> Identity:
    return replace(PRESENT, state=state, desk_account_id=None, display_name=None, at_desk=False)


@pytest.mark.parametrize(
    ("wanted", "found", "planned"),
    [
        (ANN, None, Create("ann@acme.example", "Ann", uncertain=False)),
        (ANN, made(IdentityState.IDLE), Create("ann@acme.example", "Ann", uncertain=False)),
        (ANN, made(IdentityState.INTENT), Create("ann@acme.example", "Ann", uncertain=True)),
        (ANN, made(IdentityState.UNKNOWN), Create("ann@acme.example", "Ann", uncertain=True)),
        (NEWER, made(IdentityState.IDLE), Create("ann.married@acme.example", "Ann", uncertain=False)),
        (NEWER, made(IdentityState.UNKNOWN), LookUp("ann@acme.example")),
        (GONE, None, Change((), Form.ABSENT)),
        (GONE, made(IdentityState.IDLE), Change((), Form.ABSENT)),
        (GONE, made(IdentityState.UNKNOWN), LookUp("ann@acme.example")),
    ],
)
def test_what_is_not_there_is_made_looked_for_or_left_alone(
    wanted: Wanted, found: Identity | None, planned: Plan
) -> None:
    assert plan(wanted, found, CLOSED) == planned


@pytest.mark.parametrize(
    ("wanted", "found", "planned"),
    [
        (ANN, PRESENT, Change((), Form.ACCESS)),
        (ANN, OFF_DESK, Change((AddToDesk(),), Form.ACCESS)),
        (replace(ANN, email="Ann@ACME.example"), PRESENT, Change((), Form.ACCESS)),
        (replace(ANN, display_name="Ann B"), PRESENT, Change((RenameCustomer("Ann B"),), Form.ACCESS)),
        (NEWER, PRESENT, Hold(HeldReason.RENAME)),
        (GONE, PRESENT, Change((RemoveFromDesk(),), Form.STRIPPED)),
        (GONE, OFF_DESK, Change((), Form.STRIPPED)),
        (replace(NEWER, access=False), PRESENT, Change((RemoveFromDesk(),), Form.STRIPPED)),
        (ANN, REVOKED, Hold(HeldReason.NO_RETURN)),
        (GONE, REVOKED, Change((), Form.REVOKED)),
    ],
)
def test_who_is_there_is_brought_to_where_he_should_be(
    wanted: Wanted, found: Identity, planned: Plan
) -> None:
    assert plan(wanted, found, CLOSED) == planned


def test_an_open_desk_has_no_list_to_be_on() -> None:
    assert plan(ANN, OFF_DESK, OPEN) == Change((), Form.ACCESS)
    assert plan(GONE, PRESENT, OPEN) == Change((), Form.STRIPPED)


def test_a_name_that_cannot_be_changed_holds_who_has_access_and_nobody_else() -> None:
    renamed = replace(ANN, display_name="Ann B")
    held = Change((), Form.ACCESS, HeldReason.UNSUPPORTED_DISPLAY_NAME)
    assert plan(renamed, PRESENT, UNABLE) == held
    assert plan(replace(renamed, access=False), PRESENT, UNABLE) == Change((), Form.STRIPPED)


def test_a_step_whose_answer_nobody_heard_is_carried_out_again_either_way() -> None:
    unheard = replace(PRESENT, at_desk=None, display_name=None)
    assert plan(ANN, unheard, CLOSED) == Change((RenameCustomer("Ann"), AddToDesk()), Form.ACCESS)
    assert plan(GONE, unheard, CLOSED) == Change((RemoveFromDesk(), RenameCustomer("Ann")), Form.STRIPPED)
