"""More persons than a test wants to send by HTTP."""

from uuid import uuid4

from tests.tenants import Customer
from vestibule.database.pool import Connection

PEOPLE = """
insert into ingest.person
    (tenant_id, connection_id, id, external_id, user_name_ci, display_name_ci, email_ci, active, resource)
select $1, $2, u.id, u.id, u.id, u.id, u.id, true, jsonb_build_object('userName', u.id, 'active', true)
  from unnest($3::uuid[]) as u (id)
"""


async def many(admin: Connection, customer: Customer, count: int) -> list[str]:
    """So many persons of a customer, put there directly, in the order of their ids."""
    ids = sorted(uuid4() for _ in range(count))
    await admin.execute(PEOPLE, customer.tenant, customer.connection, ids)
    return [str(identifier) for identifier in ids]
