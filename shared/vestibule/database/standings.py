"""The invariant: for each connection persons = applied + pending + held + shadow + refused + failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vestibule.database.pool import Connection, Pool
from vestibule.database.statements import statements
from vestibule.domain.identifiers import AccountId, ConnectionId, PersonId, TenantId
from vestibule.domain.tenants import Mode

FILE = "standings"
WORDS = ("applied", "pending", "held", "shadow", "refused", "failed")
LOST = "lost"


@dataclass(frozen=True, slots=True)
class Counted:
    """How many people of a connection stand in one place, those removed at the IdP included.

    `detail` is a stage, form, reason or code as the word needs it; `code` says why it still waits;
    `oldest` is since when the first of them stands there.
    """

    standing: str
    detail: str | None
    code: str | None
    persons: int
    removed: int
    oldest: datetime | None

    @property
    def words(self) -> str:
        """As tables and metrics name it: `held(rename)`."""
        return self.standing if self.detail is None else f"{self.standing}({self.detail})"


@dataclass(frozen=True, slots=True)
class Refusals:
    """Requests that were refused and made no person."""

    operation: str
    code: str
    requests: int
    newest: datetime


@dataclass(frozen=True, slots=True)
class ConnectionStandings:
    """One line of the invariant: `persons` was counted apart from the standings."""

    connection: ConnectionId
    name: str
    mode: Mode
    persons: int
    refused_requests: int
    standings: tuple[Counted, ...]
    refusals: tuple[Refusals, ...]

    def of(self, word: str) -> int:
        """How many people stand under this word."""
        return sum(counted.persons for counted in self.standings if counted.standing == word)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the invariant does not hold here, in words of the tables; empty when it does."""
        found = []
        counted = sum(one.persons for one in self.standings)
        if counted != self.persons:
            found.append(f"{self.persons} persons are stored and {counted} have a standing")
        for one in self.standings:
            if one.detail == LOST:
                found.append(f"lost ({one.code}): {one.persons} of {self.persons}, nobody works on them")
            elif one.oldest is None:
                found.append(f"{one.words} without a time: {one.persons} of {self.persons}")
            elif one.standing in ("held", "refused", "failed") and one.detail is None:
                found.append(f"{one.standing} without a reason: {one.persons} of {self.persons}")
        return tuple(found)

    @property
    def holds(self) -> bool:
        """Whether everybody stands somewhere, with a reason and a time."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class PersonStanding:
    """Where one person stands."""

    connection: ConnectionId
    person: PersonId
    removed: bool
    account: AccountId | None
    standing: str
    detail: str | None
    code: str | None
    since: datetime | None


async def read_standings(pool: Pool, tenant: TenantId) -> list[ConnectionStandings]:
    """The invariant of a customer, from one snapshot: work that goes on meanwhile disturbs no number."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute("select chain.enter_tenant($1)", tenant)
        counted = await connection.fetch(statements(FILE)["count"], tenant)
        connections = await connection.fetch(statements(FILE)["connections"], tenant)
        refusals = await connection.fetch(statements(FILE)["refusals"], tenant)
    return [
        ConnectionStandings(
            ConnectionId(row["id"]),
            row["name"],
            Mode(row["mode"]),
            row["persons"],
            row["refusals"],
            tuple(
                Counted(
                    one["standing"],
                    one["detail"],
                    one["code"],
                    one["persons"],
                    one["removed"],
                    one["oldest"],
                )
                for one in counted
                if one["connection_id"] == row["id"]
            ),
            tuple(
                Refusals(one["operation"], one["code"], one["requests"], one["newest"])
                for one in refusals
                if one["connection_id"] == row["id"]
            ),
        )
        for row in connections
    ]


async def count_every_standing(pool: Pool) -> list[tuple[Sequence[str], float]]:
    """The rows of the gauge `vestibule_persons`: ((connection, standing), persons), every customer's.

    Needs only the right to execute router.count_every_standing(), which the relay's role has. It reads about
    100,000 persons a second: call it at most every 15 seconds, and not before 20 times its last duration.
    """
    rows = await pool.fetch(statements(FILE)["count_every"])
    summed: dict[tuple[str, str], float] = {}
    for row in rows:
        words = row["standing"] if row["detail"] is None else f"{row['standing']}({row['detail']})"
        key = (str(row["connection_id"]), words)
        summed[key] = summed.get(key, 0.0) + row["persons"]
    return list(summed.items())


async def read_standing(
    connection: Connection, tenant: TenantId, of: ConnectionId, person: PersonId
) -> PersonStanding | None:
    """Where one person stands now."""
    row = await connection.fetchrow(statements(FILE)["of_person"], tenant, of, person)
    if row is None:
        return None
    return PersonStanding(
        ConnectionId(row["connection_id"]),
        PersonId(row["person_id"]),
        row["removed"],
        None if row["account_id"] is None else AccountId(row["account_id"]),
        row["standing"],
        row["detail"],
        row["code"],
        row["since"],
    )
