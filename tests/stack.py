"""Databases and brokers for tests: given ones by URL, else private ones of this run under `.local/pytest`."""

import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from infra.local.occupancy import private_servers
from infra.local.servers import Addresses
from vestibule.database.migrations import (
    SERVICE_ROLES,
    migrate,
    migrations_folder,
    read_migrations,
    set_passwords,
)
from vestibule.database.pool import Connection

DATABASE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Database:
    """One migrated database: the administrator's URL and one per service role."""

    admin_url: str

    def url(self, role: str) -> str:
        """The URL of one service's own login role."""
        parts = urlsplit(self.admin_url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{role}:{quote(_password(self.admin_url, role))}@{host}"))

    @asynccontextmanager
    async def administrator(self) -> AsyncIterator[Connection]:
        """A connection that sees every tenant: for arranging and judging, never for what is tested."""
        connection = await asyncpg.connect(self.admin_url, timeout=DATABASE_SECONDS)
        try:
            yield connection
        finally:
            await connection.close()


@contextmanager
def running_servers() -> Iterator[Addresses]:
    """The servers of this test run; given ones are used as they are, ours are stopped afterwards."""
    with private_servers("pytest") as addresses:
        yield addresses


async def make_template(admin_url: str) -> Database:
    """A migrated database that others are copied from; roles belong to the server and get their passwords."""
    template = await _create(admin_url, None)
    async with template.administrator() as connection:
        await migrate(connection, read_migrations(migrations_folder()))
        await set_passwords(connection, {role: _password(admin_url, role) for role in SERVICE_ROLES})
    return template


async def make_empty(beside: Database) -> Database:
    """A database on the same server that nobody has migrated."""
    return await _create(beside.admin_url, None)


async def copy_of(template: Database) -> Database:
    """A database of its own for one test, a copy of the template."""
    return await _create(template.admin_url, _name(template.admin_url))


async def drop(database: Database) -> None:
    """Remove a database, also from under connections that a test left open."""
    connection = await asyncpg.connect(_maintenance(database.admin_url), timeout=DATABASE_SECONDS)
    try:
        await connection.execute(f'drop database if exists "{_name(database.admin_url)}" with (force)')
    finally:
        await connection.close()


async def _create(admin_url: str, template: str | None) -> Database:
    name = f"vestibule_test_{os.getpid()}_{secrets.token_hex(4)}"
    connection = await asyncpg.connect(_maintenance(admin_url), timeout=DATABASE_SECONDS)
    try:
        copied = f' template "{template}"' if template else ""
        await connection.execute(f'create database "{name}"{copied}')
    finally:
        await connection.close()
    if template:
        made = Database(_at(admin_url, name))
        async with made.administrator() as connection_there:
            roles = ", ".join(SERVICE_ROLES)
            # Rights on a database are not copied with it.
            await connection_there.execute(f'revoke all on database "{name}" from public')
            await connection_there.execute(f'grant connect on database "{name}" to {roles}')
    return Database(_at(admin_url, name))


def _password(admin_url: str, role: str) -> str:
    # Roles are shared by all databases of a server: two runs at once must agree on their passwords.
    server = urlsplit(admin_url).netloc
    return hashlib.sha256(f"{server}/{role}".encode()).hexdigest()


def _name(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def _at(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _maintenance(url: str) -> str:
    return _at(url, "postgres")
