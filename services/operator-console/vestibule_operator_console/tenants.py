"""Customers: onboarded, suspended, resumed."""

from dataclasses import dataclass

from vestibule.database.audits import append_audit
from vestibule.database.conflicts import Taken
from vestibule.database.connections import list_connections, mark_connection
from vestibule.database.desk_records import find_desk, list_desks
from vestibule.database.pool import Connection
from vestibule.database.tenants import (
    Tenant,
    insert_home_organization,
    insert_tenant,
    mark_organization,
    set_tenant_state,
)
from vestibule.database.tenants import list_tenants as read_tenants
from vestibule.domain.accounts import OrganizationSource
from vestibule.domain.identifiers import TenantId
from vestibule.domain.organizations import organization_id
from vestibule.domain.tenants import TenantState
from vestibule_operator_console.console import Console, new_id
from vestibule_operator_console.names import checked_name, checked_slug
from vestibule_operator_console.problems import Conflict, NotThere

HOME = OrganizationSource.home()


@dataclass(frozen=True, slots=True)
class ListedTenant:
    """A customer and the name of its desk."""

    tenant: Tenant
    desk_name: str


async def create_tenant(
    console: Console, slug: str, name: str, desk_name: str, prefix: str | None
) -> ListedTenant:
    """A customer with its home organization, which the desk will have; `prefix` is the name unless given."""
    checked_slug(slug)
    checked_name("name", name, 120)
    chosen = checked_name("organization prefix", name[:60].strip() if prefix is None else prefix, 60)
    desk = await find_desk(console.pool, desk_name)
    if desk is None:
        raise NotThere(f"there is no desk {desk_name!r}.", "`vestibule desk list` shows all of them.")
    tenant = TenantId(new_id())
    home = organization_id(tenant, HOME)
    try:
        async with console.entering(tenant) as connection:
            await insert_tenant(connection, tenant, slug, name, desk.id, chosen)
            await insert_home_organization(connection, tenant, desk.id, home, chosen, console.trace)
            detail = {"slug": slug, "desk": desk.name, "trace": console.trace}
            await append_audit(connection, tenant, console.actor, "tenant.create", tenant, detail)
    except Taken as taken:
        raise _taken(taken, slug, chosen) from taken
    return ListedTenant(await console.tenant(slug), desk.name)


async def list_tenants(console: Console) -> list[ListedTenant]:
    """Every customer by short name."""
    desks = {desk.id: desk.name for desk in await list_desks(console.pool)}
    return [ListedTenant(tenant, desks[tenant.desk]) for tenant in await read_tenants(console.pool)]


async def suspend_tenant(console: Console, slug: str) -> Tenant:
    """From now on its IdPs get 403 and nothing of it is sent to the desk; Conflict if so already."""
    tenant = await console.tenant(slug)
    async with console.entering(tenant.id) as connection:
        if not await set_tenant_state(connection, tenant.id, TenantState.SUSPENDED):
            raise Conflict(f"tenant {slug!r} is suspended already.")
        await append_audit(connection, tenant.id, console.actor, "tenant.suspend", tenant.id, {})
    return await console.tenant(slug)


async def resume_tenant(console: Console, slug: str) -> Tenant:
    """Takes requests again and catches up with everything that waited; Conflict if it was not suspended."""
    tenant = await console.tenant(slug)
    async with console.entering(tenant.id) as connection:
        if not await set_tenant_state(connection, tenant.id, TenantState.ACTIVE):
            raise Conflict(f"tenant {slug!r} is not suspended.")
        await wake_tenant(console, connection, tenant)
        detail = {"trace": console.trace}
        await append_audit(connection, tenant.id, console.actor, "tenant.resume", tenant.id, detail)
    return await console.tenant(slug)


async def wake_tenant(console: Console, connection: Connection, tenant: Tenant) -> None:
    """Have everything looked at again that was put to sleep; repeating it changes nothing more. Entered."""
    home = organization_id(tenant.id, HOME)
    await mark_organization(connection, tenant.id, tenant.desk, home, console.trace)
    for onboarded in await list_connections(connection, tenant.id):
        await mark_connection(connection, tenant.id, tenant.desk, onboarded.connection.id, console.trace)


def _taken(taken: Taken, slug: str, prefix: str) -> Conflict:
    if taken.constraint == "tenant_slug_key":
        return Conflict(f"there is a tenant {slug!r} already.", "Choose another short name.")
    return Conflict(
        f"another tenant of this desk names its organizations with {prefix!r} already.",
        "Choose another with --organization-prefix: it keeps customers apart at the desk.",
    )
