"""Who calls, asked where no resource is touched; and the record of requests that were refused."""

from dataclasses import dataclass

from vestibule.database.pool import Connection
from vestibule.database.statements import statements
from vestibule.database.verdicts import Verdict
from vestibule.domain.tokens import Credential

FILE = "callers"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that was answered "no": operation and code are words of ours, never what was sent."""

    operation: str
    status: int
    code: str
    trace: str | None


async def admit(connection: Connection, caller: Credential) -> Verdict:
    """Return ok, unauthorized or suspended."""
    verdict = await connection.fetchval(statements(FILE)["admit"], caller.path, caller.token_hash)
    return Verdict(verdict)


async def refuse(connection: Connection, caller: Credential, refusal: Refusal) -> Verdict:
    """Record a refused request of a known connection; returns ok, unauthorized or suspended."""
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
