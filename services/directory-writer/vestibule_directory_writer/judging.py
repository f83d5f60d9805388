"""From the way that a desk call failed to what follows for the subject: the closed words of outcomes."""

from dataclasses import dataclass
from typing import Final

from vestibule.database.outcomes import Result
from vestibule.domain.outcomes import FailedCode, RefusedReason
from vestibule.messages.redelivery import DeskFault, Done, Faulted, Outcome, Park, RetryIn, next_step
from vestibule_directory_writer.connectors.failures import (
    DeskFailure,
    DeskRefusesCredentials,
    DeskUnreachable,
    NotFound,
    OutcomeUnknown,
    Refused,
    Throttled,
)
from vestibule_directory_writer.permits import NoPermit

NOTHING_SENT: Final = frozenset({"connect_failed"})  # of a connector's codes: the desk never saw the call
ENDED_EVENT: Final = {Result.RETRY: "retry", Result.PARK: "parked"}  # words of the timeline
REFUSED_PREFIX: Final = "refused:"  # a parked row with such a code stands as refused(reason)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What follows a failure. `late`: the desk may still act; `detail` is the connector's code."""

    outcome: Outcome
    detail: str | None = None
    late: bool = False
    at_least: float = 0.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a claim ends: the fields that every record has in common."""

    result: Result
    seconds: float | None
    counted: bool
    code: str


def judge(failure: DeskFailure | NoPermit, desk_troubled: bool, about: RefusedReason) -> Judgement:
    """Judge a failure; while the whole desk is in trouble an unanswered call is nobody's own fault."""
    match failure:
        case NoPermit():
            return Judgement(DeskFault(failure.code, failure.seconds), failure.code)
        case Throttled():
            return Judgement(DeskFault("throttled", failure.retry_after_seconds), failure.code)
        case DeskUnreachable():
            late = failure.code not in NOTHING_SENT
            return Judgement(DeskFault(FailedCode.DESK_UNREACHABLE), failure.code, late)
        case DeskRefusesCredentials():
            return Judgement(DeskFault(credentials_code(failure)), failure.code)
        case OutcomeUnknown() if desk_troubled:
            pause = failure.retry_after_seconds
            return Judgement(DeskFault(FailedCode.UNKNOWN_OUTCOME, pause), failure.code, late=True)
        case OutcomeUnknown():
            least = failure.retry_after_seconds or 0.0
            return Judgement(Faulted(FailedCode.UNKNOWN_OUTCOME), failure.code, late=True, at_least=least)
        case NotFound():
            return Judgement(Faulted(FailedCode.DESK_LOST), failure.code)
        case Refused():
            return Judgement(Faulted(f"{REFUSED_PREFIX}{about}"), failure.code)
        case _:
            return Judgement(Faulted(FailedCode.DESK_ANSWER), failure.code)


def credentials_code(failure: DeskRefusesCredentials) -> FailedCode:
    """Whether the desk does not know us, or does not let us."""
    unknown = failure.code == "unauthorized"
    return FailedCode.DESK_UNAUTHORIZED if unknown else FailedCode.DESK_FORBIDDEN


def end(judgement: Judgement, attempts: int, jitter: float) -> Ending:
    """Put a judgement on the ladder."""
    match next_step(attempts, judgement.outcome, jitter):
        case RetryIn(seconds, counts, code):
            return Ending(Result.RETRY, max(seconds, judgement.at_least), counts > attempts, code)
        case Park(code, _):
            return Ending(Result.PARK, None, True, code)
        case Done():
            raise AssertionError("a failure is never done")
