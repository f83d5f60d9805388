-- The backlog of the whole product: one row per key and kind, level-triggered (design: Flow).
-- No table here holds tenant content: ids, hashes, numbers and codes only.
set local role vestibule_owner;

create table chain.sync (
    kind text not null check (kind in ('person', 'group', 'account', 'organization')),
    id uuid not null,
    stage text not null generated always as
        (case when kind in ('person', 'group') then 'router' else 'writer' end) stored,
    tenant_id uuid not null,
    desk_id uuid not null,
    version bigint not null default 1,
    done_version bigint not null default 0,
    prio smallint not null check (prio between 0 and 2),          -- 0 leaver, 1 change, 2 wide change
    urgent_version bigint not null default 0,                     -- of the newest mark with prio 0: done, the lane is left
    marked_at timestamptz not null default clock_timestamp(),     -- dirty since
    done_at timestamptz,
    inflight_version bigint,
    inflight_at timestamptz,
    inflight_urgent boolean not null default false,
    claim_worker text,
    claim_until timestamptz,
    not_before timestamptz,                                       -- set: nobody may pick it; 'infinity': until woken
    parked_at timestamptz,                                        -- set: waits for a new version or for `replay`
    attempts smallint not null default 0,
    code text check (code ~ '^[a-z][a-z0-9_.:-]{0,79}$'),
    trace text check (length(trace) <= 64),                       -- W3C traceparent of the newest mark
    primary key (kind, id),
    check (done_version <= version)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);

create index sync_pickable on chain.sync (stage, desk_id, tenant_id, prio, marked_at)
    where inflight_version is null and done_version < version and not_before is null and parked_at is null;
create index sync_inflight on chain.sync (stage, inflight_at)
    where inflight_version is not null;
create index sync_deferred on chain.sync (not_before)
    where not_before is not null and done_version < version and parked_at is null;
create index sync_parked on chain.sync (tenant_id, kind, id)
    where parked_at is not null;
create index sync_dirty on chain.sync (stage, tenant_id, marked_at)
    where done_version < version;

-- One row per desk: how much writer work may be in flight there, and whether it answers.
create table chain.desk_flow (
    desk_id uuid primary key references console.desk,
    admitted smallint not null default 128 check (admitted > 0),
    faults smallint not null default 0,
    probing boolean not null default false,                       -- true: one piece of work at a time finds out
    blocked_until timestamptz,
    code text check (code ~ '^[a-z][a-z0-9_.:-]{0,79}$'),
    since timestamptz not null default now()
);

-- A change too wide for one request (design: at most 1,000 keys), expanded in chunks, tenants in turn.
create table chain.fanout (
    id bigint generated always as identity primary key,
    tenant_id uuid not null,
    desk_id uuid not null,
    connection_id uuid not null,
    scope text not null check (scope in ('connection', 'group_members')),
    target_id uuid not null,
    further uuid[] not null default '{}',                         -- groups whose members come after those of the target
    prio smallint not null check (prio between 0 and 2),
    phase text not null default 'persons' check (phase in ('persons', 'groups', 'held', 'organizations', 'purge')),
    cursor uuid not null default '00000000-0000-0000-0000-000000000000',
    marked bigint not null default 0,
    trace text check (length(trace) <= 64),
    created_at timestamptz not null default clock_timestamp(),     -- what was removed by then is told by its first phase
    advanced_at timestamptz not null default clock_timestamp(),
    turn_at timestamptz,                                          -- when a chunk of it was last its tenant's turn
    not_before timestamptz,                                       -- a chunk failed
    attempts smallint not null default 0,
    code text check (code ~ '^[a-z][a-z0-9_.:-]{0,79}$'),
    finished_at timestamptz
);
create index fanout_open on chain.fanout (tenant_id, connection_id) where finished_at is null;
create index fanout_turn on chain.fanout (tenant_id, turn_at) where turn_at is not null;

-- What happened to a person, an account or an organization, in order. Codes and ids, never content.
create table chain.timeline (
    tenant_id uuid not null,
    id bigint generated always as identity,
    at timestamptz not null default clock_timestamp(),
    subject_id uuid not null,
    stage text not null check (stage in ('received', 'decided', 'done', 'operator')),
    code text not null check (code ~ '^[a-z][a-z0-9_.:-]{0,79}$'),
    reason text check (reason ~ '^[a-z][a-z0-9_.:-]{0,79}$'),
    trace text check (length(trace) <= 64),
    primary key (tenant_id, id)
);
create index timeline_subject on chain.timeline (tenant_id, subject_id, id);
alter table chain.timeline enable row level security, force row level security;
create policy one_tenant on chain.timeline using (tenant_id = chain.current_tenant());
grant insert (tenant_id, subject_id, stage, code, reason, trace) on chain.timeline
    to vestibule_ingest, vestibule_router, vestibule_writer, vestibule_console;
