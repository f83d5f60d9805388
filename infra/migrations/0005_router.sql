-- What was decided: for each person a decision, for each account and organization what the desk should have.
-- The router writes the wanted columns, the writer the applied ones (column grants).
set local role vestibule_owner;

create table router.decision (
    tenant_id uuid not null,
    person_id uuid not null,
    connection_id uuid not null,
    account_id uuid,                        -- the account this person feeds; null while it has none
    verdict text not null check (verdict in ('want', 'hold', 'shadow', 'refuse')),
    reason text check (reason ~ '^[a-z][a-z0-9_]{0,39}$'),
    mapping_version integer not null,
    seen_version bigint not null,           -- the person's sync version whose state was judged
    decided_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    primary key (tenant_id, person_id),
    check ((verdict in ('want', 'shadow')) = (reason is null))
);
create index decision_account on router.decision (tenant_id, account_id);

create table router.account (
    tenant_id uuid not null,
    id uuid not null,
    desk_id uuid not null references console.desk,
    connection_id uuid not null,            -- of the person who decides it (highest precedence)
    email text not null,
    email_hmac bytea not null check (length(email_hmac) = 32),
    login text,
    display_name text not null,
    access boolean not null,
    wanted_hash text not null,
    decided_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    primary key (tenant_id, id)
) with (fillfactor = 85);
create index account_connection on router.account (tenant_id, connection_id, id);

-- Spans tenants, so it holds keyed hashes only; reached through claim_emails, which never names another owner.
create table router.email_claim (
    desk_id uuid not null,
    hmac bytea not null check (length(hmac) = 32),
    tenant_id uuid not null,
    account_id uuid not null,
    claimed_at timestamptz not null default now(),
    primary key (desk_id, hmac)
);
create index email_claim_account on router.email_claim (tenant_id, account_id);

create table router."case" (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    kind text not null check (kind in ('collision', 'outside_domain', 'same_person', 'adoption', 'breaker', 'organization_deletion')),
    subject_id uuid not null,               -- a person, an account or an organization
    connection_id uuid,
    items jsonb not null default '{}',      -- ids and codes only
    opened_at timestamptz not null default now(),
    closed_at timestamptz,
    decision text,
    primary key (tenant_id, id)
);
create unique index case_open on router."case" (tenant_id, kind, subject_id) where closed_at is null;

create table router.organization (
    tenant_id uuid not null,
    id uuid not null,
    desk_id uuid not null references console.desk,
    source text not null check (source in ('home', 'group')),
    connection_id uuid,
    group_id uuid,
    wanted_name text check (length(wanted_name) between 1 and 1024),   -- null until the group itself was judged
    source_removed_at timestamptz,          -- the group is gone; deleting the organization is a case
    seen_version bigint not null default 0, -- the group's sync version whose state was judged
    decided_at timestamptz not null default now(),
    -- the writer's columns
    intent_name text,                       -- saved before the create call
    intent_at timestamptz,
    desk_organization_id text,
    desk_name text,
    applied_name text,                      -- the wanted_name that desk_name was made from
    marked_at_desk boolean not null default false,
    linked boolean not null default false,
    confirmed_at timestamptz,
    code text check (code ~ '^[a-z][a-z0-9_.:-]{0,79}$'),
    primary key (tenant_id, id),
    check ((source = 'home') = (group_id is null))
);
-- (desk, desk organization id) has one owner for ever, whatever the tenant.
create unique index organization_at_desk on router.organization (desk_id, desk_organization_id)
    where desk_organization_id is not null;
create unique index organization_intent on router.organization (desk_id, lower(intent_name)) where intent_name is not null;

create table router.membership (
    tenant_id uuid not null,
    organization_id uuid not null,
    account_id uuid not null,
    wanted boolean not null,
    wanted_at timestamptz not null default now(),
    applied boolean default false,          -- null: the desk was asked and has not answered yet
    applied_at timestamptz,
    origin text not null default 'ours' check (origin in ('ours', 'theirs')),  -- theirs: it was there before us, never removed by us
    code text check (code ~ '^[a-z][a-z0-9_.:-]{0,79}$'),
    primary key (tenant_id, organization_id, account_id),
    foreign key (tenant_id, organization_id) references router.organization (tenant_id, id),
    foreign key (tenant_id, account_id) references router.account (tenant_id, id)
) with (fillfactor = 85);
create index membership_account on router.membership (tenant_id, account_id);
create index membership_dirty on router.membership (tenant_id, organization_id, wanted) where wanted is distinct from applied;

