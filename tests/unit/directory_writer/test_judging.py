"""What follows a failure: whose fault it is, how long to wait, and whether the desk may still act."""

import pytest

from vestibule.database.outcomes import Result
from vestibule.domain.outcomes import RefusedReason
from vestibule.messages.redelivery import LADDER
from vestibule_directory_writer.connectors.failures import (
    AlreadyExists,
    DeskFailure,
    DeskRefusesCredentials,
    DeskUnreachable,
    NotFound,
    OutcomeUnknown,
    Refused,
    Scope,
    Throttled,
)
from vestibule_directory_writer.judging import end, judge
from vestibule_directory_writer.permits import NoPermit


@pytest.mark.parametrize(
    ("failure", "troubled", "code", "counted", "late"),
    [
        (NoPermit("permits", 1.0), False, "permits", False, False),
        (Throttled("throttled_burst", 3.0, Scope.ENDPOINT), False, "throttled", False, False),
        (DeskUnreachable("connect_failed"), False, "desk_unreachable", False, False),
        (DeskUnreachable("timed_out"), False, "desk_unreachable", False, True),
        (DeskRefusesCredentials("unauthorized"), False, "desk_unauthorized", False, False),
        (DeskRefusesCredentials("forbidden"), False, "desk_forbidden", False, False),
        (OutcomeUnknown("timed_out"), False, "unknown_outcome", True, True),
        (OutcomeUnknown("timed_out"), True, "unknown_outcome", False, True),
        (NotFound("customer_unknown"), False, "desk_lost", True, False),
        (Refused("create_customer_400"), False, "refused:email", True, False),
        (AlreadyExists("customer_exists"), False, "desk_answer", True, False),
    ],
)
def test_a_failure_is_the_subjects_or_the_desks(
    failure: DeskFailure | NoPermit, troubled: bool, code: str, counted: bool, late: bool
) -> None:
    judgement = judge(failure, troubled, RefusedReason.EMAIL)
    ending = end(judgement, 0, 1.0)
    assert (ending.result, ending.code, ending.counted) == (Result.RETRY, code, counted)
    assert judgement.late is late


def test_a_pause_that_the_desk_asked_for_is_never_cut_short() -> None:
    throttled = judge(Throttled("throttled", 40.0, Scope.DESK), False, RefusedReason.REQUEST)
    seconds = end(throttled, 0, 0.5).seconds
    assert seconds is not None
    assert seconds >= 40.0
    unanswered = judge(OutcomeUnknown("desk_503", 90.0), False, RefusedReason.REQUEST)
    assert end(unanswered, 0, 1.0).seconds == 90.0


def test_after_the_last_rung_it_is_parked_with_its_code() -> None:
    judgement = judge(Refused("rename_customer_400"), False, RefusedReason.DISPLAY_NAME)
    ending = end(judgement, len(LADDER), 1.0)
    assert (ending.result, ending.code, ending.seconds) == (Result.PARK, "refused:display_name", None)
