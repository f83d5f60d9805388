"""What a statement of the ingest schema says about a request: carried out, or why not."""

from enum import StrEnum


class Verdict(StrEnum):
    """The first column of every answer; each function in migration 0004 lists those that it gives."""

    OK = "ok"
    FOUND = "found"
    CREATED = "created"
    RETURNED = "returned"  # the same resource as before its removal, under the same id
    REPLACED = "replaced"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    MISSING = "missing"
    STALE = "stale"  # another write came between
    USER_NAME_TAKEN = "user_name_taken"
    DISPLAY_NAME_TAKEN = "display_name_taken"
    EXTERNAL_ID_TAKEN = "external_id_taken"
    UNKNOWN_MEMBERS = "unknown_members"  # said to be groups, which never arrive later
    TOO_MANY_UNKNOWN = "too_many_unknown"  # to be parked
    NESTED_IN_ITSELF = "nested_in_itself"
    NESTED_TOO_DEEP = "nested_too_deep"
    NESTED_TOO_OFTEN = "nested_too_often"
    UNAUTHORIZED = "unauthorized"
    SUSPENDED = "suspended"
    OUTDATED = "outdated"  # the request was read by extension schemas that are not the tenant's any more


class Refused(Exception):
    """The request was not carried out; nothing has changed."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.value)
        self.verdict = verdict


class MembersUnknown(Refused):
    """Some of the members named are nobody in this connection, and cannot be parked."""

    def __init__(self, verdict: Verdict, count: int) -> None:
        super().__init__(verdict)
        self.count = count


_DONE = {
    verdict.value: verdict
    for verdict in (
        Verdict.OK,
        Verdict.FOUND,
        Verdict.CREATED,
        Verdict.RETURNED,
        Verdict.REPLACED,
        Verdict.CHANGED,
        Verdict.UNCHANGED,
        Verdict.REMOVED,
        Verdict.STALE,
    )
}


def accept(text: str) -> Verdict:
    """Read a verdict; raises Refused for one that means that nothing came of the request.

    `stale` is no refusal: the caller may look again and repeat.
    """
    verdict = _DONE.get(text)
    if verdict is None:
        raise Refused(Verdict(text))
    return verdict
