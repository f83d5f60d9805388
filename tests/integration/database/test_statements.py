"""Every statement and every function is known to the schema before a service meets it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.stack import Database, drop, make_empty
from vestibule.database.migrations import (
    Migration,
    MigrationError,
    migrate,
    migrations_folder,
    pending,
    read_migrations,
)
from vestibule.database.statements import StatementError, every_statement, parse


@pytest.fixture
async def empty(template: Database) -> AsyncIterator[Database]:
    """A database without anything, on a server that has the roles."""
    made = await make_empty(template)
    yield made
    await drop(made)


async def test_every_named_statement_is_prepared_on_the_migrated_schema(database: Database) -> None:
    async with database.administrator() as connection:
        for text in every_statement().values():
            await connection.prepare(text)
    assert every_statement()


async def test_migrating_twice_applies_nothing_the_second_time(database: Database) -> None:
    async with database.administrator() as connection:
        assert await migrate(connection, read_migrations(migrations_folder())) == 0


async def test_two_who_migrate_at_once_apply_each_file_once(empty: Database) -> None:
    async with empty.administrator() as one, empty.administrator() as other:
        files = read_migrations(migrations_folder())
        applied = await asyncio.gather(migrate(one, files), migrate(other, files))
        assert sorted(applied) == [0, len(files)]
        rows = await one.fetch("select number, checksum from public.vestibule_migration order by number")
        assert [tuple(row) for row in rows] == [(file.number, file.checksum) for file in files]


def test_a_migration_that_changed_after_it_was_applied_is_refused() -> None:
    applied = Migration(1, "0001_first", "select 1")
    with pytest.raises(MigrationError, match="0001_first was changed"):
        pending([Migration(1, "0001_first", "select 2")], {1: applied.checksum})


def test_a_database_that_is_newer_than_the_code_is_refused() -> None:
    first = Migration(1, "0001_first", "select 1")
    with pytest.raises(MigrationError, match=r"\[2\] unknown"):
        pending([first], {1: first.checksum, 2: "unknown"})


def test_a_statement_named_twice_is_refused() -> None:
    with pytest.raises(StatementError):
        parse("-- name: one\nselect 1;\n-- name: one\nselect 2;")
