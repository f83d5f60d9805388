"""The gateway's database on a running server: created if missing, migrated, its roles given passwords."""

import asyncio
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from infra.local.problems import LocalStackError
from vestibule.database.migrate import run as migrate
from vestibule.database.migrations import MigrationError

CONNECT_SECONDS = 15


def prepare_database(url: str, passwords: Mapping[str, str]) -> None:
    """Have the database there, on the newest schema, with these passwords for its login roles."""
    create_database(url)
    try:
        asyncio.run(migrate(url, dict(passwords)))
    except (OSError, TimeoutError, asyncpg.PostgresError, MigrationError) as error:
        raise LocalStackError(f"the migrations failed: {error}") from error


def create_database(url: str) -> None:
    """Have the database there that the URL names, empty if it is new."""
    try:
        asyncio.run(_create_if_missing(url))
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise LocalStackError(f"the database server does not let us in: {error}") from error


async def _create_if_missing(url: str) -> None:
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
    except asyncpg.InvalidCatalogNameError:
        connection = None
    if connection is not None:
        await connection.close()
        return
    parts = urlsplit(url)
    name = unquote(parts.path.lstrip("/")).replace('"', '""')
    connection = await asyncpg.connect(urlunsplit(parts._replace(path="/postgres")), timeout=CONNECT_SECONDS)
    try:
        await connection.execute(f'create database "{name}"')
    finally:
        await connection.close()
