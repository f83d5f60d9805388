"""Named SQL statements: one room for SQL, `queries/<file>.sql`, each introduced by `-- name: word`."""

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

QUERIES = Path(__file__).parent / "queries"
_NAME = re.compile(r"^-- name: (?P<name>[a-z][a-z0-9_]*)\s*$", re.MULTILINE)


class StatementError(Exception):
    """A query file is not of the form that this module promises."""


def parse(text: str) -> Mapping[str, str]:
    """The statements of one file by name. Raises StatementError where one is empty or named twice."""
    pieces = _NAME.split(text)
    found: dict[str, str] = {}
    for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
        statement = body.strip().removesuffix(";")
        if name in found or not statement:
            raise StatementError(f"statement {name!r} is empty or named twice")
        found[name] = statement
    return MappingProxyType(found)


@functools.cache
def statements(file: str) -> Mapping[str, str]:
    """The statements of `queries/<file>.sql`; read once per process."""
    return parse((QUERIES / f"{file}.sql").read_text(encoding="utf-8"))


def every_statement() -> Mapping[str, str]:
    """All statements as {file.name: text}; a test PREPAREs each on the migrated schema."""
    return {
        f"{path.stem}.{name}": text
        for path in sorted(QUERIES.glob("*.sql"))
        for name, text in statements(path.stem).items()
    }
