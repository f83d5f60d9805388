"""The closed family of ways a desk call can fail, told apart by what the writer must do next.

Every failure carries a short machine code (lower-case words joined by `_`) and never personal data:
a code may be logged, stored as an outcome and counted.
"""

from enum import Enum


class Scope(Enum):
    """How far a throttle reaches."""

    ENDPOINT = "endpoint"
    DESK = "desk"


class DeskFailure(Exception):
    """A desk call that did not end as promised; `code` says why, for machines."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class AlreadyExists(DeskFailure):
    """The desk has a customer with this address already (a strict 409); nothing was changed."""


class OutcomeUnknown(DeskFailure):
    """A call that must not be repeated blindly was sent, and no answer tells whether it took effect.

    The intent saved before the call decides what follows: repeat it, and link what the repeat finds.
    `retry_after_seconds` is the desk's own wish, where it named one.
    """

    def __init__(self, code: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(code)
        self.retry_after_seconds = retry_after_seconds


class Throttled(DeskFailure):
    """The desk asked for a pause; nothing was changed. Already told to the pacing."""

    def __init__(self, code: str, retry_after_seconds: float, scope: Scope) -> None:
        super().__init__(code)
        self.retry_after_seconds = retry_after_seconds
        self.scope = scope


class DeskUnreachable(DeskFailure):
    """The desk as a whole does not answer; repeat the call as it is. Never counts as a person's attempt."""


class DeskRefusesCredentials(DeskFailure):
    """The desk does not accept who we are or what we may do: stop this desk and tell the operator."""


class NotFound(DeskFailure):
    """The customer or organization with this id is not at the desk (any more)."""


class Refused(DeskFailure):
    """The desk refuses this very request and would do so again: the subject, not the desk, is at fault."""


class PartlyApplied(DeskFailure):
    """A batch of members was refused after some of them may have been taken, without telling which.

    The caller re-reads the members, or bisects the batch down to the one that is `Refused`.
    """
