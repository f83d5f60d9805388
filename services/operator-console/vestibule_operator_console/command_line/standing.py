"""`vestibule standing`: the invariant."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cyclopts import App
from rich.console import RenderableType
from rich.text import Text

from vestibule.database.standings import WORDS, ConnectionStandings, Counted
from vestibule_operator_console.command_line.answers import (
    OK,
    PROBLEM,
    Answer,
    Json,
    coloured,
    number,
    since,
    table,
)
from vestibule_operator_console.command_line.session import Session
from vestibule_operator_console.standings import TenantStandings, count_standings
from vestibule_operator_console.words import plain, standing_text

WAITING = ("pending", "held", "refused", "failed")


class StandingCommand:
    """Where everybody is."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def register(self, app: App) -> None:
        app.command(self.standing)

    async def standing(self, tenant: str | None = None, /, *, json: Json = False) -> Answer:
        """Count everybody: persons = applied + pending + held + shadow + refused + failed.

        Exit code 0 when this holds for every connection and nobody is lost, else 1.

        Example: `vestibule standing acme`

        Parameters
        ----------
        tenant
            Short name of one customer; all customers unless given.
        """
        async with self._session.console() as console:
            counted = await count_standings(console, tenant)
        holds = all(one.holds for one in counted)
        now = datetime.now(UTC)
        return Answer(
            json,
            {
                "holds": holds,
                "totals": {"persons": persons(counted), **{word: total(counted, word) for word in WORDS}},
                "tenants": [document(one) for one in counted],
            },
            view(counted, holds, now),
            OK if holds else PROBLEM,
        )


def view(counted: Sequence[TenantStandings], holds: bool, now: datetime) -> list[RenderableType]:
    """The invariant's table, the reasons of everybody who is not simply applied, and the verdict."""
    numbers = table("tenant", "connection", "mode", "persons", *WORDS, "holds", right=("persons", *WORDS))
    for tenant in counted:
        for line in tenant.connections:
            numbers.add_row(
                tenant.tenant.slug,
                line.name,
                coloured(line.mode.value),
                f"{line.persons}",
                *(number(line.of(word)) for word in WORDS),
                Text("yes", "green") if line.holds else Text("NO", "bold red"),
            )
    shown: list[RenderableType] = [numbers, *reasons(counted, now), *refusals(counted, now), ""]
    for tenant in counted:
        for line in tenant.connections:
            shown += [
                Text(f"{tenant.tenant.slug} {line.name}: {problem}", "red") for problem in line.problems
            ]
    sum_of = " + ".join(f"{total(counted, word)} {word}" for word in WORDS if total(counted, word)) or "0"
    verdict = f"{persons(counted)} persons = {sum_of}"
    shown.append(
        Text(f"The invariant holds: {verdict}", "green")
        if holds
        else Text(f"THE INVARIANT DOES NOT HOLD: {verdict}", "bold red")
    )
    return shown


def reasons(counted: Sequence[TenantStandings], now: datetime) -> list[RenderableType]:
    """Everybody who waits, with why and what to do."""
    told = table("tenant", "standing", "persons", "oldest", "what it means", right=("persons",))
    for tenant in counted:
        for line in tenant.connections:
            alike: dict[tuple[str, str], list[Counted]] = {}
            for one in sorted(line.standings, key=_urgency):
                if one.standing in WAITING:
                    text = standing_text(one.standing, one.detail, one.code)
                    alike.setdefault((one.words, text), []).append(one)
            for (words, text), several in alike.items():
                told.add_row(
                    tenant.tenant.slug,
                    coloured(words),
                    f"{sum(one.persons for one in several)}",
                    since(min((one.oldest for one in several if one.oldest is not None), default=None), now),
                    text,
                )
    return ["", told] if told.row_count else []


def refusals(counted: Sequence[TenantStandings], now: datetime) -> list[RenderableType]:
    """Requests that made no person."""
    told = table("tenant", "connection", "refused request", "code", "times", "newest", right=("times",))
    for tenant in counted:
        for line in tenant.connections:
            for one in line.refusals:
                told.add_row(
                    tenant.tenant.slug,
                    line.name,
                    one.operation,
                    plain(one.code),
                    f"{one.requests}",
                    f"{since(one.newest, now)} ago",
                )
    return ["", told] if told.row_count else []


def persons(counted: Sequence[TenantStandings]) -> int:
    """Everybody who is stored."""
    return sum(line.persons for tenant in counted for line in tenant.connections)


def total(counted: Sequence[TenantStandings], word: str) -> int:
    """Everybody who stands under this word."""
    return sum(line.of(word) for tenant in counted for line in tenant.connections)


def document(counted: TenantStandings) -> dict[str, Any]:
    """A tenant's lines for programs."""
    return {
        "tenant": counted.tenant.slug,
        "tenant_id": counted.tenant.id,
        "holds": counted.holds,
        "connections": [_line(line) for line in counted.connections],
    }


def _line(line: ConnectionStandings) -> dict[str, Any]:
    return {
        "connection": line.name,
        "connection_id": line.connection,
        "mode": line.mode.value,
        "holds": line.holds,
        "problems": list(line.problems),
        "persons": line.persons,
        **{word: line.of(word) for word in WORDS},
        "standings": [
            {
                "standing": one.standing,
                "detail": one.detail,
                "code": one.code,
                "persons": one.persons,
                "removed": one.removed,
                "oldest": one.oldest,
                "text": standing_text(one.standing, one.detail, one.code),
            }
            for one in sorted(line.standings, key=_urgency)
        ],
        "refused_requests": line.refused_requests,
        "refusals": [
            {"operation": one.operation, "code": one.code, "requests": one.requests, "newest": one.newest}
            for one in line.refusals
        ],
    }


def _urgency(one: Counted) -> tuple[int, str, str]:
    return -WORDS.index(one.standing), one.detail or "", one.code or ""
