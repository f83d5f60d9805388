"""Where a person stands: a closed union, each reason with one sentence that tells a human what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, assert_never


class Stage(StrEnum):
    """Whose work is still to be done."""

    DECIDING = "deciding"
    WRITING = "writing"
    JOINING = "joining"  # the account is there, memberships are not yet all applied


class Form(StrEnum):
    """What the desk confirmed."""

    ACCESS = "access"
    STRIPPED = "stripped"
    BLOCKED = "blocked"
    REVOKED = "revoked"
    ABSENT = "absent"  # never had access and needs none: nothing at the desk


class HeldReason(StrEnum):
    """Why somebody waits; ends by a human's decision or by a change of what is held against."""

    COLLISION = "collision"
    OUTSIDE_DOMAIN = "outside_domain"
    SAME_PERSON = "same_person"
    ADOPTION = "adoption"
    RENAME = "rename"
    BREAKER = "breaker"
    PAUSED = "paused"
    TENANT_SUSPENDED = "tenant_suspended"
    DESK_DISABLED = "desk_disabled"
    NO_EMAIL = "no_email"
    INVALID_EMAIL = "invalid_email"
    NO_LOGIN = "no_login"
    NO_DISPLAY_NAME = "no_display_name"
    NO_ORGANIZATION_NAME = "no_organization_name"
    UNSUPPORTED_DISPLAY_NAME = "unsupported_display_name"
    NOT_PORTAL_ONLY = "not_portal_only"
    NO_RETURN = "no_return"


class RefusedReason(StrEnum):
    """Why the desk will not have this state, however often it is asked."""

    EMAIL = "email"
    DISPLAY_NAME = "display_name"
    ORGANIZATION_NAME = "organization_name"
    REQUEST = "request"


class FailedCode(StrEnum):
    """Why we stopped trying; an operator's replay tries again."""

    DESK_UNREACHABLE = "desk_unreachable"
    DESK_UNAUTHORIZED = "desk_unauthorized"
    DESK_FORBIDDEN = "desk_forbidden"
    DESK_ERROR = "desk_error"
    DESK_ANSWER = "desk_answer"
    DESK_LOST = "desk_lost"
    UNKNOWN_OUTCOME = "unknown_outcome"
    EXISTS_NOT_VISIBLE = "exists_not_visible"
    MEMBER_REFUSED = "member_refused"
    ORGANIZATION_NAME_TAKEN = "organization_name_taken"
    CREDENTIALS = "credentials"
    MAPPING = "mapping"
    BUG = "bug"


@dataclass(frozen=True, slots=True)
class Pending:
    stage: Stage


@dataclass(frozen=True, slots=True)
class Applied:
    form: Form


@dataclass(frozen=True, slots=True)
class Shadow:
    pass


@dataclass(frozen=True, slots=True)
class Held:
    reason: HeldReason


@dataclass(frozen=True, slots=True)
class Refused:
    reason: RefusedReason


@dataclass(frozen=True, slots=True)
class Failed:
    code: FailedCode


Standing: TypeAlias = Pending | Applied | Shadow | Held | Refused | Failed

# The second claimant of an address sees the same words as a person outside the verified domains.
_NOT_AVAILABLE = (
    "This e-mail address cannot be provisioned for this customer yet: ask the service desk's "
    "operator to review the case."
)

HELD_TEXT: Mapping[HeldReason, str] = {
    HeldReason.COLLISION: _NOT_AVAILABLE,
    HeldReason.OUTSIDE_DOMAIN: _NOT_AVAILABLE,
    HeldReason.SAME_PERSON: (
        "This may be a person we already know: decide in the case whether the two are one."
    ),
    HeldReason.ADOPTION: (
        "The desk already has an account with this address: approve or refuse its adoption in the case."
    ),
    HeldReason.RENAME: (
        "The e-mail address changed and this desk cannot rename an account: the account keeps its "
        "old "
        "address and everything else is applied; move it by hand or restore the old address in the "
        "identity provider."
    ),
    HeldReason.BREAKER: "Too many people lost access at once: approve or reject the removals in the case.",
    HeldReason.PAUSED: "The connection is paused: resume it to apply what was stored meanwhile.",
    HeldReason.TENANT_SUSPENDED: "The customer is suspended: reactivate the tenant to apply what was stored.",
    HeldReason.DESK_DISABLED: (
        "The service desk is switched off for provisioning: an operator must enable it again."
    ),
    HeldReason.NO_EMAIL: (
        "The identity provider sent no e-mail address: map a work e-mail, or send the address as userName."
    ),
    HeldReason.INVALID_EMAIL: "The e-mail address is not a valid one: correct it in the identity provider.",
    HeldReason.NO_LOGIN: (
        "The identity provider sent no value for the login identifier: correct the attribute mapping."
    ),
    HeldReason.NO_DISPLAY_NAME: (
        "The identity provider sent no name at all: map displayName, or givenName and familyName."
    ),
    HeldReason.NO_ORGANIZATION_NAME: (
        "The group has no usable name: give it a displayName in the identity provider."
    ),
    HeldReason.UNSUPPORTED_DISPLAY_NAME: (
        "The display name changed and this desk cannot change it: the account keeps its "
        "old name and everything else is applied; change the name at the desk by hand."
    ),
    HeldReason.NOT_PORTAL_ONLY: (
        "The desk has a full account with this address, which is never changed from here: "
        "remove it there, or exclude the person in the identity provider."
    ),
    HeldReason.NO_RETURN: (
        "The person is active again and this desk cannot give access back: grant it at the desk by hand."
    ),
}

