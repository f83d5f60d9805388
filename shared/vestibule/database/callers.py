"""Who calls, asked where no resource is touched; and the record of requests that were refused."""

from dataclasses import dataclass
from typing import Any

import orjson

from vestibule.database.pool import Connection
from vestibule.database.statements import statements
from vestibule.database.verdicts import Verdict, accept
from vestibule.domain.tokens import Credential

FILE = "callers"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that was answered "no": operation and code are words of ours, never what was sent."""

    operation: str
    status: int
    code: str
    trace: str | None


@dataclass(frozen=True, slots=True)
class Schemas:
    """A tenant's extension schemas at a version, as they are stored."""

    version: int
    document: list[Any]


async def admit(connection: Connection, caller: Credential) -> Verdict:
    """Return ok, unauthorized, suspended or outdated."""
    verdict = await connection.fetchval(statements(FILE)["admit"], caller.path, caller.token_hash)
    return Verdict(verdict)


async def read_schemas(connection: Connection, caller: Credential) -> Schemas:
    """The extension schemas that a caller's requests are read by now; raises Refused."""
    row = await connection.fetchrow(statements(FILE)["schemas"], caller.path, caller.token_hash)
    assert row is not None
    accept(row["verdict"])
    return Schemas(row["version"], orjson.loads(row["document"]))


async def refuse(connection: Connection, caller: Credential, refusal: Refusal) -> Verdict:
    """Record a refused request of a known connection; returns ok, unauthorized, suspended or outdated."""
    verdict = await connection.fetchval(
        statements(FILE)["refuse"],
        caller.path,
        caller.token_hash,
        refusal.operation,
        refusal.status,
        refusal.code,
        refusal.trace,
    )
    return Verdict(verdict)
