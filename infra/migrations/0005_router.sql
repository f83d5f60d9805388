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
    check ((verdict = 'want') = (reason is null))
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

-- Spans tenants, so it holds keyed hashes only; reached through claim_email, which never names another owner.
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
    applied boolean not null default false,
    applied_at timestamptz,
    origin text not null default 'ours' check (origin in ('ours', 'theirs')),  -- theirs: it was there before us, never removed by us
    code text check (code ~ '^[a-z][a-z0-9_.:-]{0,79}$'),
    primary key (tenant_id, organization_id, account_id),
    foreign key (tenant_id, organization_id) references router.organization (tenant_id, id),
    foreign key (tenant_id, account_id) references router.account (tenant_id, id)
) with (fillfactor = 85);
create index membership_account on router.membership (tenant_id, account_id);
create index membership_dirty on router.membership (tenant_id, organization_id, wanted) where wanted <> applied;

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
grant update (wanted_name, source_removed_at, decided_at) on router.organization to vestibule_router;
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

-- Promise: true when the address at this desk belongs to this account now; false when it is another's, whose is never told.
create function router.claim_email(desk uuid, address_hmac bytea, tenant uuid, account uuid) returns boolean
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    if tenant is distinct from chain.current_tenant() then
        raise exception 'claim_email: the tenant was not entered' using errcode = 'insufficient_privilege';
    end if;
    insert into router.email_claim (desk_id, hmac, tenant_id, account_id)
    values (desk, address_hmac, tenant, account)
    on conflict do nothing;
    return found or exists (
        select from router.email_claim c
         where c.desk_id = desk and c.hmac = address_hmac and c.tenant_id = tenant and c.account_id = account);
end
$$;

-- All that judging a batch needs, in one round trip. Each tenant is entered in turn, so row level security stays in force.
-- Keys that no longer exist do not come back. For kind 'group' only the group columns are set.
create function router.read_work(tenants uuid[], kinds text[], ids uuid[])
    returns table (
        kind text, id uuid, tenant_id uuid, seen_version bigint, trace text, prio smallint,
        connection_id uuid, mode text, tenant_state text, tenant_name text, organization_prefix text,
        mapping_version integer, desk_id uuid, capabilities jsonb,
        resource jsonb, active boolean, removed boolean, groups uuid[],
        account_id uuid, account_email text, account_login text, account_display_name text,
        account_access boolean, account_hash text
    )
    language plpgsql volatile
as $$
declare
    one uuid;
begin
    for one in select distinct t from unnest(tenants) as t order by t loop
        perform chain.enter_tenant(one);
        return query
        select k.kind, k.id, n.id, s.version, s.trace, s.prio,
               c.id, c.mode, n.state, n.name, n.organization_prefix, c.mapping_version, n.desk_id, d.capabilities,
               coalesce(p.resource, g.resource), p.active,
               coalesce(p.removed_at, g.removed_at) is not null,
               case when p.id is not null then array(
                   select m.group_id from ingest.group_member m
                     join ingest."group" mg on mg.tenant_id = m.tenant_id and mg.connection_id = m.connection_id
                                           and mg.id = m.group_id and mg.removed_at is null
                    where m.tenant_id = p.tenant_id and m.connection_id = p.connection_id and m.person_id = p.id
                      and m.removed_at is null order by m.group_id) end,
               a.id, a.email, a.login, a.display_name, a.access, a.wanted_hash
          from (select distinct w.kind, w.id from unnest(tenants, kinds, ids) as w (tenant, kind, id) where w.tenant = one) k
          join chain.sync s on s.kind = k.kind and s.id = k.id and s.tenant_id = one
          join console.tenant n on n.id = one
          join console.desk d on d.id = n.desk_id
          left join ingest.person p on k.kind = 'person' and p.tenant_id = one and p.id = k.id
               and p.connection_id in (select x.id from console.connection x where x.tenant_id = one)
          left join ingest."group" g on k.kind = 'group' and g.tenant_id = one and g.id = k.id
               and g.connection_id in (select x.id from console.connection x where x.tenant_id = one)
          join console.connection c on c.tenant_id = one and c.id = coalesce(p.connection_id, g.connection_id)
          left join router.decision o on o.tenant_id = one and o.person_id = p.id
          left join router.account a on a.tenant_id = one and a.id = o.account_id;
    end loop;
end
$$;

create function router.read_mapping(tenant uuid, connection uuid, wanted_version integer) returns jsonb
    language plpgsql volatile
