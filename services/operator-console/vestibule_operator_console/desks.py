"""Service desks: registered, credentials sealed before they go anywhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson

from vestibule.database.audits import append_audit
from vestibule.database.conflicts import Taken
from vestibule.database.desk_records import (
    DeskRecord,
    SealedCredentials,
    find_desk,
    insert_desk,
    renew_credentials,
    set_desk_state,
)
from vestibule.database.desk_records import list_desks as read_desks
from vestibule.database.tenants import list_tenants
from vestibule.domain.desks import (
    DeskKind,
    capabilities_of,
    credentials_context,
    credentials_problems,
    settings_problems,
)
from vestibule.domain.identifiers import DeskId
from vestibule.domain.tenants import DeskState, TenantState
from vestibule.sealing import seal
from vestibule.settings.values import Secret
from vestibule_operator_console.console import Console, new_id
from vestibule_operator_console.names import checked_name
from vestibule_operator_console.problems import Conflict, NotThere, Unusable
from vestibule_operator_console.tenants import wake_tenant


@dataclass(frozen=True, slots=True)
class DeskCredentials:
    """What the writer proves itself with, and when the desk will not take it any more."""

    values: Secret[Mapping[str, object]]
    expire_at: datetime | None = None


def read_credentials(text: str, expire_at: datetime | None) -> DeskCredentials:
    """Credentials from their JSON text; Unusable, without quoting any of it."""
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        values = None
    if not isinstance(values, dict):
        raise Unusable(
            "the desk's credentials are no JSON object.",
            'Write for example {"email": "...", "api_token": "..."}.',
        )
    return DeskCredentials(Secret(values), expire_at)


async def create_desk(
    console: Console, name: str, kind: DeskKind, settings: Mapping[str, object], credentials: DeskCredentials
) -> DeskRecord:
    """A desk that takes work at once; Unusable with every problem of its settings and credentials."""
    checked_name("desk's name", name, 100)
    problems = [
        *settings_problems(kind, settings),
        *credentials_problems(kind, credentials.values.reveal()),
    ]
    if problems:
        raise Unusable(f"desk {name!r} cannot be used as described:", "; ".join(problems))
    desk = DeskId(new_id())
    capabilities = capabilities_of(kind, settings).as_document()
    try:
        async with console.pool.acquire() as connection, connection.transaction():
            sealed = _sealed(console, credentials, credentials_context(desk, kind, settings))
            await insert_desk(connection, desk, name, kind.value, settings, capabilities, sealed)
            detail = {"name": name, "kind": kind.value, "sealing_key": sealed.key_id}
            await append_audit(connection, None, console.actor, "desk.create", desk, detail)
    except Taken as taken:
        raise Conflict(f"there is a desk {name!r} already.", "Choose another name.") from taken
    return await _found(console, name)


async def renew_desk(console: Console, name: str, credentials: DeskCredentials) -> DeskRecord:
    """New credentials for a desk; the writer takes them up by itself."""
    desk = await _found(console, name)
    problems = credentials_problems(DeskKind(desk.kind), credentials.values.reveal())
    if problems:
        raise Unusable("the new credentials cannot be used:", "; ".join(problems))
    async with console.pool.acquire() as connection, connection.transaction():
        context = credentials_context(desk.id, desk.kind, desk.settings)
        sealed = _sealed(console, credentials, context)
        await renew_credentials(connection, desk.id, sealed)
        detail = {"name": name, "sealing_key": sealed.key_id}
        await append_audit(connection, None, console.actor, "desk.renew", desk.id, detail)
    return await _found(console, name)


async def disable_desk(console: Console, name: str) -> DeskRecord:
    """Nothing is sent to it from the next call on; requests are taken and wait. Conflict if so already."""
    desk = await _found(console, name)
    async with console.pool.acquire() as connection, connection.transaction():
        if not await set_desk_state(connection, desk.id, DeskState.DISABLED):
            raise Conflict(f"desk {name!r} is out of service already.")
        await append_audit(connection, None, console.actor, "desk.disable", desk.id, {"name": name})
    return await _found(console, name)


async def enable_desk(console: Console, name: str) -> DeskRecord:
    """Back in service; all its customers catch up. May be repeated: the second time wakes who still waits."""
    desk = await _found(console, name)
    async with console.pool.acquire() as connection, connection.transaction():
        await set_desk_state(connection, desk.id, DeskState.ACTIVE)
        detail = {"name": name, "trace": console.trace}
        await append_audit(connection, None, console.actor, "desk.enable", desk.id, detail)
    # after that commit: what a claim puts to sleep from now on was put there for another reason
    for tenant in await list_tenants(console.pool):
        if tenant.desk == desk.id and tenant.state is TenantState.ACTIVE:
            async with console.entering(tenant.id) as entered:
                await wake_tenant(console, entered, tenant)
    return await _found(console, name)


async def list_desks(console: Console) -> list[DeskRecord]:
    """Every desk by name."""
    return await read_desks(console.pool)


async def _found(console: Console, name: str) -> DeskRecord:
    found = await find_desk(console.pool, name)
    if found is None:
        raise NotThere(f"there is no desk {name!r}.", "`vestibule desk list` shows all of them.")
    return found


def _sealed(console: Console, credentials: DeskCredentials, context: bytes) -> SealedCredentials:
    plain = orjson.dumps(dict(credentials.values.reveal()))
    box = seal(console.sealing_key, plain, context)
    return SealedCredentials(box.box, box.key_id, credentials.expire_at)
