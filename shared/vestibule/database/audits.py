"""Who changed what; each function of the console appends in the transaction of its change."""

from collections.abc import Mapping
from uuid import UUID

from vestibule.database.pool import Connection, json_text
from vestibule.database.statements import statements
from vestibule.domain.identifiers import TenantId

FILE = "audits"


async def append_audit(
    connection: Connection,
    tenant: TenantId | None,
    actor: str,
    action: str,
    subject: UUID,
    detail: Mapping[str, object],
) -> None:
    """One line of the audit; `detail` holds names of settings and codes, no secret and no personal data."""
    await connection.execute(
        statements(FILE)["insert"], tenant, actor, action, subject, json_text(dict(detail))
    )