as $$
begin
    perform chain.enter_tenant(tenant);
    return (select m.document from console.mapping_version m
             where m.tenant_id = tenant and m.connection_id = connection and m.version = wanted_version);
end
$$;

-- Writes a batch of judgements, one transaction. Each item (see vestibule.database.decisions) is applied only if nothing
-- newer was decided; an address that is another account's turns the item into hold(collision) with a case.
-- Returns what was finally decided, one row per item that was applied.
create function router.decide(items jsonb)
    returns table (id uuid, verdict text, reason text, changed boolean)
    language plpgsql volatile
as $$
declare
    item record;
    entered uuid;
    held boolean;
    moved boolean;
    fresh boolean;
    want jsonb;
    old record;
    told uuid[];
    final_verdict text;
    final_reason text;
    final_account uuid;
    done_kinds text[] := '{}';
    done_ids uuid[] := '{}';
    done_versions bigint[] := '{}';
begin
    for item in
        select * from jsonb_to_recordset(items) as i (
            kind text, id uuid, tenant uuid, desk uuid, connection uuid, seen bigint, prio smallint, trace text,
            verdict text, reason text, mapping_version integer, account uuid, claim text, want jsonb, otherwise jsonb,
            organizations jsonb, organization uuid, wanted_name text, removed boolean, frozen boolean)
        order by i.claim nulls first, i.tenant, i.id
    loop
        if entered is distinct from item.tenant then
            perform chain.enter_tenant(item.tenant);
            entered := item.tenant;
        end if;
        done_kinds := done_kinds || item.kind;
        done_ids := done_ids || item.id;
        done_versions := done_versions || item.seen;
        if item.kind = 'group' then
            if not item.frozen then
                perform router.decide_group(item.tenant, item.desk, item.connection, item.id, item.organization,
                                            item.wanted_name, item.removed, item.trace);
            end if;
            continue;
        end if;

        final_verdict := item.verdict;
        final_reason := item.reason;
        final_account := item.account;
        want := item.want;
        select d.verdict, d.reason, d.account_id, d.seen_version into old from router.decision d
         where d.tenant_id = item.tenant and d.person_id = item.id for update;
        fresh := not found;
        if not fresh and old.seen_version > item.seen then
            continue;  -- a newer state was judged already: an older one never overwrites it
        end if;
        if item.claim is not null
           and not router.claim_email(item.desk, decode(item.claim, 'hex'), item.tenant, item.account) then
            final_verdict := 'hold';
            final_reason := 'collision';
            want := item.otherwise;
            if want is null then
                final_account := null;
            end if;
        end if;
        if not fresh then
            final_account := coalesce(final_account, old.account_id);  -- a person keeps its account while it is held
        end if;
        moved := false;
        if want is not null then
            moved := router.want_account(item.tenant, item.desk, item.connection, item.account, want,
                                         coalesce(item.organizations, '[]'), item.prio, item.trace);
        end if;
        if fresh or (old.verdict, old.reason, old.account_id) is distinct from (final_verdict, final_reason, final_account) then
            moved := true;
        end if;
        insert into router.decision as d (tenant_id, person_id, connection_id, account_id, verdict, reason, mapping_version, seen_version)
        values (item.tenant, item.id, item.connection, final_account, final_verdict, final_reason, item.mapping_version, item.seen)
        on conflict on constraint decision_pkey do update set
            connection_id = excluded.connection_id, account_id = coalesce(excluded.account_id, d.account_id),
            verdict = excluded.verdict, reason = excluded.reason,
            mapping_version = excluded.mapping_version, seen_version = excluded.seen_version, decided_at = now(),
            changed_at = case when moved then now() else d.changed_at end
         where d.seen_version <= excluded.seen_version;
        if final_verdict = 'hold' and final_reason = 'collision' then
            insert into router."case" (tenant_id, kind, subject_id, connection_id)
            values (item.tenant, 'collision', item.id, item.connection)
            on conflict (tenant_id, kind, subject_id) where closed_at is null do nothing;
        else
            update router."case" c set closed_at = now(), decision = 'resolved'
             where c.tenant_id = item.tenant and c.kind = 'collision' and c.subject_id = item.id and c.closed_at is null;
        end if;
        if moved then
            insert into chain.timeline (tenant_id, subject_id, stage, code, reason, trace)
            values (item.tenant, item.id, 'decided', final_verdict, final_reason, item.trace);
        end if;
        return query select item.id, final_verdict, final_reason, moved;
    end loop;
    perform chain.finish(done_kinds, done_ids, done_versions);
end
$$;

