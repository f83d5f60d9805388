"""`vestibule doctor`"""

from cyclopts import App
from rich.text import Text

from vestibule_operator_console.command_line.answers import Answer, Json, coloured, table
from vestibule_operator_console.command_line.session import Session
from vestibule_operator_console.doctor import examine
from vestibule_operator_console.findings import exit_code
from vestibule_operator_console.services import ask_services, known_services


class DoctorCommand:
    """Is everything reachable, migrated, permitted?"""

    def __init__(self, session: Session) -> None:
        self._session = session

    def register(self, app: App) -> None:
        app.command(self.doctor)

    async def doctor(self, *, json: Json = False) -> Answer:
        """Examine every part: configuration, database, work, desks, tokens, services. Changes nothing.

        Services are known from the run.json of `make up` (VESTIBULE_RUN, else .local/run.json), or from
        VESTIBULE_INGEST_URL, VESTIBULE_RELAY_URL, VESTIBULE_ROUTER_URL and VESTIBULE_WRITER_URL.

        Example: `vestibule doctor`
        """
        session = self._session
        findings = await examine(session.environment)
        findings += await ask_services(known_services(session.environment, session.folder))
        code = exit_code(findings)
        view = table("part", "name", "state", "what was found")
        for finding in findings:
            told = Text(finding.told)
            if finding.advice:
                told.append(f"\n-> {finding.advice}", style="yellow")
            view.add_row(finding.part, finding.name, coloured(finding.verdict.value), told)
        bad = sum(finding.verdict.value not in ("ok", "unknown") for finding in findings)
        verdict = Text(f"Problems found: {bad}", "bold red") if bad else Text("No problem found.", "green")
        documents = [
            {
                "part": finding.part,
                "name": finding.name,
                "verdict": finding.verdict.value,
                "told": finding.told,
                "advice": finding.advice,
            }
            for finding in findings
        ]
        return Answer(json, {"ok": code == 0, "findings": documents}, [view, "", verdict], code)
