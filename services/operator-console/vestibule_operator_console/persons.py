"""One person: where it stands, what the desk has, and how it came to that."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from vestibule.database.pool import Connection
from vestibule.database.standings import PersonStanding, read_standing
from vestibule.database.timelines import (
    Event,
    FoundPerson,
    Joined,
    find_persons,
    read_desk_account_id,
    read_events,
    read_organizations,
)
from vestibule.domain.identifiers import TenantId
from vestibule.scim.folding import fold
from vestibule_operator_console.console import Console
from vestibule_operator_console.problems import NotThere

EVENTS_AT_MOST = 200


@dataclass(frozen=True, slots=True)
class Happened:
    """An event and whom it happened to: `person` or `account`."""

    event: Event
    subject: str


@dataclass(frozen=True, slots=True)
class Followed:
    """Everything about one person; the newest events, oldest first."""

    person: FoundPerson
    standing: PersonStanding
    desk_account_id: str | None
    organizations: Sequence[Joined]
    events: Sequence[Happened]


async def follow_person(console: Console, slug: str, user_name: str) -> list[Followed]:
    """All who bear the userName in a connection of the customer; those removed at the IdP come last."""
    tenant = await console.tenant(slug)
    async with console.entering(tenant.id) as connection:
        found = await find_persons(connection, tenant.id, fold(user_name))
        followed = [await _follow(connection, tenant.id, person) for person in found]
    if not followed:
        raise NotThere(
            f"no connection of tenant {slug!r} has a person of that userName.",
            "The name must be the whole userName as the identity provider sends it; capitals do not matter.",
        )
    return followed


async def _follow(connection: Connection, tenant: TenantId, person: FoundPerson) -> Followed:
    standing = await read_standing(connection, tenant, person.connection, person.person)
    assert standing is not None, "the view of standings leaves nobody out"
    subjects: list[UUID] = [person.person]
    desk_account_id, organizations = None, list[Joined]()
    if standing.account is not None:
        if standing.account != person.person:
            subjects.append(standing.account)
        desk_account_id = await read_desk_account_id(connection, tenant, standing.account)
        organizations = await read_organizations(connection, tenant, standing.account)
    events = await read_events(connection, tenant, subjects, EVENTS_AT_MOST)
    told = [
        Happened(event, "person" if event.stage in ("received", "decided") else "account") for event in events
    ]
    return Followed(person, standing, desk_account_id, organizations, told)