REFUSED_TEXT: Mapping[RefusedReason, str] = {
    RefusedReason.EMAIL: "The desk does not accept this e-mail address: correct it in the identity provider.",
    RefusedReason.DISPLAY_NAME: (
        "The desk does not accept this display name: correct it in the identity provider."
    ),
    RefusedReason.ORGANIZATION_NAME: (
        "The desk does not accept this group's name: rename it in the identity provider."
    ),
    RefusedReason.REQUEST: (
        "The desk refused the change as malformed: replay it, and report it if it is refused again."
    ),
}

FAILED_TEXT: Mapping[FailedCode, str] = {
    FailedCode.DESK_UNREACHABLE: "The desk could not be reached: check its address and state, then replay.",
    FailedCode.DESK_UNAUTHORIZED: "The desk refused our credentials: renew the desk's token, then replay.",
    FailedCode.DESK_FORBIDDEN: (
        "The desk's token lacks a permission: grant it to the integration user, then replay."
    ),
    FailedCode.DESK_ERROR: "The desk kept failing with its own errors: replay when it is healthy again.",
    FailedCode.DESK_ANSWER: (
        "The desk's answer could not be understood: check that the base URL is the desk's, then replay."
    ),
    FailedCode.DESK_LOST: "The record we made at the desk is gone: check who deleted it there, then replay.",
    FailedCode.UNKNOWN_OUTCOME: (
        "A call ended without an answer and the desk does not tell: check the account there, then replay."
    ),
    FailedCode.EXISTS_NOT_VISIBLE: (
        "The desk says that the account exists and does not show it, as it does with deactivated ones: "
        "grant it access at the desk or remove it there, then replay."
    ),
    FailedCode.MEMBER_REFUSED: (
        "The desk refuses this account as a member of an organization: check the account there, then replay."
    ),
    FailedCode.ORGANIZATION_NAME_TAKEN: (
        "Every name for this organization is taken at the desk by one that is not ours: rename or remove "
        "that one, then replay."
    ),
    FailedCode.CREDENTIALS: (
        "The desk's credentials cannot be opened with the writer's keys: seal them again, then replay."
    ),
    FailedCode.MAPPING: (
        "The mapping could not be evaluated for this person: correct the mapping, then replay."
    ),
    FailedCode.BUG: "An unexpected error stopped the work: report the trace id, then replay.",
}


def explain(standing: Standing) -> str:
    """One sentence for a human admin: where the person is and, when something waits, what to do."""
    match standing:
        case Pending(stage):
            return _PENDING_TEXT[stage]
        case Applied(form):
            return _APPLIED_TEXT[form]
        case Shadow():
            return "The connection is in shadow: nothing is sent to the desk until it is promoted to live."
        case Held(held):
            return HELD_TEXT[held]
        case Refused(refused):
            return REFUSED_TEXT[refused]
        case Failed(code):
            return FAILED_TEXT[code]
        case _:
            assert_never(standing)


_PENDING_TEXT: Mapping[Stage, str] = {
    Stage.DECIDING: "Received; what the desk should have is being decided.",
    Stage.WRITING: "Decided; the desk is being brought up to date.",
    Stage.JOINING: "The account is there; its organizations are being brought up to date.",
}

_APPLIED_TEXT: Mapping[Form, str] = {
    Form.ACCESS: "The desk has the account with access.",
    Form.STRIPPED: (
        "The person left: the account is out of every organization of this customer; sign-in is not blocked."
    ),
    Form.BLOCKED: "The person left: the account is blocked at the desk.",
    Form.REVOKED: "The person left: access was revoked at the desk, which cannot be undone from here.",
    Form.ABSENT: "The person is inactive and never had an account: there is nothing at the desk.",
}
