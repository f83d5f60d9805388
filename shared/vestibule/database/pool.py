"""Pools of connections, safe for tenants: checked at start, nothing session-wide, every wait bounded."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import asyncpg
import orjson

from vestibule.telemetry.logging import logger

if TYPE_CHECKING:  # generic in the stubs only
    Connection: TypeAlias = (
        asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    )
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 15.0
IDLE_SECONDS = 300.0
START_ATTEMPTS = 60
START_PAUSE_SECONDS = 1.0

log = logger(__name__)


class UnsafeRole(Exception):
    """The login role could see past row level security; the message names the role and what to do."""


class _TenantSafe(asyncpg.Connection):
    """Returned to the pool without a reset query: a round trip per use, and there is nothing to reset.

    Tenants are set for one transaction only (`set_config(..., true)`), never for the session, where the next
    user of the connection would inherit them.
    """

    def get_reset_query(self) -> str:
        return ""


async def _prepare(connection: Connection) -> None:
    # no codec for jsonb: whoever asks for it parses the text himself
    await connection.execute("set jit = off")  # plans of a millisecond; compiling them costs a hundred


async def open_pool(url: str, size: int, application: str, *, attempts: int = START_ATTEMPTS) -> Pool:
    """A pool whose role was checked (see `refuse_unsafe_role`); where a person waits, `attempts` is 1.

    Raises UnsafeRole, OSError, TimeoutError, asyncpg.PostgresError.
    """
    pool = await _create_pool_patiently(url, size, application, attempts)
    try:
        async with pool.acquire() as connection:
            await refuse_unsafe_role(connection)
    except BaseException:
        await pool.close()
        raise
    return pool


async def _create_pool_patiently(url: str, size: int, application: str, attempts: int) -> Pool:
    """The server may still be starting, or restarting: worth a minute before the process gives up."""
    for attempt in range(attempts):
        try:
            return await _create_pool(url, size, application)
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError):
            if attempt == attempts - 1:
                raise
            log.warning("database_unreachable", attempt=attempt + 1)
            await asyncio.sleep(START_PAUSE_SECONDS)
    raise AssertionError("unreachable")


async def _create_pool(url: str, size: int, application: str) -> Pool:
    pool: Pool = await asyncpg.create_pool(
        url,
        min_size=min(2, size),
        max_size=size,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS,
        max_inactive_connection_lifetime=IDLE_SECONDS,
        connection_class=_TenantSafe,
        init=_prepare,
        server_settings={"application_name": application, "search_path": "pg_catalog"},
    )
    return pool


async def refuse_unsafe_role(connection: Connection) -> None:
    """Raises UnsafeRole for a superuser, a BYPASSRLS role, or one that may act as the tables' owner."""
    row = await connection.fetchrow(
        "select current_user as name, r.rolsuper, r.rolbypassrls, "
        "exists (select from pg_roles o where o.rolname in ('vestibule_owner', 'vestibule_definer') "
        "        and pg_has_role(current_user, o.oid, 'MEMBER')) as owner "
        "from pg_roles r where r.rolname = current_user"
    )
    assert row is not None
    for flaw, word in (
        ("rolsuper", "is a superuser"),
        ("rolbypassrls", "has BYPASSRLS"),
        ("owner", "may act as the owner"),
    ):
        if row[flaw]:
            raise UnsafeRole(
                f"database role {row['name']} {word}: row level security would not hold; "
                "use the service's own role in VESTIBULE_DATABASE_URL"
            )


@asynccontextmanager
async def tenant_transaction(pool: Pool, tenant: UUID) -> AsyncIterator[Connection]:
    """A transaction that sees one tenant's rows; hot paths enter the tenant inside their one statement."""
    async with pool.acquire(timeout=CONNECT_SECONDS) as connection, connection.transaction():
        await connection.execute("select chain.enter_tenant($1)", tenant)
        yield connection


def json_text(value: Any) -> str:
    """A value as JSON: as documents are stored, and as asyncpg takes jsonb."""
    return orjson.dumps(value).decode()
