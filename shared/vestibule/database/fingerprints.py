"""Fingerprints of connections: counts by trait and code, to which every replica adds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vestibule.database.pool import Connection, json_text
from vestibule.database.statements import statements
from vestibule.domain.identifiers import ConnectionId, TenantId
from vestibule.domain.tokens import Credential

FILE = "fingerprints"


@dataclass(frozen=True, slots=True)
class Seen:
    """Requests of one connection that had a trait; times in Unix seconds."""

    trait: str
    code: str
    requests: int
    first_at: float
    last_at: float


@dataclass(frozen=True, slots=True)
class Known:
    """The same as it is stored, of all replicas together."""

    trait: str
    code: str
    requests: int
    first_at: datetime
    last_at: datetime


async def add_fingerprints(connection: Connection, seen: Sequence[tuple[Credential, Sequence[Seen]]]) -> None:
    """Add to connections' counts in one transaction; what a token counted that is gone by now is dropped."""
    # Everybody in the same order: two replicas that add to the same rows wait for each other in no circle.
    ordered = sorted(seen, key=lambda one: one[0].path)
    await connection.execute(
        statements(FILE)["add"],
        [caller.path for caller, _ in ordered],
        [caller.token_hash for caller, _ in ordered],
        json_text(
            [
                [
                    [one.trait, one.code, one.requests, one.first_at, one.last_at]
                    for one in sorted(counts, key=lambda one: (one.trait, one.code))
                ]
                for _, counts in ordered
            ]
        ),
    )


async def read_fingerprint(connection: Connection, tenant: TenantId, of: ConnectionId) -> list[Known]:
    """What was seen of a connection, the most frequent first."""
    rows = await connection.fetch(statements(FILE)["read"], tenant, of)
    return [
        Known(row["trait"], row["code"], row["requests"], row["first_at"], row["last_at"]) for row in rows
    ]
