"""The retry ladder: attempts and outcome decide: done, tried again later, or parked for a human."""

from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

LADDER: Final = (5.0, 30.0, 120.0, 600.0, 3_600.0, 21_600.0)  # seconds; after the last rung: parked
DESK_PAUSE: Final = 5.0  # seconds until a row is looked at again when its desk gave no Retry-After
LEAST_JITTER: Final = 0.5


@dataclass(frozen=True, slots=True)
class Settled:
    """The subject is as it should be, or a final answer about it was recorded."""


@dataclass(frozen=True, slots=True)
class Faulted:
    """This subject failed; the attempt counts against it."""

    code: str


@dataclass(frozen=True, slots=True)
class DeskFault:
    """The desk as a whole cannot be used now (down, 429, bad credentials): no attempt of anybody."""

    code: str
    retry_after: float | None = None  # seconds, as the desk asked


Outcome: TypeAlias = Settled | Faulted | DeskFault


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing more to do for this version."""


@dataclass(frozen=True, slots=True)
class RetryIn:
    """Not before so many seconds from now; `attempts` is what the row counts from here on."""

    seconds: float
    attempts: int
    code: str


@dataclass(frozen=True, slots=True)
class Park:
    """Tried often enough: a human is told, and `replay` or a new version of the row begins again."""

    code: str
    attempts: int


Step: TypeAlias = Done | RetryIn | Park


def next_step(attempts: int, outcome: Outcome, jitter: float) -> Step:
    """Decide what follows; `attempts` counts the faults before this one, `jitter` is drawn from 0.5 to 1."""
    if not LEAST_JITTER <= jitter <= 1.0:
        raise ValueError("jitter must lie between 0.5 and 1")
    match outcome:
        case Settled():
            return Done()
        case DeskFault(code, retry_after):
            return RetryIn(_desk_pause(retry_after, jitter), attempts, code)
        case Faulted(code):
            if attempts >= len(LADDER):
                return Park(code, attempts + 1)
            return RetryIn(LADDER[max(attempts, 0)] * jitter, attempts + 1, code)
        case _:
            assert_never(outcome)


def _desk_pause(retry_after: float | None, jitter: float) -> float:
    if retry_after is None:
        return DESK_PAUSE * jitter
    # Never earlier than the desk asked (RFC 9110 section 10.2.3), and not all at the same moment.
    return max(retry_after, 0.0) + DESK_PAUSE * (1.0 - jitter)
