"""`vestibule mapping ...`"""

from typing import Annotated

from cyclopts import App, Parameter
from rich.console import RenderableType

from vestibule.mapping.rules import Mapping
from vestibule_operator_console.command_line.answers import Answer, Json, table
from vestibule_operator_console.command_line.session import Session
from vestibule_operator_console.mappings import MOST_BYTES, ShownMapping, set_mapping, show_mapping


class MappingCommands:
    """What of a person becomes the account."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def register(self, app: App) -> None:
        group = App(name="mapping", help="What of a person becomes the account: show, set.")
        for command in (self.show, self.set):
            group.command(command)
        app.command(group)

    async def show(self, tenant: str, connection: str = "main", /, *, json: Json = False) -> Answer:
        """Show the mapping of a connection; --json writes what `set` reads.

        Example: `vestibule mapping show acme main --json > mapping.json`

        Parameters
        ----------
        tenant
            Short name of the customer.
        connection
            Name of the connection.
        """
        async with self._session.console() as console:
            shown = await show_mapping(console, tenant, connection)
        return Answer(json, shown.mapping.as_document(), view(shown))

    async def set(
        self,
        tenant: str,
        connection: str,
        file: Annotated[str, Parameter(allow_leading_hyphen=True)],
        /,
        *,
        json: Json = False,
    ) -> Answer:
        """Replace the mapping of a connection; everybody is judged by it anew, in chunks.

        A source is one of the words that `show` shows, or an attribute of an extension by its URN, such as
        urn:example:params:scim:schemas:extension:acme:2.0:User:badge. The first that a person has decides.

        Example: `vestibule mapping set acme main mapping.json`

        Parameters
        ----------
        tenant
            Short name of the customer.
        connection
            Name of the connection.
        file
            File with the mapping, `-` for standard input.
        """
        text = self._session.read(file, MOST_BYTES)
        async with self._session.console() as console:
            shown = await set_mapping(console, tenant, connection, text)
        told = (
            "Everybody of the connection is judged by it; `vestibule standing` shows how far that has come."
        )
        return Answer(json, shown.mapping.as_document(), [*view(shown), "", told])


def view(shown: ShownMapping) -> list[RenderableType]:
    """A mapping for people."""
    drawn = table("account", "comes from the first of")
    for what, sources in _rows(shown.mapping):
        drawn.add_row(what, sources)
    return [f"Mapping {shown.connection.mapping_version} of connection {shown.connection.name}", "", drawn]


def _rows(mapping: Mapping) -> list[tuple[str, str]]:
    return [
        ("e-mail", ", ".join(map(str, mapping.email))),
        ("login", ", ".join(map(str, mapping.login))),
        ("display name", ", ".join(map(str, mapping.display_name))),
        ("home organization", "yes" if mapping.home_organization else "no"),
        ("groups are organizations", "yes" if mapping.groups_are_organizations else "no"),
    ]
