"""What tests of groups in groups ask and send."""

from tests.integration.ingest.scim_client import ScimClient
from vestibule.database.pool import Connection


def adding(*members: str) -> dict[str, object]:
    """The operation that adds members."""
    return {"op": "add", "path": "members", "value": [{"value": member} for member in members]}


def removing(*members: str) -> dict[str, object]:
    """The operation that takes members away."""
    return {"op": "remove", "path": "members", "value": [{"value": member} for member in members]}


async def groups_of(scim: ScimClient, person: str) -> dict[str, str]:
    """The groups that a person shows, by their ids: direct or indirect."""
    shown = (await scim.user(person)).get("groups", [])
    assert len({one["value"] for one in shown}) == len(shown)
    return {one["value"]: one["type"] for one in shown}


async def versions(admin: Connection, people: list[str]) -> list[int]:
    """How often each of them was marked."""
    rows = await admin.fetch("select id, version from chain.sync where id = any($1::uuid[])", people)
    known = {str(row["id"]): row["version"] for row in rows}
    return [known.get(person, 0) for person in people]
