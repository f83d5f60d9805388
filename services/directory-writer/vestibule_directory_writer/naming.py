"""Which name an organization is wanted under, and which to try next where that one is taken. Pure."""

from dataclasses import dataclass
from typing import Final

from vestibule.database.organizations import ClaimedOrganization
from vestibule.mapping.organizations import desk_organization_name

MOST_NAMES: Final = 5


@dataclass(frozen=True, slots=True)
class WantedName:
    """`source` is what the name is made of, kept to notice a change; `text` is what the desk is asked for."""

    source: str
    text: str


def wanted_name(organization: ClaimedOrganization) -> WantedName | None:
    """The name that the desk should show; None while the group behind it was not judged or is gone."""
    if organization.home:
        return WantedName(
            organization.prefix, desk_organization_name(organization.prefix, None, organization.id)
        )
    if organization.wanted_name is None or organization.source_removed:
        return None
    name = desk_organization_name(organization.prefix, organization.wanted_name, organization.id)
    return WantedName(organization.wanted_name, name)


def candidates(organization: ClaimedOrganization, wanted: WantedName) -> tuple[str, ...]:
    """The names to try in turn, each made of what is wanted now."""
    shown = None if organization.home else organization.wanted_name
    later = (
        desk_organization_name(organization.prefix, shown, organization.id, attempt)
        for attempt in range(1, MOST_NAMES)
    )
    return tuple(dict.fromkeys((wanted.text, *later)))


def names_to_own(organization: ClaimedOrganization, wanted: WantedName) -> tuple[str, ...]:
    """The names to create it under: first the one that was saved before a create that may have happened.

    That one may be of an older wish: an organization that is found under it is still to be renamed.
    """
    names = candidates(organization, wanted)
    if organization.intent_name is None or organization.intent_name in names[:1]:
        return names
    return (organization.intent_name, *(name for name in names if name != organization.intent_name))
