"""Tokens: shown once, two at most at a time, the old one for an overlap."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from vestibule.database.audits import append_audit
from vestibule.database.connections import lock_connection
from vestibule.database.pool import Connection
from vestibule.database.tenants import Tenant
from vestibule.database.tokens import TokenRecord, insert_token, limit_tokens, revoke_token
from vestibule.database.tokens import list_tokens as read_tokens
from vestibule.domain.identifiers import ConnectionId, TenantId
from vestibule.domain.tokens import RANDOM_BYTES, digest, hint, mint
from vestibule.settings.values import Secret
from vestibule_operator_console.console import Console
from vestibule_operator_console.problems import Conflict, NotThere, Unusable

ACTIVE_AT_MOST = 2
LONGEST_LIFE = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class ShownToken:
    """A token in the only moment in which anybody can see it."""

    text: Secret[str]
    hint: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Rotated:
    """The new token, and how many older ones go on working until when."""

    token: ShownToken
    older: int
    older_until: datetime


async def add_token(
    connection: Connection, tenant: TenantId, of: ConnectionId, life: timedelta | None
) -> ShownToken:
    """A fresh token of a connection; what is stored is its hash and its end."""
    if life is not None and not timedelta(minutes=1) <= life <= LONGEST_LIFE:
        raise Unusable("a token's life must be between a minute and ten years.")
    text = mint(secrets.token_bytes(RANDOM_BYTES))
    expires_at = None if life is None else datetime.now(UTC) + life
    await insert_token(connection, tenant, of, digest(text), hint(text), expires_at)
    return ShownToken(Secret(text), hint(text), expires_at)


async def rotate_token(
    console: Console, slug: str, name: str, overlap: timedelta, life: timedelta | None
) -> Rotated:
    """A second token; the one before works on for the overlap, so that nothing is refused meanwhile."""
    if not timedelta(0) <= overlap <= timedelta(days=90):
        raise Unusable("the overlap must be between 0 and 90 days.")
    tenant = await console.tenant(slug)
    async with console.entering(tenant.id) as connection:
        of = await _connection(connection, tenant, name)
        active = [token for token in await read_tokens(connection, tenant.id, of) if token.active]
        if len(active) >= ACTIVE_AT_MOST:
            known = " and ".join(f"...{token.hint}" for token in active)
            raise Conflict(
                f"connection {name!r} has two working tokens already ({known}).",
                f"End one first: `vestibule token revoke {slug} {name} {active[0].hint}`.",
            )
        until = datetime.now(UTC) + overlap
        older = await limit_tokens(connection, tenant.id, of, overlap)
        token = await add_token(connection, tenant.id, of, life)
        detail = {"token": token.hint, "overlap_seconds": int(overlap.total_seconds())}
        await append_audit(connection, tenant.id, console.actor, "token.rotate", of, detail)
    return Rotated(token, older, until)


async def revoke(console: Console, slug: str, name: str, ending: str) -> TokenRecord:
    """End a token at once; it is named by its last four characters, or by its id where two end alike."""
    tenant = await console.tenant(slug)
    async with console.entering(tenant.id) as connection:
        of = await _connection(connection, tenant, name)
        tokens = await read_tokens(connection, tenant.id, of)
        named = [token for token in tokens if ending in (token.hint, token.id)]
        working = [token for token in named if token.active]
        if not named:
            raise NotThere(
                f"connection {name!r} has no token that ends in {ending!r}.",
                f"`vestibule token list {slug} {name}` shows all of them.",
            )
        if not working:
            raise Conflict(f"the token that ends in {ending!r} does not work any more.")
        if len(working) > 1:
            ids = " or ".join(token.id for token in working)
            raise Conflict(f"two tokens end in {ending!r}.", f"Name one by its id: {ids}.")
        await revoke_token(connection, tenant.id, of, working[0].id)
        detail = {"token": working[0].hint}
        await append_audit(connection, tenant.id, console.actor, "token.revoke", of, detail)
    return working[0]


async def list_tokens(console: Console, slug: str, name: str) -> list[TokenRecord]:
    """All tokens that a connection ever had, oldest first."""
    tenant = await console.tenant(slug)
    async with console.entering(tenant.id) as connection:
        return await read_tokens(connection, tenant.id, await _connection(connection, tenant, name))


async def _connection(connection: Connection, tenant: Tenant, name: str) -> ConnectionId:
    found = await lock_connection(connection, tenant.id, name)
    if found is None:
        raise NotThere(
            f"tenant {tenant.slug!r} has no connection {name!r}.",
            f"`vestibule connection list {tenant.slug}` shows all of them.",
        )
    return found.id