alter table router.decision enable row level security, force row level security;
alter table router.account enable row level security, force row level security;
alter table router."case" enable row level security, force row level security;
alter table router.organization enable row level security, force row level security;
alter table router.membership enable row level security, force row level security;
create policy one_tenant on router.decision using (tenant_id = chain.current_tenant());
create policy one_tenant on router.account using (tenant_id = chain.current_tenant());
create policy one_tenant on router."case" using (tenant_id = chain.current_tenant());
create policy one_tenant on router.organization using (tenant_id = chain.current_tenant());
create policy one_tenant on router.membership using (tenant_id = chain.current_tenant());

grant select, insert, update on router.decision, router.account, router."case" to vestibule_router;
grant select, insert on router.organization, router.membership to vestibule_router;
grant update (wanted_name, source_removed_at, seen_version, decided_at) on router.organization to vestibule_router;
grant update (wanted, wanted_at) on router.membership to vestibule_router;
grant select on router.decision, router.account, router.organization, router.membership to vestibule_writer;
grant select, insert, update on router."case" to vestibule_writer;
grant update (intent_name, intent_at, desk_organization_id, desk_name, applied_name, marked_at_desk, linked, confirmed_at, code)
    on router.organization to vestibule_writer;
grant update (applied, applied_at, origin, code) on router.membership to vestibule_writer;
grant select on router.decision, router.account, router."case", router.organization, router.membership to vestibule_console;
grant insert (tenant_id, id, desk_id, source, wanted_name) on router.organization to vestibule_console;
grant select, insert on router.email_claim to vestibule_definer;
grant select (tenant_id, id, connection_id, desk_id) on router.account, router.organization to vestibule_definer;
grant select (tenant_id, organization_id, account_id, wanted, applied) on router.membership to vestibule_definer;

-- Promise: of these accounts, those come back to whom the address at the desk belongs now; whose the others are is never
-- told. A tenant claims at its own desk only. Addresses are taken in the order of their hashes, whatever tenant they are of: two batches cannot deadlock.
create function router.claim_emails(desks uuid[], hmacs bytea[], tenants uuid[], accounts uuid[]) returns uuid[]
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    if exists (select from unnest(desks, tenants) as c (desk, tenant)
                where not exists (select from console.tenant n where n.id = c.tenant and n.desk_id = c.desk)) then
        raise exception 'claim_emails: not at this desk' using errcode = 'insufficient_privilege';
    end if;
    insert into router.email_claim (desk_id, hmac, tenant_id, account_id)
    select c.desk, c.hmac, c.tenant, c.account
      from unnest(desks, hmacs, tenants, accounts) with ordinality as c (desk, hmac, tenant, account, place)
     order by c.desk, c.hmac, c.place  -- of two in one call the first one gets it
    on conflict do nothing;
    return array(
        select c.account from unnest(desks, hmacs, tenants, accounts) as c (desk, hmac, tenant, account)
          join router.email_claim e on e.desk_id = c.desk and e.hmac = c.hmac
         where e.tenant_id = c.tenant and e.account_id = c.account);
end
$$;

-- As chain.mark, where each key has its own lane and its own trace; a batch of the caller bounds the keys.
create function chain.mark_each(
    kind text, tenant uuid, desk uuid, ids uuid[], prios smallint[], traces text[]
) returns void
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    if tenant is distinct from chain.current_tenant() then
        raise exception 'mark_each: the tenant was not entered' using errcode = 'insufficient_privilege';
    end if;
    if not (case session_user when 'vestibule_router' then kind in ('account', 'organization')
                             when 'vestibule_writer' then kind = 'organization' else true end)
       or not exists (select from console.tenant n where n.id = mark_each.tenant and n.desk_id = mark_each.desk) then
        raise exception 'mark_each: not for %, or not at this desk', session_user using errcode = 'insufficient_privilege';
    end if;
    insert into chain.sync as s (kind, id, tenant_id, desk_id, prio, urgent_version, trace)
    select mark_each.kind, key.id, mark_each.tenant, mark_each.desk, key.prio, case when key.prio = 0 then 1 else 0 end, key.trace
      from (select distinct on (k.id) k.id, k.prio, k.trace
              from unnest(mark_each.ids, mark_each.prios, mark_each.traces) as k (id, prio, trace)
             order by k.id, k.prio) key
    on conflict on constraint sync_pkey do update set
        version = s.version + 1,
        prio = case when s.done_version < s.version then least(s.prio, excluded.prio) else excluded.prio end,
        urgent_version = case when excluded.prio = 0 then s.version + 1 else s.urgent_version end,
        marked_at = case when s.done_version < s.version then s.marked_at else clock_timestamp() end,
        not_before = null, parked_at = null, attempts = 0, code = null,
        trace = excluded.trace
     where s.tenant_id = excluded.tenant_id;
end
$$;

