"""More persons than a test wants to send by HTTP."""

import os
import time
from collections.abc import Sequence
from uuid import UUID, uuid4

from tests.tenants import Customer
from vestibule.database.pool import Connection
from vestibule.domain.identifiers import uuid7

PEOPLE = """
insert into ingest.person
    (tenant_id, connection_id, id, external_id, user_name_ci, display_name_ci, email_ci, active, document)
select $1, $2, u.id, u.id, u.id, u.id, u.id, true,
       jsonb_strip_nulls(jsonb_build_object(
           'userName', u.id, 'active', true, 'title', nullif(repeat('x', $4), '')))::text
  from unnest($3::uuid[]) as u (id)
"""

TEAMS = """
with g as (
    insert into ingest."group" (tenant_id, connection_id, id, display_name_ci, document)
    select $1, $2, u.id, u.id, jsonb_build_object('displayName', u.id)::text from unnest($3::uuid[]) as u (id)
)
insert into ingest.group_member (tenant_id, connection_id, group_id, person_id)
select $1, $2, ($3::uuid[])[1 + p.number % cardinality($3::uuid[])], p.id
  from unnest($4::uuid[]) with ordinality as p (id, number)
"""


async def many(admin: Connection, customer: Customer, count: int) -> list[str]:
    """So many persons of a customer, put there directly, in the order of their ids."""
    return await _put(admin, customer, sorted(uuid4() for _ in range(count)))


async def many_of_old(
    admin: Connection, customer: Customer, count: int, *, seconds: float = 3_600, filling: int = 0
) -> list[str]:
    """The same, as if the service had made them so long ago, one in each millisecond from then on.

    Their titles have `filling` letters.
    """
    first = int((time.time() - seconds) * 1000)
    ids = [uuid7(first + n, os.urandom(10)) for n in range(count)]
    return await _put(admin, customer, ids, filling)


async def many_teams(admin: Connection, customer: Customer, count: int, people: Sequence[str]) -> list[str]:
    """So many groups, everybody in one of them, neighbours in different ones."""
    ids = sorted(uuid4() for _ in range(count))
    await admin.execute(TEAMS, customer.tenant, customer.connection, ids, people)
    return [str(identifier) for identifier in ids]


async def _put(admin: Connection, customer: Customer, ids: Sequence[UUID], filling: int = 0) -> list[str]:
    await admin.execute(PEOPLE, customer.tenant, customer.connection, ids, filling)
    return [str(identifier) for identifier in ids]
