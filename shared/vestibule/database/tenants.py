"""Customers of the service desk."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vestibule.database.conflicts import telling_what_is_taken
from vestibule.database.pool import Connection, Pool
from vestibule.database.statements import statements
from vestibule.domain.identifiers import DeskId, OrganizationId, TenantId
from vestibule.domain.tenants import TenantState

FILE = "tenants"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer: `slug` is its short name; its organizations' names start with `organization_prefix`."""

    id: TenantId
    slug: str
    name: str
    desk: DeskId
    organization_prefix: str
    state: TenantState
    created_at: datetime


async def list_tenants(pool: Pool | Connection) -> list[Tenant]:
    """Every customer by slug: the one read that spans tenants."""
    rows = await pool.fetch(statements(FILE)["list"])
    return [
        Tenant(
            TenantId(row["id"]),
            row["slug"],
            row["name"],
            DeskId(row["desk_id"]),
            row["organization_prefix"],
            TenantState(row["state"]),
            row["created_at"],
        )
        for row in rows
    ]


async def find_tenant(pool: Pool | Connection, slug: str) -> Tenant | None:
    """The customer with this slug."""
    return next((tenant for tenant in await list_tenants(pool) if tenant.slug == slug), None)


async def insert_tenant(
    connection: Connection, tenant: TenantId, slug: str, name: str, desk: DeskId, prefix: str
) -> None:
    """A new customer, active; Taken where slug or prefix is another's. The tenant was entered."""
    with telling_what_is_taken():
        await connection.execute(statements(FILE)["insert"], tenant, slug, name, desk, prefix)


async def insert_home_organization(
    connection: Connection,
    tenant: TenantId,
    desk: DeskId,
    organization: OrganizationId,
    name: str,
    trace: str | None,
) -> None:
    """The organization of all people of a customer, to be made at the desk."""
    await connection.execute(statements(FILE)["insert_home_organization"], tenant, organization, desk, name)
    await mark_organization(connection, tenant, desk, organization, trace)


async def mark_organization(
    connection: Connection, tenant: TenantId, desk: DeskId, organization: UUID, trace: str | None
) -> None:
    """Give an organization to the writer."""
    await connection.execute(statements(FILE)["mark_organization"], tenant, desk, organization, trace)


async def set_tenant_state(connection: Connection, tenant: TenantId, state: TenantState) -> bool:
    """Switch a customer; False when it was in that state already."""
    done: str = await connection.execute(statements(FILE)["set_state"], tenant, state.value)
    return done == "UPDATE 1"