-- All that judging a batch needs, in one round trip. Each tenant is entered in turn, so row level security stays in force.
-- Keys that are done already do not come back; one whose resource cannot be found comes back without a connection.
create function router.read_work(tenants uuid[], kinds text[], ids uuid[])
    returns table (
        kind text, id uuid, tenant_id uuid, seen_version bigint, attempts smallint, prio smallint, waited double precision,
        desk_id uuid, capabilities jsonb, tenant_state text, tenant_name text, organization_prefix text,
        connection_id uuid, mode text, mapping_version integer,
        document text, active boolean, removed boolean, groups uuid[],
        account_id uuid, account_email text, account_login text, account_display_name text,
        account_access boolean, account_hash text, account_at_desk boolean
    )
    language plpgsql volatile
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    one uuid;
begin
    for one in select distinct t from unnest(tenants) as t order by t loop
        perform chain.enter_tenant(one);
        return query
        with work as materialized (
            select s.kind, s.id, s.version, s.attempts, s.prio, extract(epoch from clock_timestamp() - s.marked_at)::double precision as waited
              from (select distinct w.kind, w.id from unnest(tenants, kinds, ids) as w (tenant, kind, id) where w.tenant = one) k
             cross join lateral (select * from chain.sync f where f.kind = k.kind and f.id = k.id offset 0) s
             where s.tenant_id = one and s.stage = 'router' and s.done_version < s.version
        ), resources as materialized (
            select 'person' as kind, p.id, p.connection_id, p.document, p.active, p.removed_at is not null as removed,
                   array(  -- direct and indirect ones
                       select n.id from (
                            select m.group_id as id from ingest.group_member m
                             where m.tenant_id = one and m.connection_id = x.id and m.person_id = p.id and m.removed_at is null
                            union
                            select e.outer_id from ingest.group_member m
                             cross join lateral (
                                 select f.outer_id from ingest.enclosure f
                                  where f.tenant_id = one and f.connection_id = x.id and f.inner_id = m.group_id offset 0) e
                             where m.tenant_id = one and m.connection_id = x.id and m.person_id = p.id and m.removed_at is null) n
                        cross join lateral (
                            select f.removed_at from ingest."group" f
                             where f.tenant_id = one and f.connection_id = x.id and f.id = n.id offset 0) mg
                        where mg.removed_at is null
                        order by n.id) as groups
              from work w
             cross join console.connection x
             cross join lateral (
                 select * from ingest.person f where f.tenant_id = one and f.connection_id = x.id and f.id = w.id offset 0) p
             where w.kind = 'person' and x.tenant_id = one
            union all
            select 'group', g.id, g.connection_id, g.document, null, g.removed_at is not null, null
              from work w
             cross join console.connection x
             cross join lateral (
                 select * from ingest."group" f where f.tenant_id = one and f.connection_id = x.id and f.id = w.id offset 0) g
             where w.kind = 'group' and x.tenant_id = one
        )
        select w.kind, w.id, n.id, w.version, w.attempts, w.prio, w.waited,
               n.desk_id, d.capabilities, n.state, n.name, n.organization_prefix,
               c.id, c.mode, c.mapping_version,
               r.document, r.active, r.removed, r.groups,
               a.id, a.email, a.login, a.display_name, a.access, a.wanted_hash,
               case when a.id is not null then writer.is_at_desk(one, a.id) end
          from work w
          join console.tenant n on n.id = one
          join console.desk d on d.id = n.desk_id
          left join resources r on r.kind = w.kind and r.id = w.id
          left join console.connection c on c.tenant_id = one and c.id = r.connection_id
          left join lateral (select * from router.decision f where f.tenant_id = one and f.person_id = w.id offset 0) o on true
          left join lateral (select * from router.account f where f.tenant_id = one and f.id = o.account_id offset 0) a on true;
    end loop;
end
$$;

create function router.read_mapping(tenant uuid, connection uuid, wanted_version integer) returns jsonb
    language plpgsql volatile
as $$
#variable_conflict use_column
begin
    perform chain.enter_tenant(tenant);
    return (select m.document from console.mapping_version m
             where m.tenant_id = tenant and m.connection_id = connection and m.version = wanted_version);
end
$$;

-- One judged key as the service hands it over; vestibule.database.decisions says what each field means.
create type router.judgement as (
    kind text, id uuid, tenant uuid, desk uuid, connection uuid, seen bigint, prio smallint, trace text,
    verdict text, reason text, mapping_version integer,
    account uuid, basis text, claim bytea, want jsonb, otherwise jsonb, organizations uuid[],
    organization uuid, wanted_name text, removed boolean, frozen boolean,
    at_desk boolean                         -- false: judged as one whom the desk does not know and nobody is making
);

