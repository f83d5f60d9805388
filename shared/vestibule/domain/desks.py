"""The kinds of desk as data: what each can do, and which settings and credentials a record of it needs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from vestibule.domain import pace
from vestibule.domain.identifiers import DeskId

ADDRESSES = ("base_url", "csm_url")  # of whatever kind: the settings that say where credentials are sent
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class DeskKind(StrEnum):
    JIRA = "jira"
    MEMORY = "memory"  # lives and dies with the writer's process: for trying things out


class Leave(StrEnum):
    """What happens at the desk when an account loses its access: what a connector has calls for, no more."""

    STRIP = "strip"  # memberships go, the account stays: never shown as blocked


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a desk, with its settings, can do; router and writer plan with nothing else.

    `member_batch` bounds the ids of one add or remove; `call_seconds` bounds one call to the desk.
    """

    rename_email: bool
    rename_person: bool
    rename_organization: bool
    leave: Leave
    closed_desk: bool  # a customer sees the desk only after it was added there
    member_batch: int
    call_seconds: float

    def as_document(self) -> dict[str, Any]:
        return {
            "rename_email": self.rename_email,
            "rename_person": self.rename_person,
            "rename_organization": self.rename_organization,
            "leave": self.leave.value,
            "closed_desk": self.closed_desk,
            "member_batch": self.member_batch,
            "call_seconds": self.call_seconds,
        }


SETTINGS: Mapping[DeskKind, tuple[str, ...]] = {
    DeskKind.JIRA: ("base_url", "service_desk_id", "csm_url", "closed_desk"),
    DeskKind.MEMORY: (),
}
CREDENTIALS: Mapping[DeskKind, tuple[str, ...]] = {
    DeskKind.JIRA: ("email", "api_token"),
    DeskKind.MEMORY: (),
}


def capabilities_of(kind: DeskKind, settings: Mapping[str, object]) -> Capabilities:
    """What a desk of this kind can do; `settings` have no problems."""
    match kind:
        case DeskKind.JIRA:
            renames = settings.get("csm_url") is not None  # only the newer customer API has such calls
            return Capabilities(
                rename_email=False,  # no documented call changes a portal-only customer's address
                rename_person=renames,
                rename_organization=renames,
                leave=Leave.STRIP,
                closed_desk=settings.get("closed_desk") is True,
                member_batch=50,  # the vendor publishes no maximum
                call_seconds=10.0,
            )
        case DeskKind.MEMORY:
            return Capabilities(
                rename_email=False,
                rename_person=True,
                rename_organization=True,
                leave=Leave.STRIP,
                closed_desk=True,
                member_batch=50,
                call_seconds=1.0,
            )


def credentials_context(desk: DeskId, kind: str, settings: Mapping[str, object]) -> bytes:
    """What a desk's sealed credentials are bound to (`aad`): the desk, its kind and where its calls go.

    Whoever could write another address into the record, or the box into another desk's, is left with a box
    that does not open: credentials go to the hosts that they were sealed for, and nowhere else.
    """
    pinned = [[name, settings.get(name)] for name in ADDRESSES]
    return json.dumps([str(desk), kind, pinned], separators=(",", ":")).encode()


def settings_problems(kind: DeskKind, settings: Mapping[str, object]) -> list[str]:
    """Everything that is wrong with a desk's settings."""
    problems = _unknown("settings", settings, (*SETTINGS[kind], *pace.SETTINGS))
    paced = pace.parse_pace(settings)
    problems += [] if isinstance(paced, pace.Pace) else paced
    if kind is DeskKind.JIRA:
        problems += _url_problem("base_url", settings.get("base_url"))
        if settings.get("csm_url") is not None:
            problems += _url_problem("csm_url", settings["csm_url"])
        problems += _text_problem("settings.service_desk_id", settings.get("service_desk_id"))
        if not isinstance(settings.get("closed_desk", False), bool):
            problems.append("settings.closed_desk: must be true or false")
    return problems


def credentials_problems(kind: DeskKind, credentials: Mapping[str, object]) -> list[str]:
    """Everything that is wrong with a desk's credentials, without a word of them."""
    problems = _unknown("credentials", credentials, CREDENTIALS[kind])
    for name in CREDENTIALS[kind]:
        problems += _text_problem(f"credentials.{name}", credentials.get(name))
    email = credentials.get("email")
    if isinstance(email, str) and ":" in email:
        problems.append("credentials.email: must not contain a colon")
    return problems


def _unknown(place: str, given: Mapping[str, object], known: tuple[str, ...]) -> list[str]:
    allowed = f"it takes {', '.join(known)}" if known else "it takes none"
    return [f"{place}.{name}: unknown; {allowed}" for name in sorted(given) if name not in known]


def _text_problem(place: str, value: object) -> list[str]:
    if not isinstance(value, str) or not value or value != value.strip() or not value.isprintable():
        return [f"{place}: must be a text without surrounding blanks"]
    return []


def _url_problem(name: str, value: object) -> list[str]:
    """A base URL: https, or http on this machine's loopback."""
    place = f"settings.{name}"
    if not isinstance(value, str):
        return [f"{place}: must be a URL"]
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return [f"{place}: must be a URL"]
    if parts.scheme not in ("http", "https") or not host or not value.isascii() or " " in value:
        return [f"{place}: must be a URL"]
    if parts.scheme == "http" and host not in LOOPBACK:
        return [f"{place}: must be https, except on loopback"]
    if parts.username is not None or parts.query or parts.fragment:
        return [f"{place}: must hold no user, query or fragment"]
    return []