grant select on chain.timeline to vestibule_console;

-- Promise: each key is dirty afterwards with a version it never had; locked in key order, so two marks cannot
-- deadlock. A new version forgets retries, deferral and parking. At most 1,000 keys a call. Each service marks the kinds that
-- are its to change, and only at the desk of the tenant.
create function chain.mark(
    kind text, tenant uuid, desk uuid, ids uuid[], prio smallint, trace text
) returns void
    language plpgsql volatile security definer
    set plan_cache_mode = force_generic_plan set search_path = pg_catalog, pg_temp
as $$
begin
    if tenant is distinct from chain.current_tenant() then
        raise exception 'mark: the tenant was not entered' using errcode = 'insufficient_privilege';
    end if;
    if not (case session_user when 'vestibule_ingest' then kind in ('person', 'group')
                             when 'vestibule_router' then kind in ('account', 'organization')
                             when 'vestibule_writer' then kind = 'organization'
                             when 'vestibule_console' then kind = 'organization' else true end) then
        raise exception 'mark: % is not for %', kind, session_user using errcode = 'insufficient_privilege';
    end if;
    if cardinality(ids) > 1000 then
        raise exception 'mark takes at most 1000 keys: write a fanout row' using errcode = 'program_limit_exceeded';
    end if;
    insert into chain.sync as s (kind, id, tenant_id, desk_id, prio, urgent_version, trace)
    select mark.kind, key.id, mark.tenant, mark.desk, mark.prio, case when mark.prio = 0 then 1 else 0 end, mark.trace
      from (select distinct k.id from unnest(mark.ids) as k (id) order by k.id) key
     where exists (select from console.tenant n where n.id = mark.tenant and n.desk_id = mark.desk)
    on conflict on constraint sync_pkey do update set
        version = s.version + 1,
        prio = case when s.done_version < s.version then least(s.prio, excluded.prio) else excluded.prio end,
        urgent_version = case when excluded.prio = 0 then s.version + 1 else s.urgent_version end,
        marked_at = case when s.done_version < s.version then s.marked_at else clock_timestamp() end,
        not_before = null, parked_at = null, attempts = 0, code = null,
        trace = excluded.trace
     where s.tenant_id = excluded.tenant_id;  -- an id of another tenant is never touched
    if not found and not exists (select from console.tenant n where n.id = mark.tenant and n.desk_id = mark.desk) then
        raise exception 'mark: not the desk of this tenant' using errcode = 'insufficient_privilege';
    end if;
end
$$;

create function chain.mark_wide(
    tenant uuid, desk uuid, connection uuid, scope text, target uuid, prio smallint, trace text,
    further uuid[] default '{}'
) returns bigint
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    made bigint;
begin
    if tenant is distinct from chain.current_tenant() then
        raise exception 'mark_wide: the tenant was not entered' using errcode = 'insufficient_privilege';
    end if;
    if not exists (select from console.tenant n where n.id = tenant and n.desk_id = desk) then
        raise exception 'mark_wide: not at this desk' using errcode = 'insufficient_privilege';
    end if;
    insert into chain.fanout (tenant_id, desk_id, connection_id, scope, target_id, further, prio, trace)
    values (tenant, desk, connection, mark_wide.scope, target, mark_wide.further, mark_wide.prio, mark_wide.trace)
    returning id into made;
    return made;
end
$$;

-- The relay's pick. One session picks at a time (advisory lock); an empty answer means nothing to do or not my turn.
-- Fair: leavers first, then tenants in turn by what they have in flight, ties at random (by id they starve).
-- An organization rests for up to a second after each reconcile while accounts of its tenant are on their way: their joins
-- go together. One by one they cost more than the accounts. A leaver's never rests.
create function chain.pick(
    wanted_stage text, total_window integer, tenant_window integer, urgent_reserve integer
) returns table (kind text, id uuid, tenant_id uuid, version bigint, urgent boolean, trace text)
    language plpgsql volatile security definer
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
    set enable_bitmapscan = off  -- with it all that a tenant has waiting is read and sorted to take the first few
    set jit = off  -- whoever calls: what is switched off above looks dear enough to be compiled, for a second each time
    set search_path = pg_catalog, pg_temp
