"""The invariant, for one customer or for all."""

from dataclasses import dataclass

from vestibule.database.standings import ConnectionStandings, read_standings
from vestibule.database.tenants import Tenant, list_tenants
from vestibule_operator_console.console import Console


@dataclass(frozen=True, slots=True)
class TenantStandings:
    """The lines of one customer."""

    tenant: Tenant
    connections: tuple[ConnectionStandings, ...]

    @property
    def holds(self) -> bool:
        """Whether every connection's persons are all accounted for."""
        return all(connection.holds for connection in self.connections)


async def count_standings(console: Console, slug: str | None) -> list[TenantStandings]:
    """The invariant of one customer, or of every one; each customer's numbers are of one moment."""
    tenants = await list_tenants(console.pool) if slug is None else [await console.tenant(slug)]
    return [
        TenantStandings(tenant, tuple(await read_standings(console.pool, tenant.id))) for tenant in tenants
    ]
