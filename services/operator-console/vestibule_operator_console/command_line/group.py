"""`vestibule group ...`"""

from datetime import UTC, datetime
from typing import Annotated, Any

from cyclopts import App, Parameter

from vestibule.database.group_standings import GroupStanding
from vestibule_operator_console.command_line.answers import Answer, Json, since, table
from vestibule_operator_console.command_line.session import Session
from vestibule_operator_console.groups import group_text, list_groups


class GroupCommands:
    """What the customer pushes as groups."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def register(self, app: App) -> None:
        group = App(name="group", help="Groups of a customer and the members that they name: list.")
        group.command(self.list)
        app.command(group)

    async def list(
        self,
        tenant: str,
        /,
        *,
        unknown: Annotated[bool, Parameter(negative="")] = False,
        json: Json = False,
    ) -> Answer:
        """List groups, those that name somebody whom nobody knows first.

        Example: `vestibule group list acme --unknown`

        Parameters
        ----------
        tenant
            Short name of the customer.
        unknown
            Only groups with members that nobody is yet, and whom they name.
        """
        async with self._session.console() as console:
            listed = await list_groups(console, tenant, unknown)
        now = datetime.now(UTC)
        view = table(
            "connection", "group", "users", "groups", "unknown", "for", "what to do",
            right=("users", "groups", "unknown"),
        )  # fmt: skip
        for one in listed:
            view.add_row(
                one.connection,
                one.name,
                str(one.users),
                str(one.groups),
                str(one.unknown or "-"),
                since(one.oldest, now) if one.oldest else "",
                group_text(one) + (f" ({', '.join(one.first)})" if unknown else ""),
            )
        nobody = "Every member that a group names is there." if unknown else "No group was pushed."
        return Answer(json, {"groups": [document(one) for one in listed]}, [view if listed else nobody])


def document(group: GroupStanding) -> dict[str, Any]:
    """A group for programs."""
    return {
        "connection": group.connection,
        "id": group.id,
        "name": group.name,
        "users": group.users,
        "groups": group.groups,
        "unknown": group.unknown,
        "unknown_since": group.oldest,
        "first_unknown": list(group.first),
        "text": group_text(group),
    }