as $$
declare
    underway integer;
begin
    if not pg_try_advisory_xact_lock(hashtext('vestibule.pick.' || wanted_stage)) then
        return;
    end if;
    select count(*) into underway from chain.sync s where s.stage = wanted_stage and s.inflight_version is not null;
    if underway >= total_window + urgent_reserve then
        return;
    end if;
    return query
    with recursive
    lanes as (
        (select s.desk_id, s.tenant_id, s.prio from chain.sync s
          where s.stage = wanted_stage and s.inflight_version is null and s.done_version < s.version
            and s.not_before is null and s.parked_at is null
          order by s.desk_id, s.tenant_id, s.prio limit 1)
        union all
        select n.desk_id, n.tenant_id, n.prio from lanes l cross join lateral (
            select s.desk_id, s.tenant_id, s.prio from chain.sync s
             where s.stage = wanted_stage and s.inflight_version is null and s.done_version < s.version
               and s.not_before is null and s.parked_at is null
               and (s.desk_id, s.tenant_id) > (l.desk_id, l.tenant_id)
             order by s.desk_id, s.tenant_id, s.prio limit 1) n
    ),
    inflight as materialized (
        select s.desk_id, s.tenant_id, count(*)::integer as flying, count(*) filter (where s.kind = 'account') as accounts
          from chain.sync s where s.stage = wanted_stage and s.inflight_version is not null
         group by s.desk_id, s.tenant_id
    ),
    desks as materialized (
        select f.desk_id,
               case when wanted_stage = 'router' then total_window
                    when f.blocked_until > clock_timestamp() then 0
                    when f.probing then 1
                    else f.admitted end
               - coalesce((select sum(i.flying) from inflight i where i.desk_id = f.desk_id), 0)::integer as room,
               case when wanted_stage = 'writer' and (f.probing or f.blocked_until > clock_timestamp()) then 0
                    else urgent_reserve end as reserve
          from chain.desk_flow f
    ),
    turns as materialized (  -- `share`: twice what falls to a tenant; reading more of each was half of the work
        select l.desk_id, l.tenant_id, coalesce(i.flying, 0) as flying, d.room, d.reserve, coalesce(i.accounts, 0) > 0 as joining,
               least(64, greatest(4, 2 * (total_window + urgent_reserve - underway) / count(*) over ())) as share
          from lanes l
          join desks d on d.desk_id = l.desk_id
          left join inflight i on i.desk_id = l.desk_id and i.tenant_id = l.tenant_id
         where d.room > 0 or (l.prio = 0 and d.room + d.reserve > 0)
         order by l.prio > 0, coalesce(i.flying, 0), random() limit 64
    ),
    candidates as (
        select c.kind, c.id, c.prio, t.desk_id, t.room, t.reserve,
               t.flying + row_number() over (partition by t.desk_id, t.tenant_id order by c.prio, c.marked_at)
                   as turn
          from turns t cross join lateral (
            select s.kind, s.id, s.prio, s.marked_at from chain.sync s
             where s.stage = wanted_stage and s.desk_id = t.desk_id and s.tenant_id = t.tenant_id
               and s.inflight_version is null and s.done_version < s.version
               and s.not_before is null and s.parked_at is null
               and (s.kind <> 'organization' or s.prio = 0 or not t.joining or s.done_at is null
                    or s.done_at < clock_timestamp() - interval '1 second')
             order by s.prio, s.marked_at limit t.share) c
        union all
        -- a leaver may be published over a queued older version of itself
        select s.kind, s.id, s.prio, s.desk_id, d.room, d.reserve, 1
          from chain.sync s join desks d on d.desk_id = s.desk_id
         where s.stage = wanted_stage and s.inflight_version is not null and s.prio = 0
           and not s.inflight_urgent and s.inflight_version < s.version
           and s.not_before is null and s.parked_at is null
    ),
    at_desks as (
        select c.*, row_number() over (partition by c.desk_id order by c.prio, c.turn, random()) as at_desk
          from candidates c
         where c.prio = 0 or c.turn <= tenant_window
    ),
    ranked as (  -- only what its desk has room for may take a place in the whole
        select a.kind, a.id, a.prio, row_number() over (order by a.prio, a.turn, random()) as overall
          from at_desks a
         where a.at_desk <= a.room + case when a.prio = 0 then a.reserve else 0 end
    ),
    admitted as (
        select r.kind, r.id from ranked r
         where r.overall <= total_window - underway + case when r.prio = 0 then urgent_reserve else 0 end
    ),
    locked as (
        select s.kind, s.id from chain.sync s join admitted a on a.kind = s.kind and a.id = s.id
         where s.done_version < s.version and s.not_before is null and s.parked_at is null
         order by s.kind, s.id for update of s skip locked
    )
    update chain.sync s
       set inflight_version = s.version, inflight_at = clock_timestamp(), inflight_urgent = s.prio = 0
      from locked l where s.kind = l.kind and s.id = l.id
    returning s.kind, s.id, s.tenant_id, s.version, s.prio = 0, s.trace;
