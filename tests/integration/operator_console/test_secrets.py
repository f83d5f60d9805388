"""What is shown once is stored as a hash, what is sealed stays sealed: the whole database is read for it."""

from uuid import uuid4

import asyncpg
import orjson
import pytest

from tests.integration.operator_console.conftest import DESK_TOKEN
from tests.stack import Database
from vestibule.database.pool import Connection
from vestibule.domain.desks import DeskKind, credentials_context
from vestibule.domain.identifiers import DeskId
from vestibule.domain.tokens import digest
from vestibule.sealing import KeyPair, Sealed, SealingError, unseal
from vestibule.settings.values import Secret, named_key
from vestibule_operator_console.connections import Idp, Wish, create_connection
from vestibule_operator_console.console import Console
from vestibule_operator_console.desks import DeskCredentials, create_desk, renew_desk
from vestibule_operator_console.tenants import create_tenant

TABLES = """
select format('%I.%I', n.nspname, c.relname) as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r' and n.nspname in ('console', 'ingest', 'router', 'writer', 'chain', 'public')
"""
SETTINGS = {"base_url": "https://acme.example", "service_desk_id": "1"}


def jira_credentials(token: str = DESK_TOKEN) -> DeskCredentials:
    return DeskCredentials(Secret({"email": "bot@desk.example", "api_token": token}))


async def everything(admin: Connection) -> str:
    """The text of every row of every table, bytes in hexadecimal."""
    texts = []
    for table in await admin.fetch(TABLES):
        rows = await admin.fetch(f"select t::text as row from {table['name']} t")  # noqa: S608 - of the catalog
        texts += [row["row"] for row in rows]
    return "\n".join(texts)


async def test_a_token_is_stored_as_its_hash_and_nothing_else(console: Console, database: Database) -> None:
    await create_desk(console, "main", DeskKind.MEMORY, {}, DeskCredentials(Secret({})))
    await create_tenant(console, "acme", "Acme Ltd", "main", None)
    made = await create_connection(console, "acme", Wish("main", Idp.OKTA))
    token = made.token.text.reveal()
    async with database.administrator() as admin:
        stored = await everything(admin)
    assert made.connection.path in stored
    assert digest(token).hex() in stored
    for part in (token, token.removeprefix("vst_")[:12], token[-12:], token.encode().hex()):
        assert part not in stored
    assert token not in repr(made)


async def test_a_desk_s_credentials_are_stored_sealed_to_the_writer_and_to_that_desk(
    console: Console, database: Database, keys: KeyPair
) -> None:
    desk = await create_desk(console, "main", DeskKind.JIRA, SETTINGS, jira_credentials())
    async with database.administrator() as admin:
        stored = await everything(admin)
        row = await admin.fetchrow("select sealing_key_id, sealed_credentials from console.desk")
    assert "https://acme.example" in stored
    assert DESK_TOKEN not in stored and DESK_TOKEN.encode().hex() not in stored
    assert row is not None
    sealed = Sealed(row["sealing_key_id"], row["sealed_credentials"])
    private = [named_key(keys.private.reveal())]
    opened = orjson.loads(unseal(private, sealed, credentials_context(desk.id, "jira", SETTINGS)))
    assert opened == {"email": "bot@desk.example", "api_token": DESK_TOKEN}
    elsewhere = {**SETTINGS, "base_url": "https://elsewhere.example"}
    for other in (
        credentials_context(DeskId(uuid4()), "jira", SETTINGS),
        credentials_context(desk.id, "jira", elsewhere),
        credentials_context(desk.id, "jira", {**SETTINGS, "csm_url": "https://elsewhere.example"}),
        credentials_context(desk.id, "memory", SETTINGS),
    ):
        with pytest.raises(SealingError):
            unseal(private, sealed, other)


@pytest.mark.parametrize(
    "change",
    ['settings = settings || \'{"base_url": "https://elsewhere.example"}\'', "kind = 'memory'", "id = id"],
)
async def test_the_console_cannot_lead_a_desk_elsewhere(console: Console, change: str) -> None:
    await create_desk(console, "main", DeskKind.JIRA, SETTINGS, jira_credentials())
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await console.pool.execute(f"update console.desk set {change}")  # noqa: S608 - of the list above


async def test_renewed_credentials_replace_the_old_ones(
    console: Console, database: Database, keys: KeyPair
) -> None:
    desk = await create_desk(console, "main", DeskKind.JIRA, SETTINGS, jira_credentials())
    await renew_desk(console, "main", jira_credentials("the-next-one"))
    async with database.administrator() as admin:
        row = await admin.fetchrow("select sealing_key_id, sealed_credentials from console.desk")
    assert row is not None
    sealed = Sealed(row["sealing_key_id"], row["sealed_credentials"])
    opened = unseal(
        [named_key(keys.private.reveal())], sealed, credentials_context(desk.id, "jira", SETTINGS)
    )
    assert orjson.loads(opened) == {"email": "bot@desk.example", "api_token": "the-next-one"}
