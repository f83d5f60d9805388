"""How late the desk is, and whether anything is open: read past all tenants' walls, for judging only."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

POLL_SECONDS: Final = 0.5
# Asleep until woken (a pause) and parked is settled: nobody works on it.
OPEN: Final = """
select (select count(*) from chain.sync
         where done_version < version and parked_at is null and not_before is distinct from 'infinity')
     + (select count(*) from chain.fanout where finished_at is null)
"""
ORGANIZATIONS: Final = """
select n.slug, coalesce(o.group_id::text, 'home') as source, o.desk_organization_id as id
  from router.organization o join console.tenant n on n.id = o.tenant_id
 where o.desk_organization_id is not null
"""
# Who joined and whose access never changed again: from the request's commit to account and home organization.
JOINERS: Final = """
select n.slug, extract(epoch from greatest(d.at, m.applied_at) - r.at)::float8 as seconds
  from chain.timeline r
  join console.tenant n on n.id = r.tenant_id
  join router.decision e on e.tenant_id = r.tenant_id and e.person_id = r.subject_id
  join lateral (select min(t.at) as at from chain.timeline t where t.tenant_id = r.tenant_id
                   and t.subject_id = e.account_id and t.stage = 'done') d on true
  join router.organization o on o.tenant_id = r.tenant_id and o.source = 'home'
  join router.membership m on m.tenant_id = r.tenant_id and m.account_id = e.account_id
                          and m.organization_id = o.id and m.wanted and m.applied
 where r.stage = 'received' and r.code = 'create' and d.at is not null and not exists (
    select from chain.timeline x where x.tenant_id = r.tenant_id and x.subject_id = r.subject_id
       and x.code in ('deactivate', 'reactivate', 'delete', 'return'))
"""
# Who left and is still out: to the last membership that the desk confirmed to be gone.
LEAVERS: Final = """
select n.slug, extract(epoch from m.at - r.at)::float8 as seconds
  from (select distinct on (tenant_id, subject_id) tenant_id, subject_id, at, code from chain.timeline
         where stage = 'received' and code in ('create', 'deactivate', 'reactivate', 'delete', 'return')
         order by tenant_id, subject_id, id desc) r
  join console.tenant n on n.id = r.tenant_id
  join router.decision e on e.tenant_id = r.tenant_id and e.person_id = r.subject_id
  join lateral (select max(m.applied_at) as at from router.membership m
                 where m.tenant_id = r.tenant_id and m.account_id = e.account_id
                   and m.applied is false) m on m.at >= r.at
 where r.code in ('deactivate', 'delete')
"""


@dataclass(frozen=True, slots=True)
class Lateness:
    """Seconds from accepted to applied of one tenant, sorted."""

    joiners: Sequence[float] = ()
    leavers: Sequence[float] = ()


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The value within which this share lies; None of nothing."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


async def settle(admin: asyncpg.Pool, seconds: float, tell: Callable[[int], None]) -> int:
    """Wait until nothing is open, at most so long; returns what still is."""
    ends = time.monotonic() + seconds
    while True:
        remaining = int(await admin.fetchval(OPEN))
        tell(remaining)
        if not remaining or time.monotonic() > ends:
            return remaining
        await asyncio.sleep(POLL_SECONDS)


async def read_lateness(admin: asyncpg.Pool) -> dict[str, Lateness]:
    """Of every tenant that had somebody join or leave."""
    joiners, leavers = await _by_tenant(admin, JOINERS), await _by_tenant(admin, LEAVERS)
    slugs = joiners.keys() | leavers.keys()
    return {slug: Lateness(joiners.get(slug, ()), leavers.get(slug, ())) for slug in slugs}


async def read_organizations(admin: asyncpg.Pool) -> dict[str, dict[str, int]]:
    """Each tenant's organizations at the desk: the group's id, or `home`, and the desk's number."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in await admin.fetch(ORGANIZATIONS):
        found[row["slug"]][row["source"]] = int(row["id"])
    return dict(found)


async def _by_tenant(admin: asyncpg.Pool, query: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for row in await admin.fetch(query, timeout=120):
        found[row["slug"]].append(row["seconds"])
    return {slug: sorted(values) for slug, values in found.items()}