end
$$;

-- Promise: what could not be published is pickable again at once; a newer pick is left alone.
create function chain.unpick(kinds text[], ids uuid[], versions bigint[]) returns integer
    language sql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
    with back as (
        update chain.sync s set inflight_version = null, inflight_at = null, inflight_urgent = false
          from unnest(kinds, ids, versions) as k (kind, id, version)
         where s.kind = k.kind and s.id = k.id and s.inflight_version = k.version
        returning 1)
    select count(*)::integer from back
$$;

-- The sweeper: messages whose lease is over may have been lost; deferred rows whose time has come may go.
-- It looks at rows in flight only, never at 'dirty since', which would publish a backlog without end.
create function chain.sweep(lease interval, urgent_lease interval, out expired integer, out woken integer)
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    with back as (
        update chain.sync s set inflight_version = null, inflight_at = null, inflight_urgent = false
         where (s.kind, s.id) in (
            select i.kind, i.id from chain.sync i
             where i.stage in ('router', 'writer') and i.inflight_version is not null
               and i.inflight_at < clock_timestamp() - case when i.inflight_urgent then urgent_lease else lease end
             order by i.kind, i.id limit 1000 for update skip locked)
        returning 1)
    select count(*) into expired from back;
    with back as (
        update chain.sync s set not_before = null
         where (s.kind, s.id) in (
            select d.kind, d.id from chain.sync d
             where d.not_before <= clock_timestamp() and d.done_version < d.version and d.parked_at is null
             order by d.not_before limit 1000 for update skip locked)
        returning 1)
    select count(*) into woken from back;
end
$$;

-- What the relay's metrics show, per stage. A row that climbs the retry ladder is as old as any other; one that sleeps until
-- it is woken ('infinity': a paused connection, say) is in no hurry, and a parked one is told in other ways.
create function chain.backlog()
    returns table (stage text, dirty bigint, in_flight bigint, deferred bigint, parked bigint, oldest_seconds double precision)
    language sql stable security definer
    set search_path = pg_catalog, pg_temp
as $$
    select g.stage, count(s.id), count(s.id) filter (where s.inflight_version is not null),
           count(s.id) filter (where s.not_before is not null), count(s.id) filter (where s.parked_at is not null),
           coalesce(extract(epoch from clock_timestamp() - min(s.marked_at)
               filter (where s.not_before is distinct from 'infinity' and s.parked_at is null)), 0)
      from (values ('router'), ('writer')) as g (stage)
      left join chain.sync s on s.stage = g.stage and s.done_version < s.version
     group by g.stage
$$;

-- How much of its window each desk uses, and how large that is now: 1 while it is probed, 0 while it asked for a pause.
create function chain.desk_windows() returns table (desk_id uuid, in_flight bigint, admitted integer)
    language sql stable security definer
    set search_path = pg_catalog, pg_temp
as $$
    select f.desk_id, count(s.id),
           case when f.blocked_until > clock_timestamp() then 0 when f.probing then 1 else f.admitted end
      from chain.desk_flow f
      left join chain.sync s on s.stage = 'writer' and s.desk_id = f.desk_id and s.inflight_version is not null
     group by f.desk_id
$$;

-- The desk's answers move its window: three faults in a row leave one probe at a time with growing pauses;
-- one good answer opens it again. A pause that the desk asked for lasts, whatever else is answered meanwhile: another
-- process may not know of it yet. Returns whether this call changed it.
create function chain.report_desk(desk uuid, answered boolean, pause interval, code text) returns boolean
    language plpgsql volatile security definer
    set plan_cache_mode = force_generic_plan set search_path = pg_catalog, pg_temp
