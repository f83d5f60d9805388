"""`vestibule case ...`"""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from cyclopts import App, Parameter
from rich.console import RenderableType

from vestibule.database.cases import Case
from vestibule_operator_console.cases import list_cases, show_case
from vestibule_operator_console.command_line.answers import Answer, Json, moment, since, table
from vestibule_operator_console.command_line.session import Session
from vestibule_operator_console.words import case_text, event_text, plain


class CaseCommands:
    """What waits for a human."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def register(self, app: App) -> None:
        group = App(name="case", help="Decisions that wait for a human: list, show.")
        for command in (self.list, self.show):
            group.command(command)
        app.command(group)

    async def list(
        self,
        tenant: str | None = None,
        /,
        *,
        all: Annotated[bool, Parameter(negative="")] = False,  # noqa: A002 - the option's name is --all
        json: Json = False,
    ) -> Answer:
        """List open cases, the oldest first.

        Example: `vestibule case list acme`

        Parameters
        ----------
        tenant
            Short name of one customer; all customers unless given.
        all
            Closed ones too.
        """
        async with self._session.console() as console:
            listed = await list_cases(console, tenant, all)
        now = datetime.now(UTC)
        view = table("tenant", "case", "about", "connection", "open for", "id")
        for one in listed:
            case = one.case
            view.add_row(
                one.tenant.slug,
                plain(case.kind),
                case.subject or str(case.subject_id),
                case.connection or "",
                since(case.opened_at, now)
                if case.closed_at is None
                else f"closed: {plain(case.decision or '')}",
                str(case.id),
            )
        documents = [{"tenant": one.tenant.slug, **document(one.case)} for one in listed]
        return Answer(json, {"cases": documents}, [view if listed else "No case waits for a decision."])

    async def show(self, tenant: str, case: UUID, /, *, json: Json = False) -> Answer:
        """Show one case: what it is about, what to do, what last happened.

        Example: `vestibule case show acme 0190a5c8-5a34-7cc2-8f6e-2b2f8f0c1d11`

        Parameters
        ----------
        tenant
            Short name of the customer.
        case
            Id of the case, as the list shows it.
        """
        async with self._session.console() as console:
            shown = await show_case(console, tenant, case)
        found = shown.case
        facts = table("", "")
        facts.show_header = False
        facts.add_row("case", f"{plain(found.kind)}, {found.id}")
        facts.add_row("about", f"{found.subject_kind or 'subject'} {found.subject or found.subject_id}")
        facts.add_row("connection", found.connection or "-")
        facts.add_row("opened", f"{moment(found.opened_at)} UTC")
        if found.closed_at is not None:
            facts.add_row("closed", f"{moment(found.closed_at)} UTC: {plain(found.decision or '')}")
        facts.add_row("what to do", case_text(found.kind))
        view: list[RenderableType] = [facts]
        events = table("time (UTC)", "stage", "what happened")
        for event in shown.events:
            events.add_row(moment(event.at), event.stage, event_text(event.stage, event.code, event.reason))
        if shown.events:
            view += ["", events]
        timeline = [
            {
                "at": event.at,
                "stage": event.stage,
                "code": event.code,
                "reason": event.reason,
                "trace_id": event.trace_id,
            }
            for event in shown.events
        ]
        return Answer(json, {"case": {"tenant": tenant, **document(found)}, "timeline": timeline}, view)


def document(case: Case) -> dict[str, Any]:
    """A case for programs."""
    return {
        "id": case.id,
        "kind": case.kind,
        "subject_kind": case.subject_kind,
        "subject_id": case.subject_id,
        "subject": case.subject,
        "connection": case.connection,
        "items": dict(case.items),
        "opened_at": case.opened_at,
        "closed_at": case.closed_at,
        "decision": case.decision,
        "text": case_text(case.kind),
    }
