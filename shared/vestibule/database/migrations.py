"""Numbered SQL migrations: applied once, in order, each in its own transaction, under an advisory lock.

A file that was applied may never change: its SHA-256 is stored and compared at every run.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vestibule.database.pool import Connection

LOCK_KEY = 0x7665_7374  # "vest"
LOCK_TIMEOUT = "2s"
FILE_NAME = re.compile(r"^(?P<number>\d{4})_[a-z0-9_]+\.sql$")
NO_TRANSACTION = "-- no-transaction"

SERVICE_ROLES = (
    "vestibule_ingest",
    "vestibule_relay",
    "vestibule_router",
    "vestibule_writer",
    "vestibule_console",
)

_LEDGER = """
create table if not exists public.vestibule_migration (
    number integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
)
"""


class MigrationError(Exception):
    """The migrations on disk and those applied do not fit; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, name and text."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def in_transaction(self) -> bool:
        """False where an index must be built concurrently: the file then says so in its first line."""
        return not self.text.startswith(NO_TRANSACTION)


def migrations_folder() -> Path:
    """The folder that the distribution carries, or the repository's when installed editable."""
    packaged = Path(__file__).parent / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "infra" / "migrations"


def read_migrations(folder: Path) -> tuple[Migration, ...]:
    """All migrations of a folder in order; numbers must be consecutive from 1."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        matched = FILE_NAME.match(path.name)
        if matched is None:
            raise MigrationError(f"{path.name}: a migration is named 0001_words.sql")
        found.append(Migration(int(matched["number"]), path.stem, path.read_text(encoding="utf-8")))
    numbers = [migration.number for migration in found]
    if numbers != list(range(1, len(found) + 1)):
        raise MigrationError(f"migrations are numbered 1 to {len(found)} without gaps, found {numbers}")
    return tuple(found)


def pending(known: Iterable[Migration], applied: Mapping[int, str]) -> tuple[Migration, ...]:
    """What is still to apply. Raises when an applied file changed or is missing."""
    known = tuple(known)
    for migration in known:
        if migration.number in applied and applied[migration.number] != migration.checksum:
            raise MigrationError(
                f"{migration.name} was changed after it was applied: restore the file and add a new migration"
            )
    unknown = set(applied) - {migration.number for migration in known}
    if unknown:
        raise MigrationError(
            f"the database has migrations {sorted(unknown)} unknown to this version: run a newer one"
        )
    return tuple(migration for migration in known if migration.number not in applied)


async def migrate(
    connection: Connection,
    migrations: tuple[Migration, ...],
    tell: Callable[[str], None] = lambda _name: None,
) -> int:
    """Applies what is missing and returns how many; several runs at once wait for each other."""
    await connection.execute("select pg_advisory_lock($1)", LOCK_KEY)
    try:
        await connection.execute(_LEDGER)
        rows = await connection.fetch("select number, checksum from public.vestibule_migration")
        missing = pending(migrations, {row["number"]: row["checksum"] for row in rows})
        for migration in missing:
            await _apply(connection, migration)
            tell(migration.name)
    finally:
        await connection.execute("select pg_advisory_unlock($1)", LOCK_KEY)
    return len(missing)


async def _apply(connection: Connection, migration: Migration) -> None:
    record = "insert into public.vestibule_migration (number, name, checksum) values ($1, $2, $3)"
    values = (migration.number, migration.name, migration.checksum)
    if not migration.in_transaction:
        await connection.execute(migration.text)
        await connection.execute(record, *values)
        return
    async with connection.transaction():
        await connection.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
        await connection.execute(migration.text)
        await connection.execute("reset role")
        await connection.execute(record, *values)


async def set_passwords(connection: Connection, passwords: Mapping[str, str]) -> None:
    """Gives the services' login roles their passwords; other roles are refused."""
    strangers = set(passwords) - set(SERVICE_ROLES)
    if strangers:
        raise MigrationError(f"not a role of a service: {', '.join(sorted(strangers))}")
    for role, password in passwords.items():
        statement = await connection.fetchval(
            "select format('alter role %I password %L', $1::text, $2::text)", role, password
        )
        await connection.execute(statement)