as $$
declare
    now_faults smallint;
begin
    if answered then
        update chain.desk_flow f set faults = 0, probing = false, blocked_until = null, code = null, since = now()
         where f.desk_id = desk and (f.faults > 0 or f.probing or f.blocked_until is not null)
           and (f.code = 'throttled' and f.blocked_until > clock_timestamp()) is not true;
        return found;
    end if;
    update chain.desk_flow f
       set faults = least(f.faults + 1, 1000),
           code = case when pause is null and f.code = 'throttled' and f.blocked_until > clock_timestamp()
                       then f.code else report_desk.code end,
           probing = f.faults + 1 >= 3,
           since = case when f.probing then f.since else now() end,
           blocked_until = greatest(f.blocked_until, clock_timestamp() + case
               when pause is not null then pause
               when f.faults + 1 >= 3 then least(interval '60 seconds', interval '1 second' * power(2, least(f.faults - 2, 6)))
               end)
     where f.desk_id = desk
    returning f.faults into now_faults;
    return now_faults in (1, 3);
end
$$;

-- Promise: `done` is never lowered; what changed meanwhile stays dirty and is picked again at once, on the leavers' lane only
-- if a leaver was marked meanwhile: an organization that never comes to rest would else stay on it.
create function chain.finish(kinds text[], tenants uuid[], ids uuid[], versions bigint[]) returns void
    language plpgsql volatile security definer
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
    set search_path = pg_catalog, pg_temp
as $$
begin
    with keys as (
        select k.kind, k.tenant, k.id, max(k.version) as version
          from unnest(kinds, tenants, ids, versions) as k (kind, tenant, id, version) group by k.kind, k.tenant, k.id),
    locked as (
        select s.kind, s.id, k.version from chain.sync s join keys k on k.kind = s.kind and k.id = s.id and k.tenant = s.tenant_id
         where case session_user when 'vestibule_router' then s.stage = 'router'
                                 when 'vestibule_writer' then s.stage = 'writer' else true end
         order by s.kind, s.id for update of s)
    update chain.sync s
       set done_version = greatest(s.done_version, least(l.version, s.version)),
           done_at = clock_timestamp(),
           inflight_version = case when s.inflight_version > l.version then s.inflight_version end,
           inflight_at = case when s.inflight_version > l.version then s.inflight_at end,
           inflight_urgent = s.inflight_urgent and s.inflight_version > l.version,
           prio = case when s.urgent_version <= l.version then greatest(s.prio, 1) else s.prio end,
           claim_worker = null, claim_until = null,
           attempts = 0, parked_at = null,
           not_before = case when s.version <= l.version or s.code = 'busy' then null else s.not_before end,
           code = null
      from locked l where s.kind = l.kind and s.id = l.id;
end
$$;

-- Promise: the key waits `seconds` (null: until woken), or is parked. A version newer than the one tried keeps what it has,
-- only that it waits no more for the claim of this one; what is parked stays parked; a claim is its owner's to end.
create function chain.postpone(
    kinds text[], tenants uuid[], ids uuid[], versions bigint[], seconds double precision[], codes text[], counted boolean[],
    parked boolean[]
) returns void
    language plpgsql volatile security definer
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
    set search_path = pg_catalog, pg_temp
as $$
begin
    update chain.sync s
       set inflight_version = case when s.inflight_version > k.version then s.inflight_version end,
           inflight_at = case when s.inflight_version > k.version then s.inflight_at end,
           inflight_urgent = s.inflight_urgent and s.inflight_version > k.version,
           not_before = case when s.version > k.version then case when s.code = 'busy' then null else s.not_before end
                             when k.seconds is null then 'infinity'
                             else clock_timestamp() + k.seconds * interval '1 second' end,
           attempts = case when s.version <= k.version and k.counted then s.attempts + 1 else s.attempts end,
           code = case when s.version <= k.version then k.code when s.code = 'busy' then null else s.code end,
           parked_at = case when s.version <= k.version and k.parked then clock_timestamp() end
      from (select * from unnest(kinds, tenants, ids, versions, seconds, codes, counted, parked)
                as p (kind, tenant, id, version, seconds, code, counted, parked) order by p.kind, p.id) k
     where s.kind = k.kind and s.id = k.id and s.tenant_id = k.tenant and s.done_version < s.version and s.parked_at is null
       and case session_user when 'vestibule_router' then s.stage = 'router'
                             when 'vestibule_writer' then s.stage = 'writer' else true end;
