"""`vestibule person`: a timeline."""

from datetime import UTC, datetime
from typing import Any

from cyclopts import App
from rich.console import Group, RenderableType
from rich.text import Text

from vestibule_operator_console.command_line.answers import (
    Answer,
    Json,
    coloured,
    moment,
    since,
    table,
)
from vestibule_operator_console.command_line.session import Session
from vestibule_operator_console.persons import Followed, follow_person
from vestibule_operator_console.words import event_text, plain, standing_text, words_of


class PersonCommand:
    """How it came to that."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def register(self, app: App) -> None:
        app.command(self.person)

    async def person(self, tenant: str, user_name: str, /, *, json: Json = False) -> Answer:
        """Tell where a person stands and how it came to that: received, decided, done, with reasons.

        Example: `vestibule person acme jane@acme.example`

        Parameters
        ----------
        tenant
            Short name of the customer.
        user_name
            The userName as the identity provider sends it; capitals do not matter.
        """
        async with self._session.console() as console:
            followed = await follow_person(console, tenant, user_name)
        now = datetime.now(UTC)
        view: list[RenderableType] = []
        for one in followed:
            view += [view_of(one, user_name, now), ""]
        return Answer(
            json,
            {"tenant": tenant, "user_name": user_name, "persons": [document(one) for one in followed]},
            view[:-1],
        )


def view_of(followed: Followed, user_name: str, now: datetime) -> RenderableType:
    """One person: heading, standing, organizations, timeline."""
    standing, person = followed.standing, followed.person
    state = (
        "deleted at the identity provider" if person.removed_at else "active" if person.active else "inactive"
    )
    facts = table("", "")
    facts.show_header = False
    facts.add_row("person", f"{user_name} ({state}) in connection {person.connection_name}")
    facts.add_row("standing", coloured(words_of(standing.standing, standing.detail)))
    facts.add_row("since", f"{moment(standing.since)} UTC ({since(standing.since, now)} ago)")
    facts.add_row("", standing_text(standing.standing, standing.detail, standing.code))
    if followed.desk_account_id is not None:
        facts.add_row("at the desk", followed.desk_account_id)
    for place in followed.organizations:
        name = place.name or "(not named yet)"
        facts.add_row(
            "organization", f"{name}: {_membership(place.wanted, place.applied, place.origin, place.code)}"
        )
    facts.add_row("ids", f"person {person.person}, account {standing.account or '-'}")
    events = table("time (UTC)", "stage", "what happened", "trace", right=("trace",))
    traces: dict[str, int] = {}
    for happened in followed.events:
        event = happened.event
        trace = "" if event.trace_id is None else str(traces.setdefault(event.trace_id, len(traces) + 1))
        text = event_text(event.stage, event.code, event.reason)
        events.add_row(f"{event.at:%Y-%m-%d %H:%M:%S.%f}"[:-3], event.stage, text, trace)
    parts: list[RenderableType] = [facts, "", events, ""]
    parts += [Text(f"trace {number}: {trace_id}", "dim") for trace_id, number in traces.items()]
    return Group(*parts)


def document(followed: Followed) -> dict[str, Any]:
    """A person for programs."""
    standing, person = followed.standing, followed.person
    return {
        "id": person.person,
        "connection": person.connection_name,
        "connection_id": person.connection,
        "active": person.active,
        "created_at": person.created_at,
        "removed_at": person.removed_at,
        "account_id": standing.account,
        "desk_account_id": followed.desk_account_id,
        "standing": {
            "standing": standing.standing,
            "detail": standing.detail,
            "code": standing.code,
            "since": standing.since,
            "text": standing_text(standing.standing, standing.detail, standing.code),
        },
        "organizations": [
            {
                "source": place.source,
                "name": place.name,
                "wanted": place.wanted,
                "applied": place.applied,
                "origin": place.origin,
                "code": place.code,
            }
            for place in followed.organizations
        ],
        "timeline": [
            {
                "at": happened.event.at,
                "subject": happened.subject,
                "stage": happened.event.stage,
                "code": happened.event.code,
                "reason": happened.event.reason,
                "trace_id": happened.event.trace_id,
                "text": event_text(happened.event.stage, happened.event.code, happened.event.reason),
            }
            for happened in followed.events
        ],
    }


def _membership(wanted: bool, applied: bool, origin: str, code: str | None) -> str:
    if wanted and applied:
        return "member" if origin == "ours" else "member already before us"
    told = "to be joined" if wanted else "to be left"
    return f"{told} ({plain(code)})" if code else told
