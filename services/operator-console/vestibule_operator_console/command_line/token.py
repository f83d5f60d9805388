"""`vestibule token ...`"""

from datetime import UTC, datetime
from typing import Any

from cyclopts import App
from rich.text import Text

from vestibule.database.tokens import TokenRecord
from vestibule_operator_console.command_line.answers import Answer, Json, coloured, moment, since, table
from vestibule_operator_console.command_line.durations import read_duration
from vestibule_operator_console.command_line.session import Session
from vestibule_operator_console.tokens import list_tokens, revoke, rotate_token


class TokenCommands:
    """Bearer tokens of connections."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def register(self, app: App) -> None:
        group = App(
            name="token", help="Tokens of a connection: rotate, revoke, list. None is ever shown again."
        )
        for command in (self.rotate, self.revoke, self.list):
            group.command(command)
        app.command(group)

    async def rotate(
        self,
        tenant: str,
        connection: str = "main",
        /,
        *,
        overlap: str = "24h",
        expires_in: str | None = None,
        json: Json = False,
    ) -> Answer:
        """Make a new token and print it, this once only; the old one works on for the overlap.

        Example: `vestibule token rotate acme --overlap 48h --expires-in 365d`

        Parameters
        ----------
        tenant
            Short name of the customer.
        connection
            Name of the connection.
        overlap
            How long the old token goes on working; 0s ends it at once.
        expires_in
            Life of the new token; without it the token does not expire.
        """
        life = None if expires_in is None else read_duration("--expires-in", expires_in)
        kept = read_duration("--overlap", overlap)
        async with self._session.console() as console:
            rotated = await rotate_token(console, tenant, connection, kept, life)
        text = rotated.token.text.reveal()
        old = f"The old token works until {moment(rotated.older_until)} UTC." if rotated.older else ""
        return Answer(
            json,
            {
                "token": text,
                "token_hint": rotated.token.hint,
                "token_expires_at": rotated.token.expires_at,
                "older_tokens": rotated.older,
                "older_tokens_until": rotated.older_until,
            },
            [
                Text(f"Token  {text}", no_wrap=True, overflow="ignore"),
                "",
                f"It is stored as a hash and never shown again. {old}",
            ],
        )

    async def revoke(self, tenant: str, connection: str, ending: str, /, *, json: Json = False) -> Answer:
        """End a token at once.

        Example: `vestibule token revoke acme main x7Qz`

        Parameters
        ----------
        tenant
            Short name of the customer.
        connection
            Name of the connection.
        ending
            The token's last four characters, as the list shows them, or its id.
        """
        async with self._session.console() as console:
            ended = await revoke(console, tenant, connection, ending)
        return Answer(
            json,
            {"revoked": {"id": ended.id, "hint": ended.hint}},
            [f"The token that ends in {ended.hint} does not work any more."],
        )

    async def list(self, tenant: str, connection: str = "main", /, *, json: Json = False) -> Answer:
        """List the tokens that a connection has and had.

        Example: `vestibule token list acme main`

        Parameters
        ----------
        tenant
            Short name of the customer.
        connection
            Name of the connection.
        """
        async with self._session.console() as console:
            tokens = await list_tokens(console, tenant, connection)
        now = datetime.now(UTC)
        view = table("token", "id", "state", "created", "expires", "last used")
        for token in tokens:
            used = f"{since(token.last_used_at, now)} ago" if token.last_used_at else "never"
            view.add_row(
                f"...{token.hint}",
                token.id,
                coloured(state(token)),
                moment(token.created_at),
                moment(token.expires_at) or "never",
                used,
            )
        return Answer(json, {"tokens": [document(token) for token in tokens]}, [view])


def state(token: TokenRecord) -> str:
    """Whether it works, in a word."""
    if token.active:
        return "active"
    return "expired" if token.revoked_at is None else "revoked"


def document(token: TokenRecord) -> dict[str, Any]:
    """A token for programs: everything but itself."""
    return {
        "id": token.id,
        "hint": token.hint,
        "state": state(token),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "last_used_at": token.last_used_at,
    }
