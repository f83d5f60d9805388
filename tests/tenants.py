"""Builders of desks, tenants and connections, written by the administrator straight into a database."""

import hashlib
from dataclasses import dataclass
from uuid import UUID, uuid4

from vestibule.database.pool import Connection, json_text
from vestibule.scim.definitions import extension_document
from vestibule.scim.resource_types import Extension


@dataclass(frozen=True, slots=True)
class Customer:
    """One tenant with one connection, and the token of that connection."""

    tenant: UUID
    desk: UUID
    connection: UUID
    path: str
    token: str


async def make_desk(
    connection: Connection, *, name: str = "", capabilities: dict[str, object] | None = None
) -> UUID:
    """A desk of the in-memory kind that is there and takes work."""
    desk = uuid4()
    await connection.execute(
        "insert into console.desk (id, name, kind, capabilities, sealed_credentials, sealing_key_id) "
        "values ($1, $2, 'memory', $3, '', 'none')",
        desk,
        name or f"desk-{desk.hex[:12]}",
        json_text(capabilities or {}),
    )
    await connection.execute("insert into chain.desk_flow (desk_id) values ($1)", desk)
    return desk


async def make_customer(
    connection: Connection,
    desk: UUID,
    *,
    token: str = "",
    mode: str = "live",
    mapping: dict[str, object] | None = None,
) -> Customer:
    """A tenant at a desk with one live connection and one token."""
    tenant, conn = uuid4(), uuid4()
    secret = token or f"test-{uuid4().hex}"
    customer = Customer(tenant, desk, conn, conn.hex[:26], secret)
    await connection.execute(
        "insert into console.tenant (id, slug, name, desk_id, organization_prefix) "
        "values ($1, $2, $3, $4, $5)",
        tenant,
        f"t-{tenant.hex[:12]}",
        f"Tenant {tenant.hex[:6]}",
        desk,
        f"T{tenant.hex[:6]}",
    )
    await connection.execute(
        "insert into console.connection (tenant_id, id, path, name, idp, mode) "
        "values ($1, $2, $3, 'main', 'okta', $4)",
        tenant,
        conn,
        customer.path,
        mode,
    )
    await connection.execute(
        "insert into console.mapping_version (tenant_id, connection_id, version, document) "
        "values ($1, $2, 1, $3)",
        tenant,
        conn,
        json_text(mapping or {}),
    )
    await connection.execute(
        "insert into console.token (hash, tenant_id, connection_id, hint) values ($1, $2, $3, 'test')",
        hashlib.sha256(secret.encode()).digest(),
        tenant,
        conn,
    )
    return customer


async def define_schemas(connection: Connection, customer: Customer, *extensions: Extension) -> int:
    """The extension schemas of a tenant from now on, all of them; nothing stored before is touched."""
    version: int = await connection.fetchval(
        "update console.tenant set schemas_version = schemas_version + 1 where id = $1 "
        "returning schemas_version",
        customer.tenant,
    )
    await connection.execute(
        "insert into console.schemas_version (tenant_id, version, document) values ($1, $2, $3)",
        customer.tenant,
        version,
        json_text([extension_document(extension) for extension in extensions]),
    )
    return version