end
$$;

-- A key that another worker holds waits for that claim; finish() lets it go earlier. Where that worker ended in this very
-- moment the key may be picked at once: its message is spent, and nobody else would tell the relay.
create function chain.wait_for_claim(kinds text[], tenants uuid[], ids uuid[]) returns void
    language sql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
    update chain.sync s
       set inflight_version = null, inflight_at = null, inflight_urgent = false,
           not_before = case when s.claim_until > clock_timestamp() and s.done_version < s.version then s.claim_until end,
           code = case when s.claim_until > clock_timestamp() and s.done_version < s.version then 'busy' else s.code end
      from (select * from unnest(kinds, tenants, ids) as b (kind, tenant, id) order by b.kind, b.id) k
     where s.kind = k.kind and s.id = k.id and s.tenant_id = k.tenant and s.not_before is null and s.parked_at is null
       and (s.done_version < s.version or s.inflight_version is not null)
       and case session_user when 'vestibule_writer' then s.stage = 'writer' else true end
$$;

-- The operator's replay: parked rows of a tenant (or one key) may go again. Returns how many.
create function chain.replay(tenant uuid, only_kind text, only_id uuid) returns integer
    language sql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
    with back as (
        update chain.sync s set parked_at = null, not_before = null, attempts = 0
         where s.parked_at is not null and s.tenant_id = tenant
           and (only_kind is null or s.kind = only_kind) and (only_id is null or s.id = only_id)
        returning 1)
    select count(*)::integer from back
$$;

grant select on chain.sync, chain.fanout, chain.desk_flow to vestibule_router, vestibule_writer, vestibule_console;
grant insert on chain.desk_flow to vestibule_console;
grant update (admitted) on chain.desk_flow to vestibule_console;
grant select, insert, update on chain.sync, chain.fanout to vestibule_definer;
grant select, update on chain.desk_flow to vestibule_definer;
-- The writer's claim is made beside RLS-protected reads, in its own name: it may touch the claim and nothing else.
grant update (claim_worker, claim_until) on chain.sync to vestibule_writer;

reset role;
grant create on schema chain to vestibule_definer;
alter function chain.mark(text, uuid, uuid, uuid[], smallint, text) owner to vestibule_definer;
alter function chain.mark_wide(uuid, uuid, uuid, text, uuid, smallint, text, uuid[]) owner to vestibule_definer;
alter function chain.pick(text, integer, integer, integer) owner to vestibule_definer;
alter function chain.unpick(text[], uuid[], bigint[]) owner to vestibule_definer;
alter function chain.sweep(interval, interval) owner to vestibule_definer;
alter function chain.backlog() owner to vestibule_definer;
alter function chain.desk_windows() owner to vestibule_definer;
alter function chain.report_desk(uuid, boolean, interval, text) owner to vestibule_definer;
alter function chain.finish(text[], uuid[], uuid[], bigint[]) owner to vestibule_definer;
alter function chain.postpone(text[], uuid[], uuid[], bigint[], double precision[], text[], boolean[], boolean[]) owner to vestibule_definer;
alter function chain.wait_for_claim(text[], uuid[], uuid[]) owner to vestibule_definer;
alter function chain.replay(uuid, text, uuid) owner to vestibule_definer;
revoke create on schema chain from vestibule_definer;

grant execute on function chain.mark(text, uuid, uuid, uuid[], smallint, text)
    to vestibule_ingest, vestibule_router, vestibule_writer, vestibule_console;
grant execute on function chain.mark_wide(uuid, uuid, uuid, text, uuid, smallint, text, uuid[])
    to vestibule_ingest, vestibule_console;
grant execute on function chain.pick(text, integer, integer, integer), chain.unpick(text[], uuid[], bigint[]),
    chain.sweep(interval, interval) to vestibule_relay;
grant execute on function chain.backlog() to vestibule_relay, vestibule_console;
grant execute on function chain.desk_windows() to vestibule_relay;
grant execute on function chain.report_desk(uuid, boolean, interval, text), chain.wait_for_claim(text[], uuid[], uuid[])
    to vestibule_writer;
grant execute on function chain.finish(text[], uuid[], uuid[], bigint[]),
    chain.postpone(text[], uuid[], uuid[], bigint[], double precision[], text[], boolean[], boolean[])
    to vestibule_router, vestibule_writer;
grant execute on function chain.replay(uuid, text, uuid) to vestibule_console;
