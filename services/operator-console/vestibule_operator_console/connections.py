"""Connections: made, paused, resumed."""

import secrets
import string
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from vestibule.database.audits import append_audit
from vestibule.database.conflicts import Taken
from vestibule.database.connections import (
    IdpConnection,
    NewConnection,
    Onboarded,
    find_connection,
    insert_connection,
    lock_connection,
    mark_connection,
    pause_connection,
    resume_connection,
)
from vestibule.database.connections import list_connections as read_connections
from vestibule.database.pool import Connection
from vestibule.database.tenants import Tenant
from vestibule.domain.identifiers import ConnectionId
from vestibule.domain.tenants import Mode
from vestibule.mapping.rules import default_mapping
from vestibule_operator_console.console import Console, new_id
from vestibule_operator_console.names import checked_name
from vestibule_operator_console.problems import Conflict, NotThere, Unusable
from vestibule_operator_console.tokens import ShownToken, add_token

PATH_LENGTH = 26  # of 36 characters: 134 bits, so that nobody finds a connection by trying
_PATH_CHARACTERS = string.ascii_lowercase + string.digits


class Idp(StrEnum):
    """Who speaks to the connection; decides no rule, helps people who look at it."""

    OKTA = "okta"
    ENTRA = "entra"
    ONELOGIN = "onelogin"
    JUMPCLOUD = "jumpcloud"
    PING = "ping"
    GOOGLE = "google"
    CYBERARK = "cyberark"
    RIPPLING = "rippling"
    AUTHENTIK = "authentik"
    KEYCLOAK = "keycloak"
    OTHER = "other"


class KeyTrust(StrEnum):
    """Whether a known externalId alone proves who somebody is."""

    MUTABLE = "mutable"
    IMMUTABLE = "immutable"


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator says about a new connection."""

    name: str
    idp: Idp
    mode: Mode = Mode.LIVE
    precedence: int = 100
    key_trust: KeyTrust = KeyTrust.MUTABLE
    token_life: timedelta | None = None


@dataclass(frozen=True, slots=True)
class NewlyMade:
    """What the identity provider's admin needs; the token is never to be seen again."""

    connection: IdpConnection
    base_url: str
    token: ShownToken


@dataclass(frozen=True, slots=True)
class Resumed:
    """A connection, in its mode again, and the fan-out that catches up."""

    connection: IdpConnection
    fanout: int


async def create_connection(console: Console, slug: str, wish: Wish) -> NewlyMade:
    """A connection with the default mapping and its first token."""
    checked_name("connection's name", wish.name, 100)
    if wish.mode is Mode.PAUSED:
        raise Unusable("a connection cannot begin paused.", "Make it live or shadow, then pause it.")
    if not 0 <= wish.precedence <= 10_000:
        raise Unusable("the precedence must be a whole number from 0 to 10000.")
    tenant = await console.tenant(slug)
    new = NewConnection(
        ConnectionId(new_id()),
        new_path(),
        wish.name,
        wish.idp.value,
        wish.mode,
        wish.precedence,
        wish.key_trust.value,
    )
    try:
        async with console.entering(tenant.id) as connection:
            await insert_connection(connection, tenant.id, new, default_mapping().as_document())
            token = await add_token(connection, tenant.id, new.id, wish.token_life)
            detail = {"name": new.name, "idp": new.idp, "mode": new.mode.value, "token": token.hint}
            await append_audit(connection, tenant.id, console.actor, "connection.create", new.id, detail)
            made = await locked(connection, tenant, wish.name)
    except Taken as taken:
        raise Conflict(
            f"tenant {slug!r} has a connection {wish.name!r} already.", "Choose another name."
        ) from taken
    return NewlyMade(made, base_url(console, made), token)


async def list_connections(console: Console, slug: str) -> list[Onboarded]:
    """A customer's connections, the deciding one first."""
    tenant = await console.tenant(slug)
    async with console.entering(tenant.id) as connection:
        return await read_connections(connection, tenant.id)


async def pause(console: Console, slug: str, name: str) -> IdpConnection:
    """From now on what the IdP sends is stored and answered 2xx, and held; Conflict if so already."""
    tenant = await console.tenant(slug)
    async with console.entering(tenant.id) as connection:
        found = await locked(connection, tenant, name)
        if not await pause_connection(connection, tenant.id, found.id):
            raise Conflict(f"connection {name!r} is paused already.")
        detail = {"name": name, "mode": found.mode.value}
        await append_audit(connection, tenant.id, console.actor, "connection.pause", found.id, detail)
        return await locked(connection, tenant, name)


async def resume(console: Console, slug: str, name: str) -> Resumed:
    """Back to the mode from before the pause; everything stored meanwhile is judged and applied."""
    tenant = await console.tenant(slug)
    async with console.entering(tenant.id) as connection:
        found = await locked(connection, tenant, name)
        mode = await resume_connection(connection, tenant.id, found.id)
        if mode is None:
            raise Conflict(f"connection {name!r} is not paused.")
        fanout = await mark_connection(connection, tenant.id, tenant.desk, found.id, console.trace)
        detail = {"name": name, "mode": mode.value, "trace": console.trace}
        await append_audit(connection, tenant.id, console.actor, "connection.resume", found.id, detail)
        return Resumed(await locked(connection, tenant, name), fanout)


async def found(connection: Connection, tenant: Tenant, name: str) -> IdpConnection:
    """The connection of this name; NotThere."""
    return _there(await find_connection(connection, tenant.id, name), tenant, name)


async def locked(connection: Connection, tenant: Tenant, name: str) -> IdpConnection:
    """The connection of this name, held against other operators; NotThere."""
    return _there(await lock_connection(connection, tenant.id, name), tenant, name)


def _there(one: IdpConnection | None, tenant: Tenant, name: str) -> IdpConnection:
    if one is None:
        raise NotThere(
            f"tenant {tenant.slug!r} has no connection {name!r}.",
            f"`vestibule connection list {tenant.slug}` shows all of them.",
        )
    return one


def base_url(console: Console, connection: IdpConnection) -> str:
    """What the identity provider is given."""
    return f"{console.public_url}/scim/v2/{connection.path}"


def new_path() -> str:
    """The part of a base URL that names a connection and cannot be guessed."""
    return "".join(secrets.choice(_PATH_CHARACTERS) for _ in range(PATH_LENGTH))
