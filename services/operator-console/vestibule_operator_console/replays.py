"""Replaying: parked work goes again from its first attempt."""

from dataclasses import dataclass
from uuid import UUID

from vestibule.database.audits import append_audit
from vestibule.database.parked import Parked, list_parked, replay_parked
from vestibule.database.tenants import Tenant, list_tenants
from vestibule.database.timelines import append_operator_events
from vestibule.domain.identifiers import Kind
from vestibule_operator_console.console import Console
from vestibule_operator_console.problems import NotThere, Unusable


@dataclass(frozen=True, slots=True)
class Replayed:
    """What went again for one customer."""

    tenant: Tenant
    rows: tuple[Parked, ...]


async def replay(console: Console, slug: str | None, kind: Kind | None, only: UUID | None) -> list[Replayed]:
    """Parked rows of one customer or of all, of one kind or one key; NotThere when that key is not parked."""
    if only is not None and (kind is None or slug is None):
        raise Unusable("one key is named by its tenant, --kind and --id together.")
    tenants = await list_tenants(console.pool) if slug is None else [await console.tenant(slug)]
    replayed = []
    for tenant in tenants:
        rows = await _replay(console, tenant, kind, only)
        if rows:
            replayed.append(Replayed(tenant, rows))
    if only is not None and not replayed:
        raise NotThere("no parked row has this kind and id.", "`vestibule doctor` lists what is parked.")
    return replayed


async def _replay(
    console: Console, tenant: Tenant, kind: Kind | None, only: UUID | None
) -> tuple[Parked, ...]:
    async with console.entering(tenant.id) as connection:
        rows = await list_parked(connection, tenant.id, kind, only)
        if not rows:
            return ()
        await replay_parked(connection, tenant.id, kind, only)
        await append_operator_events(connection, tenant.id, [row.id for row in rows], "replay", console.trace)
        detail = {"kind": kind, "id": None if only is None else str(only), "rows": len(rows)}
        await append_audit(connection, tenant.id, console.actor, "work.replay", only or tenant.id, detail)
    return tuple(rows)
