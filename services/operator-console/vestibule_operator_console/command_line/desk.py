"""`vestibule desk ...`"""

from pathlib import Path
from typing import Annotated, Any, TypeAlias

from cyclopts import App, Parameter

from vestibule.database.desk_records import DeskRecord
from vestibule.domain.desks import DeskKind
from vestibule_operator_console.command_line.answers import Answer, Json, coloured, moment, table
from vestibule_operator_console.command_line.durations import read_day
from vestibule_operator_console.command_line.session import Session
from vestibule_operator_console.desks import (
    DeskCredentials,
    create_desk,
    disable_desk,
    enable_desk,
    list_desks,
    read_credentials,
    renew_desk,
)
from vestibule_operator_console.problems import Unusable

VARIABLE = "VESTIBULE_DESK_CREDENTIALS"
CredentialsFile: TypeAlias = Annotated[str | None, Parameter(allow_leading_hyphen=True)]


class DeskCommands:
    """The service desks that are written to."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def register(self, app: App) -> None:
        group = App(name="desk", help="Service desks: create, list, renew credentials, disable, enable.")
        for command in (self.create, self.list, self.renew, self.disable, self.enable):
            group.command(command)
        app.command(group)

    async def create(
        self,
        name: str,
        /,
        *,
        kind: DeskKind = DeskKind.JIRA,
        base_url: str | None = None,
        service_desk_id: str | None = None,
        csm_url: str | None = None,
        closed_desk: Annotated[bool, Parameter(negative="")] = False,
        calls_per_second: float | None = None,
        concurrency: int | None = None,
        credentials_file: CredentialsFile = None,
        expire_on: str | None = None,
        json: Json = False,
    ) -> Answer:
        """Register a service desk. Its credentials come from a file, standard input or the environment.

        They are JSON: `{"email": "...", "api_token": "..."}` for Jira, `{}` for memory. They are sealed to
        the writer's public key before they touch the database: nobody but the writer can read them.

        Example: `vestibule desk create main --base-url https://acme.example --service-desk-id 1
        --credentials-file - < token.json`

        Parameters
        ----------
        name
            What to call it.
        kind
            What it is.
        base_url
            Where it is (Jira).
        service_desk_id
            The number of the service desk there (Jira).
        csm_url
            Base of the newer customer API, where the site has it: names can then be changed (Jira).
        closed_desk
            Customers must be added to the service desk before they see it (Jira).
        calls_per_second
            How often each of its operations may be called, all replicas together; 10 unless given.
        concurrency
            How many calls may be under way in one process; 32 unless given.
        credentials_file
            File with the credentials, `-` for standard input; else VESTIBULE_DESK_CREDENTIALS is read.
        expire_on
            Day on which the credentials end, for example 2027-03-31; `vestibule doctor` warns in time.
        """
        given: dict[str, object] = {
            "base_url": base_url,
            "service_desk_id": service_desk_id,
            "csm_url": csm_url,
            "closed_desk": closed_desk or None,
            "permits": None if calls_per_second is None else pace(calls_per_second),
            "concurrency": concurrency,
        }
        settings = {key: value for key, value in given.items() if value is not None}
        credentials = self._credentials(credentials_file, expire_on, kind)
        async with self._session.console() as console:
            made = await create_desk(console, name, kind, settings, credentials)
        hint = f"Created desk {name}. Next: `vestibule tenant create acme --name Acme --desk {name}`"
        return Answer(json, {"desk": document(made)}, [hint])

    async def list(self, *, json: Json = False) -> Answer:
        """List all service desks.

        Example: `vestibule desk list`
        """
        async with self._session.console() as console:
            desks = await list_desks(console)
        view = table("desk", "kind", "where", "leavers", "state", "credentials until", "sealed to")
        for desk in desks:
            view.add_row(
                desk.name,
                desk.kind,
                str(desk.settings.get("base_url", "")),
                str(desk.capabilities.get("leave", "")),
                coloured(desk.state.value),
                moment(desk.credentials_expire_at)[:10] or "no end known",
                desk.sealing_key_id,
            )
        shown = view if desks else "There is no desk yet: `vestibule desk create --help`"
        return Answer(json, {"desks": [document(desk) for desk in desks]}, [shown])

    async def renew(
        self,
        name: str,
        /,
        *,
        credentials_file: CredentialsFile = None,
        expire_on: str | None = None,
        json: Json = False,
    ) -> Answer:
        """Replace a desk's credentials.

        Example: `vestibule desk renew main --credentials-file token.json --expire-on 2027-03-31`

        Parameters
        ----------
        name
            Name of the desk.
        credentials_file
            File with the credentials, `-` for standard input; else VESTIBULE_DESK_CREDENTIALS is read.
        expire_on
            Day on which the credentials end.
        """
        credentials = self._credentials(credentials_file, expire_on, None)
        async with self._session.console() as console:
            desk = await renew_desk(console, name, credentials)
        told = f"Desk {name} has new credentials. What was parked meanwhile: `vestibule replay`"
        return Answer(json, {"desk": document(desk)}, [told])

    async def disable(self, name: str, /, *, json: Json = False) -> Answer:
        """Take a desk out of service: requests are accepted, and nothing is sent to it.

        Example: `vestibule desk disable main`

        Parameters
        ----------
        name
            Name of the desk.
        """
        async with self._session.console() as console:
            desk = await disable_desk(console, name)
        told = f"Desk {name} is out of service, work for it waits. `vestibule desk enable {name}` ends it."
        return Answer(json, {"desk": document(desk)}, [told])

    async def enable(self, name: str, /, *, json: Json = False) -> Answer:
        """Put a desk back into service, and let all of its customers catch up.

        Example: `vestibule desk enable main`

        Parameters
        ----------
        name
            Name of the desk.
        """
        async with self._session.console() as console:
            desk = await enable_desk(console, name)
        told = f"Desk {name} is in service; what waited goes on: `vestibule standing`"
        return Answer(json, {"desk": document(desk)}, [told])

    def _credentials(self, file: str | None, expire_on: str | None, kind: DeskKind | None) -> DeskCredentials:
        """Never from the arguments: every user of the machine can read those."""
        expire_at = None if expire_on is None else read_day("--expire-on", expire_on)
        if file == "-":
            return read_credentials(self._session.standard_input.read(), expire_at)
        if file is not None:
            try:
                text = (self._session.folder / Path(file)).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise Unusable(f"--credentials-file {file!r} cannot be read.") from error
            return read_credentials(text, expire_at)
        text = self._session.environment.get(VARIABLE) or ("{}" if kind is DeskKind.MEMORY else "")
        if not text:
            raise Unusable(
                "the desk's credentials are missing.",
                f"Give --credentials-file FILE (`-` for standard input), or set {VARIABLE}.",
            )
        return read_credentials(text, expire_at)


def pace(calls_per_second: float) -> dict[str, dict[str, float]]:
    """One rate for all operations, with a second's worth of burst."""
    return {"default": {"rate": calls_per_second, "burst": max(1.0, calls_per_second)}}


def document(desk: DeskRecord) -> dict[str, Any]:
    """A desk for programs."""
    return {
        "id": desk.id,
        "name": desk.name,
        "kind": desk.kind,
        "settings": dict(desk.settings),
        "capabilities": dict(desk.capabilities),
        "state": desk.state.value,
        "sealing_key_id": desk.sealing_key_id,
        "credentials_expire_at": desk.credentials_expire_at,
        "created_at": desk.created_at,
    }
