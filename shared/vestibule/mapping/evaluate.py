"""What the rules make of a person: the account as his customer wants it, before anything else has a say."""

import collections.abc
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, assert_never

from vestibule.domain.accounts import OrganizationSource
from vestibule.domain.email import EmailAddress, InvalidEmail, parse_email
from vestibule.domain.identifiers import GroupId
from vestibule.domain.outcomes import HeldReason
from vestibule.mapping.extension_sources import ExtensionSource, extension_text
from vestibule.mapping.rules import EmailSource, LoginSource, Mapping, NameSource

_LONGEST_NAME = 255
_Document = collections.abc.Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What the rules say. A `problem` is why there is no `email`, `login` or `display_name` to use."""

    access: bool
    email: EmailAddress | None
    login: str
    display_name: str
    organizations: tuple[OrganizationSource, ...]
    problem: HeldReason | None


def evaluate(mapping: Mapping, document: _Document, *, active: bool, groups: Iterable[GroupId]) -> Evaluated:
    """Apply the rules to a normalised user and the groups that he is in, directly or through others.

    `active` is given apart from the document: a deleted person's document may still say true.
    """
    email, problem = _email(mapping.email, document)
    login = _first(_login(source, document, email) for source in mapping.login)
    display_name = _first(_display_name(source, document) for source in mapping.display_name)
    if problem is None and not login:
        problem = HeldReason.NO_LOGIN
    if problem is None and not display_name:
        problem = HeldReason.NO_DISPLAY_NAME
    return Evaluated(
        access=active,
        email=email,
        login=login,
        display_name=display_name,
        organizations=_organizations(mapping, groups),
        problem=problem,
    )


def _organizations(mapping: Mapping, groups: Iterable[GroupId]) -> tuple[OrganizationSource, ...]:
    found = {OrganizationSource.home()} if mapping.home_organization else set()
    if mapping.groups_are_organizations:
        found.update(OrganizationSource.of_group(group) for group in groups)
    return tuple(sorted(found))


def _email(
    sources: Iterable[EmailSource | ExtensionSource], document: _Document
) -> tuple[EmailAddress | None, HeldReason | None]:
    """The first source that says anything decides: a wrong address is told, not replaced by another one."""
    for source in sources:
        text = _email_text(source, document)
        if not text:
            continue
        found = parse_email(text)
        if not isinstance(found, InvalidEmail):
            return found, None
        if source is not EmailSource.USER_NAME:
            return None, HeldReason.INVALID_EMAIL
    return None, HeldReason.NO_EMAIL


def _email_text(source: EmailSource | ExtensionSource, document: _Document) -> str:
    if isinstance(source, ExtensionSource):
        return extension_text(source, document)
    emails = [email for email in document.get("emails") or () if (email.get("value") or "").strip()]
    match source:
        case EmailSource.PRIMARY:
            chosen = [email for email in emails if email.get("primary") is True]
        case EmailSource.WORK:
            chosen = [email for email in emails if (email.get("type") or "").lower() == "work"]
        case EmailSource.FIRST:
            chosen = emails
        case EmailSource.USER_NAME:
            return _text(document.get("userName"))
        case _:
            assert_never(source)
    return _text(chosen[0]["value"]) if chosen else ""


def _login(source: LoginSource | ExtensionSource, document: _Document, email: EmailAddress | None) -> str:
    match source:
        case ExtensionSource():
            return extension_text(source, document)
        case LoginSource.USER_NAME:
            return _text(document.get("userName"))
        case LoginSource.EXTERNAL_ID:
            return _text(document.get("externalId"))
        case LoginSource.EMAIL:
            return email.address if email is not None else ""
        case _:
            assert_never(source)


def _display_name(source: NameSource | ExtensionSource, document: _Document) -> str:
    name = document.get("name") or {}
    match source:
        case ExtensionSource():
            return one_line(extension_text(source, document))
        case NameSource.DISPLAY_NAME:
            return one_line(document.get("displayName"))
        case NameSource.FORMATTED:
            return one_line(name.get("formatted"))
        case NameSource.GIVEN_AND_FAMILY:
            return one_line(f"{_text(name.get('givenName'))} {_text(name.get('familyName'))}")
        case NameSource.USER_NAME:
            return one_line(document.get("userName"))
        case _:
            assert_never(source)


def one_line(value: object, longest: int = _LONGEST_NAME) -> str:
    """A text without control characters and with single spaces, cut to a number of characters."""
    text = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in _text(value))
    return " ".join(text.split())[:longest].rstrip()


def _first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
