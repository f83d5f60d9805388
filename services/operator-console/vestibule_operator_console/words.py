"""What codes mean to a person: where somebody stands, what happened, what a case asks."""

from collections.abc import Mapping

from vestibule.domain.outcomes import (
    Applied,
    Failed,
    FailedCode,
    Form,
    Held,
    HeldReason,
    Pending,
    Refused,
    RefusedReason,
    Shadow,
    Stage,
    Standing,
    explain,
)

LOST_TEXT = (
    "Nobody works on this person although something is to be done: report it, it must never happen. "
    "Resuming or replaying does not help; a new change from the identity provider does."
)

BY_WORDS: Mapping[tuple[str, str], Standing] = {
    **{("pending", stage.value): Pending(stage) for stage in Stage},
    **{("applied", form.value): Applied(form) for form in Form},
    **{("held", reason.value): Held(reason) for reason in HeldReason},
    **{("refused", reason.value): Refused(reason) for reason in RefusedReason},
    **{("failed", code.value): Failed(code) for code in FailedCode},
}

EVENTS: Mapping[tuple[str, str], str] = {
    ("received", "create"): "The identity provider created the person.",
    ("received", "return"): "The identity provider created the person again: the same person, the same id.",
    ("received", "replace"): "The identity provider sent the whole person anew.",
    ("received", "change"): "The identity provider changed the person.",
    ("received", "patch"): "The identity provider changed the person.",
    ("received", "deactivate"): "The identity provider deactivated the person.",
    ("received", "reactivate"): "The identity provider activated the person again.",
    ("received", "delete"): "The identity provider deleted the person.",
    ("received", "members"): "The identity provider changed the group's members.",
    ("received", "members_parked"): "The group names members that nobody is yet; they wait for who arrives.",
    ("received", "member_attached"): "Somebody arrived whom the group had named.",
    ("decided", "want"): "Decided what the desk should have.",
    ("decided", "hold"): "Decided to hold.",
    ("decided", "shadow"): "Planned only: the connection is in shadow.",
    ("decided", "refuse"): "Decided that the desk cannot have it.",
    ("decided", "removed"): "The group is gone: its organization is nobody's any more.",
    ("done", "applied"): "The desk has confirmed what was decided.",
    ("done", "retry"): "It did not work this time and is tried again by itself.",
    ("done", "held"): "Stopped before the desk.",
    ("done", "parked"): "Gave up until an operator replays it.",
    ("operator", "replay"): "An operator had it tried again.",
}

CASES: Mapping[str, str] = {
    "collision": (
        "The address is in use at this desk by another account. Change it in the identity provider, or "
        "release it where it is; the person is judged again by itself."
    ),
    "outside_domain": (
        "The address lies outside the customer's verified domains. Verify the domain or allow it."
    ),
    "same_person": "This may be somebody we already know. Decide whether the two are one.",
    "adoption": (
        "The desk already has an account with this address that we did not make. Remove it at the desk, or "
        "change the address in the identity provider; taking it over is not automatic."
    ),
    "breaker": "Too many people lost access at once. Approve or reject the removals.",
    "organization_deletion": (
        "The group of this organization is gone at the identity provider; its members have left it. Delete "
        "the organization at the desk by hand if nothing in it is needed."
    ),
}


def words_of(standing: str, detail: str | None) -> str:
    """A standing as the tables name it: `held(rename)`."""
    return standing if detail is None else f"{standing}({detail})"


def standing_text(standing: str, detail: str | None, code: str | None) -> str:
    """Where somebody is, and what to do when he waits; `code` is added where it says more."""
    if detail == "lost":
        return LOST_TEXT
    if (standing, code) == ("pending", "fanout"):
        return "A wide change is being carried to everybody it concerns; this person's turn is to come."
    known = _known(standing, detail)
    if known is None:  # a code that another word explains, say a group that was parked for its name
        known = next(
            (BY_WORDS[word, detail or ""] for word in ("held", "failed") if (word, detail) in BY_WORDS), None
        )
    if known is None:
        return f"{standing.capitalize()}: {plain(detail or code or 'no reason was stored')}."
    told = explain(known)
    if code is not None and code != detail and standing == "pending":
        return f"{told} The last attempt ended with: {plain(code)}; it is tried again by itself."
    return told


def event_text(stage: str, code: str, reason: str | None) -> str:
    """What happened, in a sentence or two."""
    text = EVENTS.get((stage, code), f"{stage.capitalize()}: {plain(code)}.")
    if reason is None:
        return text
    if code == "retry":  # nothing for anybody to do yet
        return f"{text} Reason: {plain(reason)}."
    words = ("refused", "held", "failed") if code == "refused" else ("held", "failed")
    known = next((BY_WORDS[word, reason] for word in words if (word, reason) in BY_WORDS), None)
    if known is not None:
        return f"{text} {explain(known)}"
    return f"{text} Reason: {plain(reason)}."


def case_text(kind: str) -> str:
    """What a case asks of the operator."""
    return CASES.get(kind, f"{plain(kind).capitalize()}.")


def plain(code: str) -> str:
    """A code as words."""
    return code.replace("_", " ").replace(":", ": ")


def _known(standing: str, detail: str | None) -> Standing | None:
    """The standing as a value of the domain; None for a detail that it does not list."""
    if standing == "shadow":
        return Shadow()
    return BY_WORDS.get((standing, detail or ""))
