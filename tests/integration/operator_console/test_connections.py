"""Connections and their tokens: what the ingest's role may do with them at each moment."""

from datetime import timedelta

import pytest

from tests.stack import Database
from vestibule.database.pool import Connection
from vestibule.domain.desks import DeskKind
from vestibule.domain.tenants import Mode
from vestibule.domain.tokens import digest
from vestibule.settings.values import Secret
from vestibule_operator_console.connections import (
    Idp,
    NewlyMade,
    Wish,
    create_connection,
    list_connections,
    new_path,
    pause,
    resume,
)
from vestibule_operator_console.console import Console
from vestibule_operator_console.desks import DeskCredentials, create_desk
from vestibule_operator_console.problems import Conflict, NotThere, Unusable
from vestibule_operator_console.tenants import create_tenant, resume_tenant, suspend_tenant
from vestibule_operator_console.tokens import list_tokens, revoke, rotate_token

HOUR = timedelta(hours=1)


async def onboard(console: Console, wish: Wish | None = None) -> NewlyMade:
    """A desk, a tenant and a connection."""
    await create_desk(console, "main", DeskKind.MEMORY, {}, DeskCredentials(Secret({})))
    await create_tenant(console, "acme", "Acme Ltd", "main", None)
    return await create_connection(console, "acme", wish or Wish("main", Idp.OKTA))


async def verdict(database: Database, made: NewlyMade, token: str) -> str:
    """What the ingest is told about a caller."""
    async with database.administrator() as admin:
        answer: str = await admin.fetchval(
            "select verdict from console.authenticate($1, $2)", made.connection.path, digest(token)
        )
    return answer


async def audited(admin: Connection) -> list[tuple[str, str]]:
    rows = await admin.fetch("select actor, action from console.audit order by id")
    return [(row["actor"], row["action"]) for row in rows]


async def test_a_new_tenant_has_a_home_organization_to_be_made_at_the_desk(
    console: Console, database: Database
) -> None:
    made = await onboard(console)
    async with database.administrator() as admin:
        tenant = await admin.fetchrow("select id, desk_id from console.tenant where slug = 'acme'")
        assert tenant is not None
        organization = await admin.fetchrow("select * from router.organization")
        assert organization is not None
        assert (organization["id"], organization["source"]) == (tenant["id"], "home")
        dirty = await admin.fetch("select kind, id, desk_id from chain.sync where done_version < version")
        assert [tuple(row) for row in dirty] == [("organization", tenant["id"], tenant["desk_id"])]
        assert (
            await admin.fetchval("select count(*) from chain.desk_flow where desk_id = $1", tenant["desk_id"])
            == 1
        )
        assert await admin.fetchval("select document ->> 'format' from console.mapping_version") == "1"
    assert made.connection.mapping_version == 1


async def test_the_token_of_a_connection_opens_it_and_no_other(console: Console, database: Database) -> None:
    first = await onboard(console)
    second = await create_connection(console, "acme", Wish("second", Idp.ENTRA))
    token = first.token.text.reveal()
    assert await verdict(database, first, token) == "ok"
    assert await verdict(database, second, token) == "unauthorized"


async def test_rotation_overlaps_and_a_third_token_must_wait(console: Console, database: Database) -> None:
    made = await onboard(console)
    rotated = await rotate_token(console, "acme", "main", HOUR, None)
    old, new = made.token.text.reveal(), rotated.token.text.reveal()
    assert rotated.older == 1
    assert [await verdict(database, made, token) for token in (old, new)] == ["ok", "ok"]
    with pytest.raises(Conflict, match="two working tokens"):
        await rotate_token(console, "acme", "main", HOUR, None)
    assert [token.active for token in await list_tokens(console, "acme", "main")] == [True, True]


async def test_rotation_without_overlap_ends_the_old_token_at_once(
    console: Console, database: Database
) -> None:
    made = await onboard(console)
    await rotate_token(console, "acme", "main", timedelta(0), None)
    assert await verdict(database, made, made.token.text.reveal()) == "unauthorized"


async def test_an_overlap_never_makes_a_token_live_longer(console: Console) -> None:
    made = await onboard(console, Wish("main", Idp.OKTA, token_life=timedelta(minutes=10)))
    await rotate_token(console, "acme", "main", HOUR, None)
    [old, _] = await list_tokens(console, "acme", "main")
    assert old.expires_at == made.token.expires_at