-- Writes a batch of judgements of different keys, one transaction. `organizations` are those that the accounts of the batch
-- are wanted in. Results, one row per item: changed | unchanged | stale (a newer state was judged already, perhaps without
-- leaving a row: an older one never overwrites it) | again (the account is no longer what the judgement was based on: read and judge anew).
-- Locks are taken in one order by every batch: keys, claims, then tenant by tenant accounts, marks, memberships; last the keys' rows.
-- Planned once: a plan for each tenant of each batch took longer than the work. Looked up key by key (lateral, offset 0): a plan
-- that was made while a table was empty would read the table whole ever after.
create function router.decide(items jsonb, organizations jsonb)
    returns table (kind text, id uuid, result text, verdict text, reason text)
    language plpgsql volatile
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    one uuid;
    fate text;
    batch router.judgement[];
    part router.judgement[];
    alike router.judgement[];
    ready router.judgement[] := '{}';
    owners uuid[];
    settled_kinds text[] := '{}';
    settled_tenants uuid[] := '{}';
    settled_ids uuid[] := '{}';
    settled_versions bigint[] := '{}';
begin
    select array_agg(i order by i.tenant, i.id) into batch from jsonb_populate_recordset(null::router.judgement, items) i;
    -- A key that nobody has decided yet has no row to lock, hence advisory locks; what is read below is then the newest.
    perform pg_advisory_xact_lock(k.key)
       from (select hashtextextended(i.kind || i.id::text, 0) as key from unnest(batch) i order by 1) k;

    -- What is stale must not claim an address that nobody wants any more, so it is sorted out first.
    for one, part in select i.tenant, array_agg(i order by i.id) from unnest(batch) i group by i.tenant order by i.tenant loop
        perform chain.enter_tenant(one);
        for fate, alike in
            select f.fate, array_agg(i)
              from unnest(part) i
              left join lateral (select * from router.decision f where f.tenant_id = one and f.person_id = i.id offset 0) d on true
              left join lateral (select * from router.account f where f.tenant_id = one and f.id = d.account_id offset 0) a on true
              left join lateral (select * from router.organization f where f.tenant_id = one and f.id = i.organization offset 0) o on true
              left join lateral (select * from chain.sync f where f.kind = i.kind and f.id = i.id offset 0) s on true
             cross join lateral (select case when greatest(d.seen_version, o.seen_version, s.done_version) > i.seen then 'stale'
                                             when a.wanted_hash is distinct from i.basis then 'again'
                                             when not i.at_desk and writer.is_at_desk(one, i.account) then 'again'
                                             else 'ready' end as fate) f
             group by f.fate
        loop
            if fate = 'ready' then
                ready := ready || alike;
            else
                return query select i.kind, i.id, fate, null::text, null::text from unnest(alike) i;
            end if;
            if fate <> 'again' then
                settled_kinds := settled_kinds || array(select i.kind from unnest(alike) i);
                settled_tenants := settled_tenants || array(select i.tenant from unnest(alike) i);
                settled_ids := settled_ids || array(select i.id from unnest(alike) i);
                settled_versions := settled_versions || array(select i.seen from unnest(alike) i);
            end if;
        end loop;
    end loop;

    select router.claim_emails(array_agg(i.desk order by s.marked_at, i.id), array_agg(i.claim order by s.marked_at, i.id),
                               array_agg(i.tenant order by s.marked_at, i.id), array_agg(i.account order by s.marked_at, i.id))
      into owners from unnest(ready) i
      left join lateral (select f.marked_at from chain.sync f where f.kind = i.kind and f.id = i.id offset 0) s on true
     where i.claim is not null;
    ready := array(
        select case when i.claim is null or i.account = any (owners) then i
               else row(i.kind, i.id, i.tenant, i.desk, i.connection, i.seen, i.prio, i.trace,
                        'hold', 'collision', i.mapping_version,
                        i.account, i.basis, null, i.otherwise, null, i.organizations,
                        null, null, null, null, i.at_desk)::router.judgement end
          from unnest(ready) i);

    for one, part in select i.tenant, array_agg(i order by i.id) from unnest(ready) i group by i.tenant order by i.tenant loop
        perform chain.enter_tenant(one);
        return query select * from router.decide_persons(
            one, part[1].desk, array(select i from unnest(part) i where i.kind = 'person'),
            (select jsonb_agg(o) from jsonb_array_elements(organizations) o where o ->> 'tenant' = one::text));
        return query select * from router.decide_groups(
            one, part[1].desk, array(select i from unnest(part) i where i.kind = 'group' and not i.frozen));
        return query select i.kind, i.id, 'unchanged'::text, i.verdict, i.reason
                       from unnest(part) i where i.kind = 'group' and i.frozen;
    end loop;
    perform chain.finish(settled_kinds, settled_tenants, settled_ids, settled_versions);