-- The wanted state of one account with its memberships. An unchanged wanted hash marks nothing. Returns whether anything changed.
create function router.want_account(
    tenant uuid, desk uuid, connection uuid, account uuid, want jsonb, organizations jsonb, lane smallint, new_trace text
) returns boolean
    language plpgsql volatile
as $$
declare
    leaving boolean := false;
    moved boolean := false;
    told uuid[];
    left_orgs uuid[];
begin
    select a.access and not (want ->> 'access')::boolean into leaving from router.account a
     where a.tenant_id = tenant and a.id = account for update;
    leaving := coalesce(leaving, false);
    insert into router.account as a (tenant_id, id, desk_id, connection_id, email, email_hmac, login, display_name, access, wanted_hash)
    values (tenant, account, desk, connection, want ->> 'email', decode(want ->> 'email_hmac', 'hex'), want ->> 'login',
            want ->> 'display_name', (want ->> 'access')::boolean, want ->> 'hash')
    on conflict on constraint account_pkey do update set
        connection_id = excluded.connection_id, email = excluded.email, email_hmac = excluded.email_hmac,
        login = excluded.login, display_name = excluded.display_name, access = excluded.access,
        wanted_hash = excluded.wanted_hash, decided_at = now()
     where a.wanted_hash <> excluded.wanted_hash or a.connection_id <> excluded.connection_id;
    moved := found;
    if moved then
        perform chain.mark('account', tenant, desk, array[account], (case when leaving then 0 else lane end)::smallint, new_trace);
    end if;
    -- A person may be judged before the group that it is in: the organization's row must be there to be a member of.
    insert into router.organization (tenant_id, id, desk_id, source, connection_id, group_id)
    select tenant, o.id, desk, o.source, case when o.source = 'group' then connection end, o.group_id
      from jsonb_to_recordset(organizations) as o (id uuid, source text, group_id uuid)
     where not exists (select from router.organization x where x.tenant_id = tenant and x.id = o.id)
     order by o.id
    on conflict do nothing;
    with wanted_now as (
        select o.id from jsonb_to_recordset(organizations) as o (id uuid)
    ), gained as (
        insert into router.membership as m (tenant_id, organization_id, account_id, wanted)
        select tenant, w.id, account, true from wanted_now w
         where not exists (select from router.membership x
                            where x.tenant_id = tenant and x.organization_id = w.id and x.account_id = account and x.wanted)
         order by w.id
        on conflict on constraint membership_pkey do update set wanted = true, wanted_at = now()
        returning m.organization_id
    ), lost as (
        update router.membership m set wanted = false, wanted_at = now()
         where m.tenant_id = tenant and m.account_id = account and m.wanted
           and not exists (select from wanted_now w where w.id = m.organization_id)
        returning m.organization_id
    )
    select coalesce((select array_agg(organization_id) from gained), '{}'),
           coalesce((select array_agg(organization_id) from lost), '{}')
      into told, left_orgs;
    if cardinality(told) > 0 then
        perform chain.mark('organization', tenant, desk, told, lane, new_trace);
    end if;
    if cardinality(left_orgs) > 0 then
        perform chain.mark('organization', tenant, desk, left_orgs, (case when leaving then 0 else lane end)::smallint, new_trace);
    end if;
    return moved or cardinality(told) > 0 or cardinality(left_orgs) > 0;
end
$$;

create function router.decide_group(
    tenant uuid, desk uuid, connection uuid, group_id uuid, organization uuid, new_name text, removed boolean, new_trace text
) returns void
    language plpgsql volatile
as $$
begin
    insert into router.organization as o (tenant_id, id, desk_id, source, connection_id, group_id, wanted_name, source_removed_at)
    values (tenant, organization, desk, 'group', connection, decide_group.group_id, new_name, case when removed then now() end)
    on conflict on constraint organization_pkey do update set
        wanted_name = excluded.wanted_name, decided_at = now(),
        source_removed_at = case when removed then coalesce(o.source_removed_at, now()) end
     where o.wanted_name is distinct from excluded.wanted_name
        or (o.source_removed_at is null) = removed;
    if found then
        perform chain.mark('organization', tenant, desk, array[organization], 1::smallint, new_trace);
        insert into chain.timeline (tenant_id, subject_id, stage, code, trace)
        values (tenant, decide_group.group_id, 'decided', case when removed then 'removed' else 'want' end, new_trace);
    end if;
    if removed then  -- design, rule 8: deleting an organization is always a case
        insert into router."case" (tenant_id, kind, subject_id, connection_id)
        select tenant, 'organization_deletion', organization, connection
          from router.organization o
         where o.tenant_id = tenant and o.id = organization and o.desk_organization_id is not null
        on conflict (tenant_id, kind, subject_id) where closed_at is null do nothing;
    end if;
