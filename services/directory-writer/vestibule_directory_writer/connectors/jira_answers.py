"""Reads what Jira answers: status and headers to a failure, a body to typed values. Pure; trusts nothing.

Error texts are localized and the i18n keys unpublished, so only statuses and headers are judged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import orjson

from vestibule_directory_writer.connectors.failures import (
    DeskFailure,
    DeskRefusesCredentials,
    DeskUnreachable,
    OutcomeUnknown,
    Refused,
    Scope,
    Throttled,
)
from vestibule_directory_writer.connectors.service_desk import DeskCustomer, DeskOrganization, Kind

DEFAULT_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 3600.0  # the points quota is refilled hourly; no reason waits longer

RATE_LIMIT_REASONS: Mapping[str, tuple[str, Scope]] = {
    "jira-burst-based": ("throttled_burst", Scope.ENDPOINT),
    "jira-per-issue-on-write": ("throttled_issue", Scope.ENDPOINT),
    "jira-quota-tenant-based": ("throttled_quota_tenant", Scope.DESK),
    "jira-quota-global-based": ("throttled_quota_global", Scope.DESK),
    "jira-cost-based": ("throttled_cost", Scope.DESK),
}

UNANSWERED = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})  # 4xx that promise nothing


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a status means for one call: made anew for each answer, since a raised exception is not shared."""

    kind: type[DeskFailure]
    code: str

    def failure(self) -> DeskFailure:
        return self.kind(self.code)


@dataclass(frozen=True, slots=True)
class Call:
    """One of the desk's calls. `endpoint` is the path's template; `missing` is what its 404 means.

    `repeatable`: sending it twice is the same as once, so a lost answer is no loss.
    """

    name: str
    method: str
    endpoint: str
    missing: Meaning
    repeatable: bool = True
    experimental: bool = False
    refusals: Mapping[int, Meaning] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list; `step` is how far the next one starts from this one."""

    values: Sequence[object]
    step: int
    last: bool


def judge(call: Call, status: int, headers: Mapping[str, str], now: datetime) -> DeskFailure | None:
    """What the answer's status means for this call; None where it succeeded."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if status in call.refusals:
        return call.refusals[status].failure()
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return DeskRefusesCredentials("unauthorized" if status == HTTPStatus.UNAUTHORIZED else "forbidden")
    if status == HTTPStatus.NOT_FOUND:
        return call.missing.failure()
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        code, scope = RATE_LIMIT_REASONS.get(
            headers.get("RateLimit-Reason", ""), ("throttled", Scope.ENDPOINT)
        )
        return Throttled(code, pause(headers, now) or DEFAULT_PAUSE_SECONDS, scope)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in UNANSWERED:
        return _unanswered(call, status, pause(headers, now))
    if status < HTTPStatus.BAD_REQUEST:
        return DeskUnreachable("redirected")  # the base URL is pinned: a redirect is never followed
    return Refused(f"{call.name}_{status}")


def _unanswered(call: Call, status: int, retry_after: float | None) -> DeskFailure:
    code = f"desk_{int(status)}"
    if not call.repeatable:
        return OutcomeUnknown(code, retry_after)
    if retry_after is not None:
        return Throttled(code, retry_after, Scope.ENDPOINT)
    return DeskUnreachable(code)


def unanswered(call: Call, code: str) -> DeskFailure:
    """The failure of a call that was sent and got no answer, or none that can be read."""
    return DeskUnreachable(code) if call.repeatable else OutcomeUnknown(code)


def pause(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds the desk asks us to wait: Retry-After (RFC 9110 §10.2.3), else X-RateLimit-Reset."""
    after = headers.get("Retry-After", "").strip()
    if after.isdecimal():
        return _bounded(float(after))
    moment = _http_date(after) or _iso_moment(headers.get("X-RateLimit-Reset", "").strip())
    return None if moment is None else _bounded((moment - now).total_seconds())


def _bounded(seconds: float) -> float:
    return min(max(seconds, 1.0), LONGEST_PAUSE_SECONDS)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter from an endless time zone
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _iso_moment(text: str) -> datetime | None:
    """`yyyy-MM-ddTHH:mmZ` or with seconds: Jira leaves them out at times."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def load(body: bytes) -> object:
    """The JSON value of a body; None where there is none, or HTML, or half of one."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def customer(value: object, kind: Kind | None = None) -> DeskCustomer | None:
    """A user record as a customer; None where it is not one. Without `kind`, `accountType` decides."""
    if not isinstance(value, dict):
        return None
    account_id = value.get("accountId")
    if not isinstance(account_id, str) or not account_id:
        return None
    if kind is None:
        kind = Kind.PORTAL_ONLY if value.get("accountType") == "customer" else Kind.OTHER
    return DeskCustomer(
        id=account_id,
        email=_text(value.get("emailAddress")),
        display_name=_text(value.get("displayName")) or "",
        active=value.get("active") is not False,
        kind=kind,
    )


def organization(value: object) -> DeskOrganization | None:
    """An organization record; None where it is not one. Its id comes as a string, at times as a number."""
    if not isinstance(value, dict):
        return None
    number, name = value.get("id"), value.get("name")
    if isinstance(number, int) and not isinstance(number, bool):
        number = str(number)
    if not isinstance(number, str) or not number.isdecimal() or not isinstance(name, str):
        return None
    return DeskOrganization(number, name, value.get("scimManaged") is True)


def page(value: object) -> Page | None:
    """A page of a list; None where it is not one. The server's `size` leads, not the limit we asked for."""
    if not isinstance(value, dict) or not isinstance(value.get("values"), list):
        return None
    values: list[object] = value["values"]
    size = value.get("size")
    step = size if isinstance(size, int) and size > 0 else len(values)
    return Page(values, step, last=value.get("isLastPage") is True or not values)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