end
$$;

-- The persons of one tenant, which was entered: accounts, memberships, decisions, cases.
create function router.decide_persons(one uuid, desk uuid, part router.judgement[], organizations jsonb)
    returns table (kind text, id uuid, result text, verdict text, reason text)
    language plpgsql volatile
as $$
#variable_conflict use_column
declare
    moved uuid[];
begin
    if cardinality(part) = 0 then
        return;
    end if;
    moved := router.want_accounts(one, desk, part);
    -- The marks hold the accounts' keys now, without which the writer saves no intent: what began before is seen here.
    if exists (select from unnest(part) i where not i.at_desk and writer.is_at_desk(one, i.account)) then
        raise exception 'an account is being made meanwhile' using errcode = 'serialization_failure';
    end if;
    moved := moved || router.want_memberships(one, desk, part, organizations);
    insert into router."case" (tenant_id, kind, subject_id, connection_id)
    select one, 'collision', i.id, i.connection from unnest(part) i where i.verdict = 'hold' and i.reason = 'collision'
    on conflict (tenant_id, kind, subject_id) where closed_at is null do nothing;
    -- A pause says nothing about the address: the case of a paused person stays open.
    update router."case" c set closed_at = now(), decision = 'resolved'
      from unnest(part) i
     where c.tenant_id = one and c.kind = 'collision' and c.subject_id = i.id and c.closed_at is null
       and coalesce(i.reason, '') not in ('collision', 'paused', 'tenant_suspended');
    return query
    with known as materialized (
        select i.id, i.connection, i.verdict, i.reason, i.mapping_version, i.seen, i.trace, a.id as account,
               d.person_id is null or (d.verdict, d.reason) is distinct from (i.verdict, i.reason) as turned,
               i.account = any (moved) or d.account_id is distinct from a.id as moved
          from unnest(part) i
          left join lateral (select * from router.decision f where f.tenant_id = one and f.person_id = i.id offset 0) d on true
          left join lateral (select * from router.account f where f.tenant_id = one and f.id = i.account offset 0) a on true
    ), written as (
        insert into router.decision as d (
            tenant_id, person_id, connection_id, account_id, verdict, reason, mapping_version, seen_version)
        select one, k.id, k.connection, k.account, k.verdict, k.reason, k.mapping_version, k.seen from known k order by k.id
        on conflict on constraint decision_pkey do update set
            connection_id = excluded.connection_id, account_id = excluded.account_id,
            verdict = excluded.verdict, reason = excluded.reason,
            mapping_version = excluded.mapping_version, seen_version = excluded.seen_version, decided_at = now(),
            changed_at = case when (d.verdict, d.reason) is distinct from (excluded.verdict, excluded.reason)
                              then now() else d.changed_at end
    ), told as (
        insert into chain.timeline (tenant_id, subject_id, stage, code, reason, trace)
        select one, k.id, 'decided', k.verdict, k.reason, k.trace from known k where k.turned or k.moved
    )
    select 'person'::text, k.id, case when k.turned or k.moved then 'changed' else 'unchanged' end, k.verdict, k.reason
      from known k;
end
$$;

-- Accounts as they should be. An unchanged wanted hash marks nothing. Returns the accounts that changed.
create function router.want_accounts(one uuid, desk uuid, part router.judgement[]) returns uuid[]
    language plpgsql volatile
as $$
#variable_conflict use_column
declare
    moved uuid[];
    lanes smallint[];
    traces text[];
begin
    with wanted as materialized (
        select i.account, i.connection, i.trace, w.*, case when a.access and not w.access then 0 else greatest(i.prio, 1) end as lane
          from unnest(part) i
         cross join lateral jsonb_to_record(i.want)
               as w (email text, email_hmac bytea, login text, display_name text, access boolean, hash text)
          left join lateral (select * from router.account f where f.tenant_id = one and f.id = i.account offset 0) a on true
         where i.want is not null
    ), written as (
        insert into router.account as a (
            tenant_id, id, desk_id, connection_id, email, email_hmac, login, display_name, access, wanted_hash)
        select one, w.account, desk, w.connection, w.email, w.email_hmac, w.login, w.display_name, w.access, w.hash
          from wanted w order by w.account
        on conflict on constraint account_pkey do update set
            connection_id = excluded.connection_id, email = excluded.email, email_hmac = excluded.email_hmac,
            login = excluded.login, display_name = excluded.display_name, access = excluded.access,
            wanted_hash = excluded.wanted_hash, decided_at = now()
         where a.wanted_hash <> excluded.wanted_hash or a.connection_id <> excluded.connection_id
        returning a.id
    )
    select coalesce(array_agg(w.account), '{}'), array_agg(w.lane::smallint), array_agg(w.trace)
      into moved, lanes, traces
      from wanted w join written on written.id = w.account;
    if cardinality(moved) > 0 then
        perform chain.mark_each('account', one, desk, moved, lanes, traces);
    end if;
    return moved;