async def test_a_revoked_token_is_refused_at_once_and_its_name_is_its_end(
    console: Console, database: Database
) -> None:
    made = await onboard(console)
    await revoke(console, "acme", "main", made.token.hint)
    assert await verdict(database, made, made.token.text.reveal()) == "unauthorized"
    with pytest.raises(Conflict, match="does not work any more"):
        await revoke(console, "acme", "main", made.token.hint)
    with pytest.raises(NotThere):
        await revoke(console, "acme", "main", "????")


async def test_the_list_tells_when_a_token_was_last_used(console: Console, database: Database) -> None:
    made = await onboard(console)
    [before] = await list_tokens(console, "acme", "main")
    await verdict(database, made, made.token.text.reveal())
    [after] = await list_tokens(console, "acme", "main")
    assert before.last_used_at is None and after.last_used_at is not None


@pytest.mark.parametrize("life", [timedelta(seconds=1), timedelta(days=36_500)])
async def test_a_token_lives_between_a_minute_and_ten_years(console: Console, life: timedelta) -> None:
    with pytest.raises(Unusable):
        await onboard(console, Wish("main", Idp.OKTA, token_life=life))
    assert await list_connections(console, "acme") == []


@pytest.mark.parametrize("mode", [Mode.LIVE, Mode.SHADOW])
async def test_a_pause_ends_in_the_mode_that_it_began_in_and_catches_up(
    console: Console, database: Database, mode: Mode
) -> None:
    await onboard(console, Wish("main", Idp.OKTA, mode))
    assert (await pause(console, "acme", "main")).mode is Mode.PAUSED
    with pytest.raises(Conflict, match="paused already"):
        await pause(console, "acme", "main")
    resumed = await resume(console, "acme", "main")
    assert resumed.connection.mode is mode
    with pytest.raises(Conflict, match="not paused"):
        await resume(console, "acme", "main")
    async with database.administrator() as admin:
        fanout = await admin.fetchrow("select id, scope, phase, finished_at from chain.fanout")
        assert fanout is not None
        assert tuple(fanout) == (resumed.fanout, "connection", "persons", None)


async def test_a_suspended_tenant_is_refused_by_name_and_catches_up_afterwards(
    console: Console, database: Database
) -> None:
    made = await onboard(console)
    await suspend_tenant(console, "acme")
    assert await verdict(database, made, made.token.text.reveal()) == "suspended"
    with pytest.raises(Conflict):
        await suspend_tenant(console, "acme")
    await resume_tenant(console, "acme")
    assert await verdict(database, made, made.token.text.reveal()) == "ok"
    async with database.administrator() as admin:
        assert await admin.fetchval("select count(*) from chain.fanout where finished_at is null") == 1
        assert await admin.fetchval("select version from chain.sync where kind = 'organization'") == 2


async def test_every_change_is_audited_with_its_actor_and_a_refused_one_is_not(
    console: Console, database: Database
) -> None:
    await onboard(console)
    await pause(console, "acme", "main")
    await resume(console, "acme", "main")
    rotated = await rotate_token(console, "acme", "main", HOUR, None)
    await revoke(console, "acme", "main", rotated.token.hint)
    with pytest.raises(Conflict):
        await create_connection(console, "acme", Wish("main", Idp.OKTA))
    async with database.administrator() as admin:
        assert await audited(admin) == [
            ("olga", "desk.create"),
            ("olga", "tenant.create"),
            ("olga", "connection.create"),
            ("olga", "connection.pause"),
            ("olga", "connection.resume"),
            ("olga", "token.rotate"),
            ("olga", "token.revoke"),
        ]
        assert await admin.fetchval("select count(*) from console.connection") == 1


@pytest.mark.parametrize("name", ["", " main", "two\nlines", "x" * 101])
async def test_a_name_that_cannot_be_used_is_refused(console: Console, name: str) -> None:
    await onboard(console)
    with pytest.raises(Unusable):
        await create_connection(console, "acme", Wish(name, Idp.OKTA))


def test_a_path_cannot_be_guessed() -> None:
    paths = {new_path() for _ in range(200)}
    assert len(paths) == 200
    assert all(len(path) == 26 and path.isalnum() and path == path.lower() for path in paths)
