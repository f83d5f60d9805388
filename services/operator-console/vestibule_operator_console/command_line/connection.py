"""`vestibule connection ...`"""

from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.text import Text

from vestibule.database.connections import IdpConnection
from vestibule.domain.tenants import Mode
from vestibule_operator_console.command_line.answers import (
    Answer,
    Json,
    coloured,
    moment,
    number,
    table,
)
from vestibule_operator_console.command_line.durations import read_duration
from vestibule_operator_console.command_line.fingerprints import fingerprint_document, fingerprint_view
from vestibule_operator_console.command_line.session import Session
from vestibule_operator_console.connections import (
    Idp,
    KeyTrust,
    Wish,
    base_url,
    create_connection,
    list_connections,
    pause,
    resume,
)
from vestibule_operator_console.fingerprints import show_fingerprint


class ConnectionCommands:
    """One identity provider of a customer each."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def register(self, app: App) -> None:
        group = App(
            name="connection",
            help="Identity providers of a customer: create, list, pause, resume, fingerprint.",
        )
        for command in (self.create, self.list, self.pause, self.resume, self.fingerprint):
            group.command(command)
        app.command(group)

    async def create(
        self,
        tenant: str,
        /,
        *,
        idp: Idp,
        name: str = "main",
        shadow: Annotated[bool, Parameter(negative="")] = False,
        precedence: int = 100,
        immutable_key: Annotated[bool, Parameter(negative="")] = False,
        token_expires_in: str | None = None,
        json: Json = False,
    ) -> Answer:
        """Create a connection, and print its base URL and its token, the token this once only.

        Example: `vestibule connection create acme --idp okta`

        Parameters
        ----------
        tenant
            Short name of the customer.
        idp
            What the identity provider is.
        name
            What to call it; a customer's second one needs another name.
        shadow
            True answers for the identity provider, and nothing is sent to the desk.
        precedence
            Which connection decides where two feed one account: the higher.
        immutable_key
            The identity provider's externalId never changes hands (Entra's objectId, say).
        token_expires_in
            Life of the token, for example 365d; without it the token does not expire.
        """
        life = None if token_expires_in is None else read_duration("--token-expires-in", token_expires_in)
        wish = Wish(
            name,
            idp,
            Mode.SHADOW if shadow else Mode.LIVE,
            precedence,
            KeyTrust.IMMUTABLE if immutable_key else KeyTrust.MUTABLE,
            life,
        )
        async with self._session.console() as console:
            made = await create_connection(console, tenant, wish)
        token = made.token.text.reveal()
        shown = document(made.connection, made.base_url)
        expiry = {"token_hint": made.token.hint, "token_expires_at": made.token.expires_at}
        return Answer(
            json,
            {"connection": shown, "base_url": made.base_url, "token": token, **expiry},
            [
                f"Created connection {name} of tenant {tenant}, {made.connection.mode}.",
                "",
                Text(f"Base URL  {made.base_url}", no_wrap=True, overflow="ignore"),
                Text(f"Token     {token}", no_wrap=True, overflow="ignore"),
                "",
                "Give both to the customer's admin now: the token is stored as a hash and never shown again.",
            ],
        )

    async def list(self, tenant: str, /, *, json: Json = False) -> Answer:
        """List a customer's connections.

        Example: `vestibule connection list acme`
        """
        async with self._session.console() as console:
            listed = await list_connections(console, tenant)
            urls = [base_url(console, one.connection) for one in listed]
        view = table(
            "connection", "idp", "mode", "persons", "precedence", "created", right=("persons", "precedence")
        )
        for one in listed:
            made = one.connection
            view.add_row(
                made.name,
                made.idp,
                coloured(made.mode.value),
                number(one.persons),
                str(made.precedence),
                moment(made.created_at),
            )
        documents = [
            {**document(one.connection, url), "persons": one.persons}
            for one, url in zip(listed, urls, strict=True)
        ]
        lines = [
            Text(f"{one.connection.name}: {url}", no_wrap=True, overflow="ignore")
            for one, url in zip(listed, urls, strict=True)
        ]
        hint = f"Tenant {tenant} has no connection yet: `vestibule connection create {tenant} --idp okta`"
        return Answer(json, {"connections": documents}, [view, "", *lines] if listed else [hint])

    async def pause(self, tenant: str, name: str = "main", /, *, json: Json = False) -> Answer:
        """Store and answer what the identity provider sends, and hold it back from the desk.

        Example: `vestibule connection pause acme`

        Parameters
        ----------
        tenant
            Short name of the customer.
        name
            Name of the connection.
        """
        async with self._session.console() as console:
            paused = await pause(console, tenant, name)
            url = base_url(console, paused)
        return Answer(
            json,
            {"connection": document(paused, url)},
            [
                f"Connection {name} of tenant {tenant} is paused.",
                f"`vestibule connection resume {tenant} {name}` ends it.",
            ],
        )

    async def resume(self, tenant: str, name: str = "main", /, *, json: Json = False) -> Answer:
        """End a pause; all that was stored meanwhile is applied.

        Example: `vestibule connection resume acme`

        Parameters
        ----------
        tenant
            Short name of the customer.
        name
            Name of the connection.
        """
        async with self._session.console() as console:
            resumed = await resume(console, tenant, name)
            shown = document(resumed.connection, base_url(console, resumed.connection))
        return Answer(
            json,
            {"connection": shown, "fanout": resumed.fanout},
            [f"Connection {name} of tenant {tenant} is {shown['mode']} again: `vestibule standing {tenant}`"],
        )

    async def fingerprint(self, tenant: str, name: str = "main", /, *, json: Json = False) -> Answer:
        """Show what the identity provider does: its dialect, the repairs it needs, what it is refused.

        Example: `vestibule connection fingerprint acme`

        Parameters
        ----------
        tenant
            Short name of the customer.
        name
            Name of the connection.
        """
        async with self._session.console() as console:
            shown = await show_fingerprint(console, tenant, name)
        return Answer(json, fingerprint_document(shown), fingerprint_view(shown, tenant))


def document(connection: IdpConnection, url: str) -> dict[str, Any]:
    """A connection for programs."""
    return {
        "id": connection.id,
        "name": connection.name,
        "base_url": url,
        "idp": connection.idp,
        "mode": connection.mode.value,
        "precedence": connection.precedence,
        "key_trust": connection.key_trust,
        "mapping_version": connection.mapping_version,
        "created_at": connection.created_at,
    }