end
$$;

-- Memberships as they should be, for the accounts of the batch that have a wanted state. Returns the accounts that changed.
create function router.want_memberships(one uuid, desk uuid, part router.judgement[], organizations jsonb) returns uuid[]
    language plpgsql volatile
as $$
#variable_conflict use_column
declare
    told uuid[];
    lanes smallint[];
    traces text[];
    gained_organizations uuid[];
    gained_accounts uuid[];
    lost_organizations uuid[];
    lost_accounts uuid[];
begin
    with turned as (
        select o.id as organization, i.account, true as wanted, i.prio, i.trace
          from unnest(part) i cross join lateral unnest(i.organizations) as o (id)
          left join lateral (
              select f.wanted from router.membership f
               where f.tenant_id = one and f.organization_id = o.id and f.account_id = i.account offset 0) m on true
         where i.want is not null and m.wanted is distinct from true
        union all
        select m.organization_id, i.account, false, case when (i.want ->> 'access')::boolean then i.prio else 0 end, i.trace
          from unnest(part) i
         cross join lateral (
              select f.organization_id from router.membership f
               where f.tenant_id = one and f.account_id = i.account and f.wanted offset 0) m
         where i.want is not null and not (m.organization_id = any (i.organizations))
    )
    select array_agg(t.organization), array_agg(t.prio::smallint), array_agg(t.trace),
           array_agg(t.organization) filter (where t.wanted), array_agg(t.account) filter (where t.wanted),
           array_agg(t.organization) filter (where not t.wanted), array_agg(t.account) filter (where not t.wanted)
      into told, lanes, traces, gained_organizations, gained_accounts, lost_organizations, lost_accounts
      from turned t;
    if told is null then
        return '{}';
    end if;
    -- A person may be judged before the group that it is in: the organization's row must be there to be a member of.
    insert into router.organization (tenant_id, id, desk_id, source, connection_id, group_id, wanted_name)
    select one, o.id, desk, o.source, o.connection, o.group_id, o.name
      from jsonb_to_recordset(organizations) as o (id uuid, source text, connection uuid, group_id uuid, name text)
     where o.id = any (told)
       and not exists (select from router.organization x where x.tenant_id = one and x.id = o.id)
     order by o.id
    on conflict do nothing;
    -- The marks before the rows: the writer too has the key's row before it touches memberships.
    perform chain.mark_each('organization', one, desk, told, lanes, traces);
    insert into router.membership as m (tenant_id, organization_id, account_id, wanted)
    select one, g.organization, g.account, true
      from unnest(gained_organizations, gained_accounts) as g (organization, account) order by g.organization, g.account
    on conflict on constraint membership_pkey do update set wanted = true, wanted_at = now();
    update router.membership m set wanted = false, wanted_at = now()
      from (select x.organization_id, x.account_id
              from unnest(lost_organizations, lost_accounts) as l (organization, account)
             cross join lateral (
                 select f.organization_id, f.account_id from router.membership f
                  where f.tenant_id = one and f.organization_id = l.organization and f.account_id = l.account offset 0) x
             order by x.organization_id, x.account_id) l
     where m.tenant_id = one and m.organization_id = l.organization_id and m.account_id = l.account_id;
    return coalesce(gained_accounts, '{}') || lost_accounts;
end
$$;

-- The groups of one tenant, which was entered: each is wanted as an organization of that name.
create function router.decide_groups(one uuid, desk uuid, part router.judgement[])
    returns table (kind text, id uuid, result text, verdict text, reason text)
    language plpgsql volatile
as $$
#variable_conflict use_column
declare
    moved uuid[];
    lanes smallint[];
    traces text[];
