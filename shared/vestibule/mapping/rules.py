"""The mapping as data: which of a person's attributes become the account, and which groups organizations."""

import collections.abc
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from vestibule.mapping.extension_sources import ExtensionSource, InvalidSource, parse_extension_source

FORMAT: Final = 1
_MOST_SOURCES: Final = 20
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

    login: tuple[LoginSource | ExtensionSource, ...]
    email: tuple[EmailSource | ExtensionSource, ...]
    display_name: tuple[NameSource | ExtensionSource, ...]
    home_organization: bool
    groups_are_organizations: bool

    def as_document(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "login": [str(source) for source in self.login],
            "email": [str(source) for source in self.email],
            "display_name": [str(source) for source in self.display_name],
            "home_organization": self.home_organization,
            "groups_are_organizations": self.groups_are_organizations,
        }

    @property
    def extension_sources(self) -> tuple[ExtensionSource, ...]:
        """The sources that name an attribute of an extension."""
        every = (*self.login, *self.email, *self.display_name)
        return tuple(source for source in every if isinstance(source, ExtensionSource))


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
) -> tuple[_Source | ExtensionSource, ...]:
    texts = document.get(name)
    if not isinstance(texts, list) or not texts:
        problems.append(f"{name} must list at least one source")
        return ()
    if len(texts) > _MOST_SOURCES:
        problems.append(f"{name} lists more than {_MOST_SOURCES} sources")
        return ()
    if len(set(map(str, texts))) < len(texts):
        problems.append(f"{name} lists a source twice")
    known = {source.value: source for source in sources}
    found: list[_Source | ExtensionSource] = []
    for text in texts:
        if isinstance(text, str) and text in known:
            found.append(known[text])
            continue
        try:
            found.append(parse_extension_source(text))
        except InvalidSource:
            problems.append(f"{name} cannot come from {str(text)[:256]!r}")
    return tuple(found)


def _flag(document: collections.abc.Mapping[str, Any], name: str, problems: list[str]) -> bool:
    value = document.get(name)
    if not isinstance(value, bool):
        problems.append(f"{name} must be true or false")
        return False
    return value
