"""`vestibule replay`"""

from uuid import UUID

from cyclopts import App

from vestibule.domain.identifiers import Kind
from vestibule_operator_console.command_line.answers import Answer, Json, moment, table
from vestibule_operator_console.command_line.session import Session
from vestibule_operator_console.replays import replay
from vestibule_operator_console.words import plain


class ReplayCommand:
    """Parked work goes again."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def register(self, app: App) -> None:
        app.command(self.replay)

    async def replay(
        self,
        tenant: str | None = None,
        /,
        *,
        kind: Kind | None = None,
        id: UUID | None = None,  # noqa: A002 - the option's name is --id
        json: Json = False,
    ) -> Answer:
        """Try parked work again from its first attempt; everything parked unless narrowed.

        Example: `vestibule replay acme --kind account`

        Parameters
        ----------
        tenant
            Short name of one customer; all customers unless given.
        kind
            Only this kind.
        id
            Only this key; needs the tenant and --kind.
        """
        async with self._session.console() as console:
            replayed = await replay(console, tenant, kind, id)
        view = table("tenant", "kind", "id", "gave up with", "parked")
        for one in replayed:
            for row in one.rows:
                view.add_row(
                    one.tenant.slug, row.kind.value, str(row.id), plain(row.code or ""), moment(row.parked_at)
                )
        documents = [
            {
                "tenant": one.tenant.slug,
                "kind": row.kind.value,
                "id": row.id,
                "code": row.code,
                "parked_at": row.parked_at,
            }
            for one in replayed
            for row in one.rows
        ]
        told = f"{len(documents)} rows go again." if documents else "Nothing is parked."
        return Answer(json, {"replayed": documents}, [view, "", told] if documents else [told])