begin
    if cardinality(part) = 0 then
        return;
    end if;
    with known as materialized (
        select i.*, coalesce(i.wanted_name, o.wanted_name) as new_name,
               o.id is null or o.wanted_name is distinct from coalesce(i.wanted_name, o.wanted_name)
                            or (o.source_removed_at is not null) <> i.removed as turned
          from unnest(part) i
          left join lateral (select * from router.organization f where f.tenant_id = one and f.id = i.organization offset 0) o on true
         where o.id is not null or not i.removed  -- gone before anybody was in it: nothing to undo
    ), written as (
        insert into router.organization as o (
            tenant_id, id, desk_id, source, connection_id, group_id, wanted_name, source_removed_at, seen_version)
        select one, k.organization, desk, 'group', k.connection, k.id, k.new_name, case when k.removed then now() end, k.seen
          from known k order by k.organization
        on conflict on constraint organization_pkey do update set
            wanted_name = excluded.wanted_name, seen_version = excluded.seen_version, decided_at = now(),
            source_removed_at = case when excluded.source_removed_at is not null
                                     then coalesce(o.source_removed_at, excluded.source_removed_at) end
    ), told as (
        insert into chain.timeline (tenant_id, subject_id, stage, code, trace)
        select one, k.id, 'decided', case when k.removed then 'removed' else 'want' end, k.trace from known k where k.turned
    )
    select coalesce(array_agg(k.organization), '{}'), array_agg(greatest(k.prio, 1::smallint)), array_agg(k.trace)
      into moved, lanes, traces from known k where k.turned;
    if cardinality(moved) > 0 then
        perform chain.mark_each('organization', one, desk, moved, lanes, traces);
    end if;
    -- Deleting an organization is always a case (design, rule 8); where none was made, or a create was never begun, nothing waits.
    insert into router."case" (tenant_id, kind, subject_id, connection_id)
    select one, 'organization_deletion', o.id, o.connection_id
      from unnest(part) i join router.organization o on o.tenant_id = one and o.id = i.organization
     where i.removed and (o.desk_organization_id is not null or o.intent_name is not null)
    on conflict (tenant_id, kind, subject_id) where closed_at is null do nothing;
    update router."case" c set closed_at = now(), decision = 'returned'
      from unnest(part) i
     where c.tenant_id = one and c.kind = 'organization_deletion' and c.subject_id = i.organization and c.closed_at is null
       and not i.removed;
    return query select 'group'::text, i.id, case when i.organization = any (moved) then 'changed' else 'unchanged' end,
                        case when i.removed then 'removed' else 'want' end, null::text
                   from unnest(part) i;
end
$$;

grant execute on all functions in schema router to vestibule_router;
revoke execute on function router.claim_emails(uuid[], bytea[], uuid[], uuid[]) from vestibule_router;
reset role;
grant create on schema router, chain to vestibule_definer;
alter function router.claim_emails(uuid[], bytea[], uuid[], uuid[]) owner to vestibule_definer;
alter function chain.mark_each(text, uuid, uuid, uuid[], smallint[], text[]) owner to vestibule_definer;
revoke create on schema router, chain from vestibule_definer;
grant execute on function router.claim_emails(uuid[], bytea[], uuid[], uuid[]),
    chain.mark_each(text, uuid, uuid, uuid[], smallint[], text[]) to vestibule_router;
grant execute on function chain.mark_each(text, uuid, uuid, uuid[], smallint[], text[]) to vestibule_writer;

-- One chunk of the fan-out whose turn it is: tenants take turns, in each the oldest one goes. Promise: resumable, each key
-- marked with a version it never had; a chunk that fails waits and keeps nobody else waiting. Returns the keys marked or woken
-- and what failed (SQLSTATE); -1 when no fan-out is open and due.
set local role vestibule_owner;
create function chain.expand_fanout(chunk integer, out touched integer, out failure text)
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
    set lock_timeout = '3s'  -- who waits longer fails, and goes behind the others
as $$
declare
    f chain.fanout;
begin
    with turns as materialized (
        select t.tenant_id, (select max(x.turn_at) from chain.fanout x where x.tenant_id = t.tenant_id) as turn
          from (select distinct o.tenant_id from chain.fanout o where o.finished_at is null) t)
    select o.* into f from chain.fanout o join turns t on t.tenant_id = o.tenant_id
     where o.finished_at is null and (o.not_before is null or o.not_before <= clock_timestamp())
     order by t.turn nulls first, o.id limit 1 for update of o skip locked;
    if not found then
        touched := -1;
        return;
    end if;
    begin
        touched := chain.expand_chunk(f, least(chunk, 1000));
    exception when others then
        failure := sqlstate;
        touched := 0;
        update chain.fanout o
           set attempts = least(o.attempts + 1, 1000), code = 'sqlstate:' || lower(failure), turn_at = clock_timestamp(),
               not_before = clock_timestamp() + least(interval '1 minute', interval '1 second' * power(2, least(o.attempts, 6)))
         where o.id = f.id;
    end;
end
$$;

create function chain.expand_chunk(f chain.fanout, chunk integer) returns integer
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    keys uuid[] := '{}';
    lanes smallint[];
    following text;
    reached integer;
    next_target uuid;
