"""Command: `python -m vestibule.database.migrate --url ADMIN_URL` brings a database to this version.

With `--passwords` a JSON object {role: password} for the services' roles is read from standard input.
"""

import argparse
import asyncio
import json
import sys

import asyncpg

from vestibule.database.migrations import (
    MigrationError,
    migrate,
    migrations_folder,
    read_migrations,
    set_passwords,
)


async def run(url: str, passwords: dict[str, str]) -> int:
    """Migrates and returns how many migrations were applied."""
    connection = await asyncpg.connect(url, timeout=10, command_timeout=60)
    try:
        applied = await migrate(connection, read_migrations(migrations_folder()))
        await set_passwords(connection, passwords)
    finally:
        await connection.close()
    return applied


def main() -> int:
    """Exit codes: 0 migrated, 1 the database refused, 2 wrong usage or unfitting migrations."""
    parser = argparse.ArgumentParser(
        prog="python -m vestibule.database.migrate",
        description="Applies the missing migrations, once each, under an advisory lock.",
        epilog="example: … --url postgresql://admin:…@127.0.0.1:5432/vestibule --passwords < passwords.json",
    )
    parser.add_argument("--url", required=True, help="of a role that may create roles and schemas")
    parser.add_argument(
        "--passwords", action="store_true", help="read {role: password} as JSON from standard input"
    )
    arguments = parser.parse_args()
    passwords = json.load(sys.stdin) if arguments.passwords else {}
    try:
        applied = asyncio.run(run(arguments.url, passwords))
    except MigrationError as error:
        sys.stderr.write(f"migrate: {error}\n")
        return 2
    except (OSError, asyncpg.PostgresError) as error:
        sys.stderr.write(f"migrate: {type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write(f"{applied} migrations applied\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
