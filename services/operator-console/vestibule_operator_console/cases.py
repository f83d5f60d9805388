"""Cases: what waits for a human's decision."""

from dataclasses import dataclass
from uuid import UUID

from vestibule.database.cases import Case, read_case
from vestibule.database.cases import list_cases as read_cases
from vestibule.database.tenants import Tenant, list_tenants
from vestibule.database.timelines import Event, read_events
from vestibule_operator_console.console import Console
from vestibule_operator_console.problems import NotThere

LISTED_AT_MOST = 500
EVENTS_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class TenantCase:
    """A case and whose it is."""

    tenant: Tenant
    case: Case


@dataclass(frozen=True, slots=True)
class ShownCase:
    """A case with what last happened to its subject."""

    tenant: Tenant
    case: Case
    events: tuple[Event, ...]


async def list_cases(console: Console, slug: str | None, closed_too: bool) -> list[TenantCase]:
    """The cases of one customer, or of every one; at most 500 of each."""
    tenants = await list_tenants(console.pool) if slug is None else [await console.tenant(slug)]
    found = []
    for tenant in tenants:
        async with console.entering(tenant.id) as connection:
            cases = await read_cases(connection, tenant.id, closed_too, LISTED_AT_MOST)
        found += [TenantCase(tenant, case) for case in cases]
    return found


async def show_case(console: Console, slug: str, case_id: UUID) -> ShownCase:
    """One case of a customer; NotThere, for another customer's as well."""
    tenant = await console.tenant(slug)
    async with console.entering(tenant.id) as connection:
        case = await read_case(connection, tenant.id, case_id)
        if case is None:
            raise NotThere(
                f"tenant {slug!r} has no such case.", f"`vestibule case list {slug} --all` shows all of them."
            )
        events = await read_events(connection, tenant.id, [case.subject_id], EVENTS_AT_MOST)
    return ShownCase(tenant, case, tuple(events))