begin
    perform set_config('app.tenant', f.tenant_id::text, true);
    if f.phase = 'persons' and f.scope = 'group_members' then
        select array_agg(k.person_id order by k.person_id) into keys from (
            select m.person_id from ingest.group_member m
             where m.tenant_id = f.tenant_id and m.connection_id = f.connection_id and m.group_id = f.target_id
               and m.person_id > f.cursor
             order by m.person_id limit chunk) k;
        perform chain.mark('person', f.tenant_id, f.desk_id, coalesce(keys, '{}'), f.prio, f.trace);
        following := 'purge';
    elsif f.phase = 'purge' then  -- those who left, now that they are told
        select array_agg(k.person_id order by k.person_id) into keys from (
            select m.person_id from ingest.group_member m
             where m.tenant_id = f.tenant_id and m.connection_id = f.connection_id and m.group_id = f.target_id
               and m.person_id > f.cursor and m.removed_at <= f.created_at
             order by m.person_id limit chunk) k;
        delete from ingest.group_member m
         where m.tenant_id = f.tenant_id and m.connection_id = f.connection_id and m.group_id = f.target_id
           and m.person_id = any (keys) and m.removed_at <= f.created_at;
    elsif f.phase = 'persons' then  -- who left during a pause goes as fast as any other leaver
        select array_agg(k.id order by k.id), array_agg(k.lane order by k.id) into keys, lanes from (
            select p.id, case when (not p.active or p.removed_at is not null) and a.access then 0::smallint else f.prio end as lane
              from ingest.person p
              left join lateral (
                  select x.account_id from router.decision x where x.tenant_id = f.tenant_id and x.person_id = p.id offset 0) d on true
              left join lateral (
                  select x.access from router.account x where x.tenant_id = f.tenant_id and x.id = d.account_id offset 0) a on true
             where p.tenant_id = f.tenant_id and p.connection_id = f.connection_id and p.id > f.cursor
             order by p.id limit chunk) k;
        perform chain.mark_each('person', f.tenant_id, f.desk_id, keys, lanes, array_fill(f.trace, array[coalesce(cardinality(keys), 0)]));
        following := 'groups';
    elsif f.phase = 'groups' then
        select array_agg(k.id order by k.id) into keys from (
            select g.id from ingest."group" g
             where g.tenant_id = f.tenant_id and g.connection_id = f.connection_id and g.id > f.cursor
             order by g.id limit chunk) k;
        perform chain.mark('group', f.tenant_id, f.desk_id, coalesce(keys, '{}'), f.prio, f.trace);
        following := 'held';
    elsif f.phase = 'held' then  -- account work that a pause had put to sleep
        select array_agg(k.id order by k.id) into keys from (
            select a.id from router.account a
             where a.tenant_id = f.tenant_id and a.connection_id = f.connection_id and a.id > f.cursor
             order by a.id limit chunk) k;
        -- Locked first, in key order as every mark does: a worker that saw the pause may be putting one to sleep right now.
        -- Parked rows never go by themselves and keep their reason.
        perform from chain.sync k
         where k.kind = 'account' and k.id = any (keys) and k.done_version < k.version order by k.id for update;
        update chain.sync s set not_before = null, code = null
         where s.kind = 'account' and s.id = any (keys) and s.not_before = 'infinity' and s.parked_at is null;
        following := 'organizations';
    else
        select array_agg(k.id order by k.id) into keys from (
            select o.id from router.organization o
             where o.tenant_id = f.tenant_id and o.id > f.cursor
             order by o.id limit chunk) k;
        perform chain.mark('organization', f.tenant_id, f.desk_id, coalesce(keys, '{}'), f.prio, f.trace);
    end if;
    reached := coalesce(cardinality(keys), 0);
    if f.phase = 'purge' and reached < chunk then
        next_target := f.further[1];
        following := case when next_target is not null then 'persons' end;
    end if;
    update chain.fanout o
       set target_id = coalesce(next_target, f.target_id),
           further = case when next_target is null then f.further else f.further[2:] end,
           phase = case when reached >= chunk or following is null then f.phase else following end,
           cursor = case when reached >= chunk then keys[reached] else '00000000-0000-0000-0000-000000000000' end,
           marked = o.marked + case when f.phase = 'purge' then 0 else reached end,
           advanced_at = clock_timestamp(), turn_at = clock_timestamp(), attempts = 0, code = null, not_before = null,
           finished_at = case when reached < chunk and following is null then clock_timestamp() end
     where o.id = f.id;
    return case when f.phase = 'purge' then 0 else reached end;
end
$$;
grant select (active, removed_at) on ingest.person to vestibule_definer;
grant select (tenant_id, person_id, account_id) on router.decision to vestibule_definer;
grant select (access) on router.account to vestibule_definer;
reset role;
grant create on schema chain to vestibule_definer;
alter function chain.expand_fanout(integer) owner to vestibule_definer;
alter function chain.expand_chunk(chain.fanout, integer) owner to vestibule_definer;
revoke create on schema chain from vestibule_definer;
grant execute on function chain.expand_fanout(integer) to vestibule_relay;
