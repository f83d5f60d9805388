"""What every function of the console is given: who acts, on which database, with which keys."""

import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from vestibule.database.pool import Connection, Pool, UnsafeRole, open_pool, tenant_transaction
from vestibule.database.tenants import Tenant, find_tenant
from vestibule.domain.identifiers import TenantId, uuid7
from vestibule.settings.services import ConsoleSettings
from vestibule.settings.values import NamedKey
from vestibule_operator_console.problems import NotThere, Unreachable, Unusable

POOL_SIZE = 4


def new_trace() -> str:
    """A W3C traceparent of its own: what an operator starts can be followed like a request."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def new_id() -> UUID:
    """An id that sorts by the time it was made."""
    return uuid7(time.time_ns() // 1_000_000, secrets.token_bytes(10))


@dataclass(frozen=True, slots=True)
class Console:
    """One operator at work; `trace` is the W3C traceparent of everything he does here."""

    pool: Pool
    actor: str
    sealing_key: NamedKey
    public_url: str
    trace: str = field(default_factory=new_trace)

    async def tenant(self, slug: str) -> Tenant:
        """The customer of this short name; NotThere."""
        found = await find_tenant(self.pool, slug)
        if found is None:
            raise NotThere(f"there is no tenant {slug!r}.", "`vestibule tenant list` shows all of them.")
        return found

    @asynccontextmanager
    async def entering(self, tenant: TenantId) -> AsyncIterator[Connection]:
        """A transaction that sees this customer only."""
        async with tenant_transaction(self.pool, tenant) as connection:
            yield connection


@asynccontextmanager
async def open_console(settings: ConsoleSettings, actor: str) -> AsyncIterator[Console]:
    """A console on the database of the settings; Unreachable, or Unusable for a role that sees too much."""
    try:
        pool = await open_pool(settings.database_url.reveal(), POOL_SIZE, "vestibule-console", attempts=1)
    except UnsafeRole as error:
        raise Unusable(f"VESTIBULE_DATABASE_URL: {error}.") from error
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unreachable(*why_unreachable(error)) from error
    try:
        yield Console(pool, actor, settings.sealing_key, settings.public_url)
    finally:
        pool.terminate()


def why_unreachable(error: Exception) -> tuple[str, str]:
    """What is wrong with the database, and what to do; no address and no password."""
    match error:
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return "the database refused the role or its password.", "Check VESTIBULE_DATABASE_URL."
        case asyncpg.InvalidCatalogNameError():
            return "there is no such database on the server.", "Check the end of VESTIBULE_DATABASE_URL."
        case TimeoutError():
            return "the database did not answer in time.", "Check host and port in VESTIBULE_DATABASE_URL."
        case OSError():
            return (
                "the database cannot be reached.",
                "Check that it runs, and host and port in VESTIBULE_DATABASE_URL.",
            )
        case _:
            return (
                f"the database answered with an error ({type(error).__name__}).",
                "`vestibule doctor` tells more.",
            )


def actor_of(environment: Mapping[str, str], operating_system_user: str) -> str:
    """Who is written into the audit; Unusable for what cannot be a name."""
    actor = environment.get("VESTIBULE_ACTOR") or operating_system_user
    if len(actor) > 120 or not actor.isprintable() or actor != actor.strip() or not actor:
        raise Unusable("VESTIBULE_ACTOR must be a name of 1 to 120 characters.")
    return actor
