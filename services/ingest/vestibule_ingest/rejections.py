"""Why a request was not carried out, said in SCIM: verdicts of statements and troubles of the database."""

from collections.abc import Mapping
from typing import Final

import asyncpg

from vestibule.database.verdicts import MembersUnknown, Refused, Verdict
from vestibule.scim.errors import (
    Forbidden,
    InvalidValue,
    NotFound,
    ScimError,
    Unauthorized,
    Unavailable,
    Uniqueness,
)
from vestibule_ingest.authentication import unauthorized

DATABASE_TROUBLES: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

_ANSWERS: Mapping[Verdict, tuple[type[ScimError], str]] = {
    Verdict.MISSING: (NotFound, "There is no such resource in this connection: look it up by a filter."),
    Verdict.SUSPENDED: (
        Forbidden,
        "Provisioning for this customer is suspended: ask the operator of the service desk to resume it.",
    ),
    Verdict.USER_NAME_TAKEN: (
        Uniqueness,
        "Another user of this connection has this userName, whatever its letter case: match the existing "
        "user or change the userName.",
    ),
    Verdict.EXTERNAL_ID_TAKEN: (
        Uniqueness,
        "Another resource of this connection has this externalId: match the existing one or correct the "
        "mapping of externalId.",
    ),
    Verdict.DISPLAY_NAME_TAKEN: (
        Uniqueness,
        "Another group of this connection has this displayName: link the existing group or rename this one.",
    ),
    Verdict.NESTED_IN_ITSELF: (
        InvalidValue,
        "A group cannot be a member of itself, nor of a group that lies in it: take one of the two "
        "memberships out.",
    ),
    Verdict.NESTED_TOO_DEEP: (
        InvalidValue,
        "At most ten groups may lie one inside the other: make the person a member of an outer group.",
    ),
    Verdict.NESTED_TOO_OFTEN: (
        InvalidValue,
        "This connection has ten thousand groups in groups, which is the limit: push the members instead.",
    ),
}


def rejection(refused: Refused) -> ScimError:
    """Say a verdict as the error that it is answered with."""
    if refused.verdict is Verdict.UNAUTHORIZED:
        return unauthorized()
    if isinstance(refused, MembersUnknown):
        return InvalidValue(
            f"{refused.count} of the members named are no users and no groups of this connection: provision "
            "them before their membership."
        )
    kind, detail = _ANSWERS[refused.verdict]
    return kind(detail)


def rejection_of_caller(verdict: Verdict) -> Unauthorized | Forbidden | None:
    """The error for a caller that may not ask at all; None for one that may."""
    if verdict is Verdict.OK:
        return None
    error = rejection(Refused(verdict))
    assert isinstance(error, Unauthorized | Forbidden)
    return error


def trouble(error: BaseException) -> ScimError:
    """Say a database's failure: a value that it cannot hold is the request's fault, all else is ours."""
    if isinstance(error, asyncpg.DataError | asyncpg.exceptions.CheckViolationError):
        return InvalidValue("A value in the request cannot be stored: correct the attribute mapping.")
    return Unavailable("The service cannot store anything at this moment: repeat the request.")
