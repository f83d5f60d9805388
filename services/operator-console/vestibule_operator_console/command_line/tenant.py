"""`vestibule tenant ...`"""

from typing import Any

from cyclopts import App

from vestibule.database.tenants import Tenant
from vestibule_operator_console.command_line.answers import Answer, Json, coloured, moment, table
from vestibule_operator_console.command_line.session import Session
from vestibule_operator_console.tenants import (
    create_tenant,
    list_tenants,
    resume_tenant,
    suspend_tenant,
)


class TenantCommands:
    """The customers of a service desk."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def register(self, app: App) -> None:
        group = App(name="tenant", help="Customers: create, list, suspend, resume.")
        for command in (self.create, self.list, self.suspend, self.resume):
            group.command(command)
        app.command(group)

    async def create(
        self,
        slug: str,
        /,
        *,
        name: str,
        desk: str,
        organization_prefix: str | None = None,
        json: Json = False,
    ) -> Answer:
        """Create a customer with its home organization.

        Example: `vestibule tenant create acme --name "Acme Ltd" --desk main`

        Parameters
        ----------
        slug
            Short name for commands and tables: lower-case letters, digits, dashes.
        name
            Name for people.
        desk
            Name of the service desk that it belongs to.
        organization_prefix
            How the names of its organizations at the desk begin; the name unless given.
        """
        async with self._session.console() as console:
            made = await create_tenant(console, slug, name, desk, organization_prefix)
        return Answer(
            json,
            {"tenant": document(made.tenant, made.desk_name)},
            [
                f"Created tenant {slug}. Next: `vestibule connection create {slug} --idp okta`",
            ],
        )

    async def list(self, *, json: Json = False) -> Answer:
        """List all customers.

        Example: `vestibule tenant list --json`
        """
        async with self._session.console() as console:
            listed = await list_tenants(console)
        view = table("tenant", "name", "desk", "organizations", "state", "created")
        for one in listed:
            tenant = one.tenant
            view.add_row(
                tenant.slug,
                tenant.name,
                one.desk_name,
                f"{tenant.organization_prefix} / ...",
                coloured(tenant.state.value),
                moment(tenant.created_at),
            )
        shown = view if listed else "There is no tenant yet: `vestibule tenant create --help`"
        return Answer(json, {"tenants": [document(one.tenant, one.desk_name) for one in listed]}, [shown])

    async def suspend(self, slug: str, /, *, json: Json = False) -> Answer:
        """Answer 403 to everything of a customer, and send nothing of it to the desk.

        Example: `vestibule tenant suspend acme`
        """
        async with self._session.console() as console:
            tenant = await suspend_tenant(console, slug)
        return Answer(
            json,
            {"tenant": document(tenant, None)},
            [
                f"Tenant {slug} is suspended: its identity providers get 403.",
                f"`vestibule tenant resume {slug}` ends it.",
            ],
        )

    async def resume(self, slug: str, /, *, json: Json = False) -> Answer:
        """Take a suspended customer's requests again, and catch up.

        Example: `vestibule tenant resume acme`
        """
        async with self._session.console() as console:
            tenant = await resume_tenant(console, slug)
        return Answer(
            json,
            {"tenant": document(tenant, None)},
            [f"Tenant {slug} is active again; what waited goes on: `vestibule standing {slug}`"],
        )


def document(tenant: Tenant, desk_name: str | None) -> dict[str, Any]:
    """A tenant for programs."""
    shown = {
        "id": tenant.id,
        "slug": tenant.slug,
        "name": tenant.name,
        "desk_id": tenant.desk,
        "organization_prefix": tenant.organization_prefix,
        "state": tenant.state.value,
        "created_at": tenant.created_at,
    }
    return shown if desk_name is None else {**shown, "desk": desk_name}