end
$$;

grant execute on all functions in schema router to vestibule_router;
revoke execute on function router.claim_email(uuid, bytea, uuid, uuid) from vestibule_router;
reset role;
grant create on schema router to vestibule_definer;
alter function router.claim_email(uuid, bytea, uuid, uuid) owner to vestibule_definer;
revoke create on schema router from vestibule_definer;
grant execute on function router.claim_email(uuid, bytea, uuid, uuid) to vestibule_router;

-- One chunk of the fan-out whose turn it is. Promise: resumable, each key marked with a version it never had.
-- Returns the keys touched; -1 when no fan-out is open.
set local role vestibule_owner;
create function chain.expand_fanout(chunk integer) returns integer
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    f record;
    keys uuid[];
    following text;
    touched integer;
begin
    select * into f from chain.fanout o where o.finished_at is null
     order by o.advanced_at limit 1 for update skip locked;
    if not found then
        return -1;
    end if;
    perform set_config('app.tenant', f.tenant_id::text, true);
    keys := '{}';
    touched := 0;
    if f.scope = 'group_members' then
        if f.phase = 'persons' then
            select array_agg(k.person_id) into keys from (
                select m.person_id from ingest.group_member m
                 where m.tenant_id = f.tenant_id and m.connection_id = f.connection_id and m.group_id = f.target_id
                   and m.person_id > f.cursor
                 order by m.person_id limit least(chunk, 1000)) k;
            perform chain.mark('person', f.tenant_id, f.desk_id, coalesce(keys, '{}'), f.prio, f.trace);
            following := 'purge';
        else
            delete from ingest.group_member m
             where m.tenant_id = f.tenant_id and m.connection_id = f.connection_id and m.group_id = f.target_id
               and m.removed_at <= f.created_at;
        end if;
    elsif f.phase = 'persons' then
        select array_agg(k.id) into keys from (
            select p.id from ingest.person p
             where p.tenant_id = f.tenant_id and p.connection_id = f.connection_id and p.id > f.cursor
             order by p.id limit least(chunk, 1000)) k;
        perform chain.mark('person', f.tenant_id, f.desk_id, coalesce(keys, '{}'), f.prio, f.trace);
        following := 'groups';
    elsif f.phase = 'groups' then
        select array_agg(k.id) into keys from (
            select g.id from ingest."group" g
             where g.tenant_id = f.tenant_id and g.connection_id = f.connection_id and g.id > f.cursor
             order by g.id limit least(chunk, 1000)) k;
        perform chain.mark('group', f.tenant_id, f.desk_id, coalesce(keys, '{}'), f.prio, f.trace);
        following := 'held';
    elsif f.phase = 'held' then  -- account work that a pause had put to sleep
        select array_agg(k.id) into keys from (
            select a.id from router.account a
             where a.tenant_id = f.tenant_id and a.connection_id = f.connection_id and a.id > f.cursor
             order by a.id limit least(chunk, 1000)) k;
        update chain.sync s set not_before = null, code = null
         where s.kind = 'account' and s.id = any (keys) and s.not_before = 'infinity';
        following := 'organizations';
    elsif f.phase = 'organizations' then
        select array_agg(k.id) into keys from (
            select o.id from router.organization o
             where o.tenant_id = f.tenant_id and o.id > f.cursor
             order by o.id limit least(chunk, 1000)) k;
        perform chain.mark('organization', f.tenant_id, f.desk_id, coalesce(keys, '{}'), f.prio, f.trace);
    end if;
    touched := coalesce(cardinality(keys), 0);
    if touched >= least(chunk, 1000) then
        update chain.fanout set cursor = keys[touched], marked = marked + touched, advanced_at = clock_timestamp()
         where id = f.id;
    elsif following is not null then
        update chain.fanout set phase = following, cursor = '00000000-0000-0000-0000-000000000000',
               marked = marked + touched, advanced_at = clock_timestamp()
         where id = f.id;
    else
        update chain.fanout set marked = marked + touched, advanced_at = clock_timestamp(), finished_at = clock_timestamp()
         where id = f.id;
    end if;
    return touched;
end
$$;
reset role;
grant create on schema chain to vestibule_definer;
alter function chain.expand_fanout(integer) owner to vestibule_definer;
revoke create on schema chain from vestibule_definer;
grant execute on function chain.expand_fanout(integer) to vestibule_relay;
