"""How late the desk is, and whether anything is open: read past all tenants' walls, for judging only."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

POLL_SECONDS: Final = 0.5
READING_SECONDS: Final = 120
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
# Whose name or login changed: from the request to the desk's confirmation, of the very same trace. A change
# that a later one overtook has none, and one that changes nothing at the desk has none either.
MOVERS: Final = """
select n.slug, extract(epoch from min(d.at) - r.at)::float8 as seconds
  from chain.timeline r
  join console.tenant n on n.id = r.tenant_id
  join router.decision e on e.tenant_id = r.tenant_id and e.person_id = r.subject_id
  join chain.timeline d on d.tenant_id = r.tenant_id and d.subject_id = e.account_id and d.stage = 'done'
                       and d.code = 'applied' and substr(d.trace, 4, 32) = substr(r.trace, 4, 32)
 where r.stage = 'received' and r.code in ('replace', 'patch')
 group by n.slug, r.tenant_id, r.id, r.at
"""
# Who is in a group and whose access never changed: what was applied is his joining, and nothing else.
MEMBERS: Final = """
select n.slug, o.group_id::text as group_id, e.person_id::text as person_id,
       extract(epoch from m.applied_at)::float8 as applied
  from router.membership m
  join router.organization o on o.tenant_id = m.tenant_id and o.id = m.organization_id and o.source = 'group'
  join router.decision e on e.tenant_id = m.tenant_id and e.account_id = m.account_id
  join console.tenant n on n.id = m.tenant_id
 where m.wanted and m.applied and not exists (
    select from chain.timeline x where x.tenant_id = e.tenant_id and x.subject_id = e.person_id
       and x.code in ('deactivate', 'reactivate', 'delete', 'return'))
"""


@dataclass(frozen=True, slots=True)
class Joined:
    """A membership at the desk: when it was applied, in seconds of the epoch."""

    group: str
    person: str
    applied: float


@dataclass(frozen=True, slots=True)
class Lateness:
    """Seconds from accepted to applied of one tenant, sorted; `members` tell when each was applied."""

    joiners: Sequence[float] = ()
    leavers: Sequence[float] = ()
    movers: Sequence[float] = ()
    members: Sequence[Joined] = ()

    def group_joins(self, taken: Mapping[tuple[str, str], float]) -> list[float]:
        """Seconds from when each join of a group was taken, in seconds of the epoch, to the desk."""
        found = [
            one.applied - taken[one.group, one.person]
            for one in self.members
            if (one.group, one.person) in taken
        ]
        return sorted(max(0.0, seconds) for seconds in found)  # below 0: there before the answer was heard


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
    """Of every tenant that had somebody join, leave or move."""
    joiners, leavers = await _by_tenant(admin, JOINERS), await _by_tenant(admin, LEAVERS)
    movers = await _by_tenant(admin, MOVERS)
    members: dict[str, list[Joined]] = defaultdict(list)
    for row in await admin.fetch(MEMBERS, timeout=READING_SECONDS):
        members[row["slug"]].append(Joined(row["group_id"], row["person_id"], row["applied"]))
    return {
        slug: Lateness(
            joiners.get(slug, ()), leavers.get(slug, ()), movers.get(slug, ()), members.get(slug, ())
        )
        for slug in joiners.keys() | leavers.keys() | movers.keys() | members.keys()
    }


async def read_organizations(admin: asyncpg.Pool) -> dict[str, dict[str, int]]:
    """Each tenant's organizations at the desk: the group's id, or `home`, and the desk's number."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in await admin.fetch(ORGANIZATIONS):
        found[row["slug"]][row["source"]] = int(row["id"])
    return dict(found)


async def _by_tenant(admin: asyncpg.Pool, query: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for row in await admin.fetch(query, timeout=READING_SECONDS):
        found[row["slug"]].append(row["seconds"])
    return {slug: sorted(values) for slug, values in found.items()}
