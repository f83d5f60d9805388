"""The mapping as data: which of a person's attributes become the account, and which groups organizations."""

import collections.abc
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

FORMAT = 1
_Source = TypeVar("_Source", bound=StrEnum)


class LoginSource(StrEnum):
    USER_NAME = "userName"
    EXTERNAL_ID = "externalId"
    EMAIL = "email"


class EmailSource(StrEnum):
    PRIMARY = "emails.primary"
    WORK = "emails.work"
    FIRST = "emails.first"
    USER_NAME = "userName"  # only where it is an address


class NameSource(StrEnum):
    DISPLAY_NAME = "displayName"
    FORMATTED = "name.formatted"
    GIVEN_AND_FAMILY = "name.givenName+familyName"
    USER_NAME = "userName"


@dataclass(frozen=True, slots=True)
class Mapping:
    """Sources are tried in their order; the first that the person has decides."""

    login: tuple[LoginSource, ...]
    email: tuple[EmailSource, ...]
    display_name: tuple[NameSource, ...]
    home_organization: bool
    groups_are_organizations: bool

    def as_document(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "login": list(self.login),
            "email": list(self.email),
            "display_name": list(self.display_name),
            "home_organization": self.home_organization,
            "groups_are_organizations": self.groups_are_organizations,
        }


class InvalidMapping(ValueError):
    """A document that is no mapping; its text says every problem."""


def default_mapping() -> Mapping:
    """The mapping that every connection starts with."""
    return Mapping(
        login=(LoginSource.USER_NAME,),
        email=(EmailSource.PRIMARY, EmailSource.WORK, EmailSource.FIRST, EmailSource.USER_NAME),
        display_name=(
            NameSource.DISPLAY_NAME,
            NameSource.FORMATTED,
            NameSource.GIVEN_AND_FAMILY,
            NameSource.USER_NAME,
        ),
        home_organization=True,
        groups_are_organizations=True,
    )


def parse_mapping(document: object) -> Mapping:
    """Read what `as_document` wrote; InvalidMapping lists every problem at once."""
    if not isinstance(document, collections.abc.Mapping):
        raise InvalidMapping("a mapping must be an object")
    problems: list[str] = []
    if document.get("format") != FORMAT:
        problems.append(f"format must be {FORMAT}")
    known = {"format", "login", "email", "display_name", "home_organization", "groups_are_organizations"}
    problems.extend(f"{key} is not part of a mapping" for key in sorted(set(map(str, document)) - known))
    mapping = Mapping(
        login=_sources(document, "login", LoginSource, problems),
        email=_sources(document, "email", EmailSource, problems),
        display_name=_sources(document, "display_name", NameSource, problems),
        home_organization=_flag(document, "home_organization", problems),
        groups_are_organizations=_flag(document, "groups_are_organizations", problems),
    )
    if problems:
        raise InvalidMapping("; ".join(problems))
    return mapping


def _sources(
    document: collections.abc.Mapping[str, Any], name: str, sources: type[_Source], problems: list[str]
) -> tuple[_Source, ...]:
    texts = document.get(name)
    if not isinstance(texts, list) or not texts:
        problems.append(f"{name} must list at least one source")
        return ()
    known = {source.value: source for source in sources}
    problems.extend(f"{name} cannot come from {text!r}" for text in texts if text not in known)
    if len(set(map(str, texts))) < len(texts):
        problems.append(f"{name} lists a source twice")
    return tuple(known[text] for text in texts if text in known)


def _flag(document: collections.abc.Mapping[str, Any], name: str, problems: list[str]) -> bool:
    value = document.get(name)
    if not isinstance(value, bool):
        problems.append(f"{name} must be true or false")
        return False
    return value
