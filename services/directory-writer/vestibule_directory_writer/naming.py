"""Which name an organization is wanted under, and which to try next where that one is taken. Pure."""

from collections.abc import Iterator
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


def candidates(organization: ClaimedOrganization, wanted: WantedName) -> Iterator[str]:
    """The names to try in turn: the one that was saved before a create that may have happened comes first."""
    tried = set()
    if organization.intent_name is not None and organization.desk_organization_id is None:
        tried.add(organization.intent_name)
        yield organization.intent_name
    shown = None if organization.home else organization.wanted_name
    for attempt in range(MOST_NAMES):
        name = (
            wanted.text
            if attempt == 0
            else desk_organization_name(organization.prefix, shown, organization.id, attempt)
        )
        if name not in tried:
            yield name
