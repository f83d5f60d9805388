-- What was done at the desk: identities, outcomes, permits. Claims and the desk's facts are read in one statement, so
-- nothing queued escapes a pause (design, rule 11).
set local role vestibule_owner;

-- An intent is saved before every create: a row without desk_account_id whose create may or may not have happened.
create table writer.desk_identity (
    tenant_id uuid not null,
    id uuid not null,
    desk_id uuid not null references console.desk,
    account_id uuid not null,
    desk_account_id text check (length(desk_account_id) between 1 and 256),
    role text not null default 'live' check (role in ('live', 'retired')),
    state text not null check (state in ('intent', 'unknown', 'present', 'revoked')),
    email text not null,
    display_name text,
    at_desk boolean not null default false,       -- listed at a closed service desk
    intent_at timestamptz not null default now(),
    created_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, account_id) references router.account (tenant_id, id),
    check ((state in ('intent', 'unknown')) = (desk_account_id is null))
);
-- One owner for ever, retired ones included; it never changes tenant.
create unique index desk_identity_at_desk on writer.desk_identity (desk_id, desk_account_id) where desk_account_id is not null;
create unique index desk_identity_live on writer.desk_identity (tenant_id, account_id) where role = 'live';

create table writer.outcome (
    tenant_id uuid not null,
    account_id uuid not null,
    applied_hash text,                            -- the wanted hash that the desk has confirmed
    applied_version bigint not null default 0,
    form text check (form in ('access', 'stripped', 'blocked', 'revoked', 'absent')),
    held text check (held ~ '^[a-z][a-z0-9_]{0,39}$'),
    code text check (code ~ '^[a-z][a-z0-9_.:-]{0,79}$'),
    confirmed_at timestamptz,
    updated_at timestamptz not null default now(),
    primary key (tenant_id, account_id),
    foreign key (tenant_id, account_id) references router.account (tenant_id, id)
) with (fillfactor = 85);

-- A token bucket per (desk, endpoint, method) that all replicas take from; numbers only.
create table writer.permit (
    desk_id uuid not null references console.desk,
    endpoint text not null check (length(endpoint) <= 120),
    method text not null check (method ~ '^[A-Z]{3,7}$'),
    tokens double precision not null,
    rate double precision not null check (rate > 0),      -- permits per second
    burst double precision not null check (burst >= 1),
    refilled_at timestamptz not null default clock_timestamp(),
    blocked_until timestamptz,
    code text check (code ~ '^[a-z][a-z0-9_.:-]{0,79}$'),
    primary key (desk_id, endpoint, method)
) with (fillfactor = 50);

alter table writer.desk_identity enable row level security, force row level security;
alter table writer.outcome enable row level security, force row level security;
create policy one_tenant on writer.desk_identity using (tenant_id = chain.current_tenant());
create policy one_tenant on writer.outcome using (tenant_id = chain.current_tenant());
grant select, insert, update on writer.desk_identity, writer.outcome, writer.permit to vestibule_writer;
grant select on writer.desk_identity, writer.outcome, writer.permit to vestibule_console;

-- One row per key. Verdicts: claimed | stale (nothing to do) | busy (another holds it) | waiting (deferred or parked) |
-- paused | suspended | disabled (put to sleep until woken). Only `claimed` rows carry the account.
create function writer.claim_accounts(worker text, tenants uuid[], ids uuid[], lease interval)
    returns table (
        verdict text, id uuid, tenant_id uuid, version bigint, attempts smallint, urgent boolean, trace text, desk_id uuid,
        email text, login text, display_name text, access boolean, wanted_hash text,
        identity_id uuid, identity_state text, desk_account_id text, identity_email text, identity_display_name text,
        identity_at_desk boolean, applied_hash text, applied_form text
    )
    language plpgsql volatile
as $$
declare
    one uuid;
    mine uuid[];
    taken uuid[];
    asleep_ids uuid[];
    asleep_versions bigint[];
    asleep_codes text[];
begin
    for one in select distinct t from unnest(tenants) as t order by t loop
        perform chain.enter_tenant(one);
        select array_agg(distinct k.id) into mine from unnest(tenants, ids) as k (tenant, id) where k.tenant = one;

        select coalesce(array_agg(s.id), '{}'), coalesce(array_agg(s.version), '{}'),
               coalesce(array_agg(case when c.mode <> 'live' then 'paused' when n.state <> 'active' then 'suspended' else 'disabled' end), '{}')
          into asleep_ids, asleep_versions, asleep_codes
          from chain.sync s
          join router.account a on a.tenant_id = one and a.id = s.id
          join console.connection c on c.tenant_id = one and c.id = a.connection_id
          join console.tenant n on n.id = one
          join console.desk d on d.id = n.desk_id
         where s.kind = 'account' and s.id = any (mine) and s.tenant_id = one and s.done_version < s.version
           and s.parked_at is null and (s.claim_until is null or s.claim_until <= clock_timestamp())
           and (c.mode <> 'live' or n.state <> 'active' or d.state <> 'active');
        if cardinality(asleep_ids) > 0 then
            perform chain.postpone(array_fill('account'::text, array[cardinality(asleep_ids)]), asleep_ids, asleep_versions,
                                   array_fill(null::double precision, array[cardinality(asleep_ids)]), asleep_codes,
                                   array_fill(false, array[cardinality(asleep_ids)]), array_fill(false, array[cardinality(asleep_ids)]));
            return query select k.code, k.id, one, k.version, 0::smallint, false, null::text, null::uuid,
                null::text, null::text, null::text, null::boolean, null::text,
                null::uuid, null::text, null::text, null::text, null::text, null::boolean, null::text, null::text
              from unnest(asleep_ids, asleep_versions, asleep_codes) as k (id, version, code);
        end if;

        with free as (
            select s.kind, s.id from chain.sync s
              join router.account a on a.tenant_id = one and a.id = s.id
              join console.connection c on c.tenant_id = one and c.id = a.connection_id and c.mode = 'live'
              join console.tenant n on n.id = one and n.state = 'active'
              join console.desk d on d.id = n.desk_id and d.state = 'active'
             where s.kind = 'account' and s.id = any (mine) and s.tenant_id = one and s.done_version < s.version
               and s.parked_at is null and (s.not_before is null or s.not_before <= clock_timestamp())
               and (s.claim_until is null or s.claim_until <= clock_timestamp())
             order by s.id for update of s skip locked
        ), won as (
            update chain.sync s set claim_worker = worker, claim_until = clock_timestamp() + lease
              from free f where s.kind = f.kind and s.id = f.id
            returning s.id)
        select coalesce(array_agg(w.id), '{}') into taken from won w;

        return query
        select 'claimed'::text, s.id, one, s.version, s.attempts, s.prio = 0, s.trace, a.desk_id,
               a.email, a.login, a.display_name, a.access, a.wanted_hash,
               i.id, i.state, i.desk_account_id, i.email, i.display_name, i.at_desk, o.applied_hash, o.form
          from chain.sync s
          join router.account a on a.tenant_id = one and a.id = s.id
          left join writer.desk_identity i on i.tenant_id = one and i.account_id = a.id and i.role = 'live'
          left join writer.outcome o on o.tenant_id = one and o.account_id = a.id
         where s.kind = 'account' and s.id = any (taken);

        return query
        select case when s.done_version >= s.version then 'stale'
                    when s.claim_until > clock_timestamp() then 'busy' else 'waiting' end,
               s.id, one, s.version, s.attempts, s.prio = 0, null::text, null::uuid,
               null::text, null::text, null::text, null::boolean, null::text,
               null::uuid, null::text, null::text, null::text, null::text, null::boolean, null::text, null::text
          from chain.sync s
         where s.kind = 'account' and s.id = any (mine) and s.tenant_id = one
           and not (s.id = any (taken)) and not (s.id = any (asleep_ids));
    end loop;
end
$$;

-- Promise: for each row that comes back the claim is still this worker's, renewed, nothing newer is wanted, the connection is
-- live, and the intent is saved: the create call may be made. Rows that do not come back stop here, at a safe point.
create function writer.save_intents(worker text, items jsonb, lease interval)
    returns table (id uuid, identity_id uuid)
    language plpgsql volatile
as $$
declare
    item record;
    entered uuid;
begin
    for item in
        select * from jsonb_to_recordset(items) as i (tenant uuid, account uuid, version bigint, identity uuid, email text)
        order by i.tenant, i.account
    loop
        if entered is distinct from item.tenant then
            perform chain.enter_tenant(item.tenant);
            entered := item.tenant;
        end if;
        update chain.sync s set claim_until = clock_timestamp() + lease
          from router.account a
          join console.connection c on c.tenant_id = a.tenant_id and c.id = a.connection_id and c.mode = 'live'
          join console.tenant n on n.id = a.tenant_id and n.state = 'active'
         where s.kind = 'account' and s.id = item.account and s.claim_worker = worker and s.claim_until > clock_timestamp()
           and s.version = item.version and a.tenant_id = item.tenant and a.id = item.account;
        if not found then
            continue;
        end if;
        return query
        insert into writer.desk_identity as i (tenant_id, id, desk_id, account_id, state, email)
        select item.tenant, item.identity, a.desk_id, a.id, 'intent', item.email
          from router.account a where a.tenant_id = item.tenant and a.id = item.account
        on conflict (tenant_id, account_id) where role = 'live'
            do update set intent_at = now(), email = excluded.email where i.desk_account_id is null
        returning i.account_id, i.id;
    end loop;
end
$$;

-- Records what happened to a batch of claimed accounts, one transaction; items whose claim was lost change nothing and do
-- not come back. `result`: done | retry (after `seconds`) | park. Item fields: see vestibule.database.outcomes.
create function writer.record_accounts(worker text, items jsonb) returns table (id uuid)
    language plpgsql volatile
as $$
declare
    item record;
    entered uuid;
    orgs uuid[];
    done_ids uuid[] := '{}';
    done_versions bigint[] := '{}';
    late_ids uuid[] := '{}';
    late_versions bigint[] := '{}';
    late_seconds double precision[] := '{}';
    late_codes text[] := '{}';
    late_counted boolean[] := '{}';
    late_parked boolean[] := '{}';
begin
    for item in
        select * from jsonb_to_recordset(items) as i (
            tenant uuid, account uuid, desk uuid, version bigint, result text, seconds double precision, counted boolean, code text,
            hash text, form text, held text, event text, trace text,
            identity uuid, identity_state text, desk_account_id text, display_name text, at_desk boolean, tell_organizations boolean,
            case_kind text)
        order by i.tenant, i.account
    loop
        if entered is distinct from item.tenant then
            perform chain.enter_tenant(item.tenant);
            entered := item.tenant;
        end if;
        perform from chain.sync s where s.kind = 'account' and s.id = item.account and s.claim_worker = worker for update;
        if not found then
            continue;
        end if;
        if item.identity is not null then
            update writer.desk_identity i
               set state = item.identity_state, desk_account_id = coalesce(item.desk_account_id, i.desk_account_id),
                   display_name = coalesce(item.display_name, i.display_name), at_desk = coalesce(item.at_desk, i.at_desk),
                   created_at = case when i.desk_account_id is null and item.desk_account_id is not null then now() else i.created_at end
             where i.tenant_id = item.tenant and i.id = item.identity;
        end if;
        insert into writer.outcome as o (tenant_id, account_id, applied_hash, applied_version, form, held, code, confirmed_at)
        values (item.tenant, item.account, item.hash, case when item.result = 'done' then item.version else 0 end, item.form,
                item.held, item.code, case when item.hash is not null then now() end)
        on conflict on constraint outcome_pkey do update set
            applied_hash = coalesce(excluded.applied_hash, o.applied_hash),
            applied_version = greatest(excluded.applied_version, o.applied_version),
            form = coalesce(excluded.form, o.form), held = excluded.held, code = excluded.code,
            confirmed_at = coalesce(excluded.confirmed_at, o.confirmed_at), updated_at = now();
        if item.event is not null then
            insert into chain.timeline (tenant_id, subject_id, stage, code, reason, trace)
            values (item.tenant, item.account, 'done', item.event, coalesce(item.held, item.code), item.trace);
        end if;
        if item.case_kind is not null then
            insert into router."case" (tenant_id, kind, subject_id, connection_id)
            select item.tenant, item.case_kind, item.account, a.connection_id
              from router.account a where a.tenant_id = item.tenant and a.id = item.account
            on conflict (tenant_id, kind, subject_id) where closed_at is null do nothing;
        elsif item.result = 'done' and item.held is null then
            update router."case" c set closed_at = now(), decision = 'resolved'
             where c.tenant_id = item.tenant and c.subject_id = item.account and c.kind = 'adoption' and c.closed_at is null;
        end if;
        if item.tell_organizations then
            select array_agg(m.organization_id) into orgs from router.membership m
             where m.tenant_id = item.tenant and m.account_id = item.account and m.wanted <> m.applied;
            if orgs is not null then
                perform chain.mark('organization', item.tenant, item.desk, orgs, 1::smallint, item.trace);
            end if;
        end if;
        if item.result = 'done' then
            done_ids := done_ids || item.account;
            done_versions := done_versions || item.version;
        else
            late_ids := late_ids || item.account;
            late_versions := late_versions || item.version;
            late_seconds := late_seconds || item.seconds;
            late_codes := late_codes || item.code;
            late_counted := late_counted || coalesce(item.counted, true);
            late_parked := late_parked || (item.result = 'park');
        end if;
        return query select item.account;
    end loop;
    perform chain.finish(array_fill('account'::text, array[cardinality(done_ids)]), done_ids, done_versions);
    perform chain.postpone(array_fill('account'::text, array[cardinality(late_ids)]), late_ids, late_versions,
                           late_seconds, late_codes, late_counted, late_parked);
end
$$;

-- Verdicts as in claim_accounts; a group's organization sleeps while its connection is paused.
create function writer.claim_organizations(worker text, tenants uuid[], ids uuid[], lease interval)
    returns table (
        verdict text, id uuid, tenant_id uuid, version bigint, attempts smallint, urgent boolean, trace text, desk_id uuid,
        source text, group_id uuid, organization_prefix text, wanted_name text, source_removed boolean,
        intent_name text, desk_organization_id text, desk_name text, applied_name text, marked_at_desk boolean, linked boolean
    )
    language plpgsql volatile
as $$
declare
    one uuid;
    mine uuid[];
    taken uuid[];
    asleep_ids uuid[];
    asleep_versions bigint[];
    asleep_codes text[];
begin
    for one in select distinct t from unnest(tenants) as t order by t loop
        perform chain.enter_tenant(one);
        select array_agg(distinct k.id) into mine from unnest(tenants, ids) as k (tenant, id) where k.tenant = one;

        select coalesce(array_agg(s.id), '{}'), coalesce(array_agg(s.version), '{}'),
               coalesce(array_agg(case when c.mode <> 'live' then 'paused' when n.state <> 'active' then 'suspended' else 'disabled' end), '{}')
          into asleep_ids, asleep_versions, asleep_codes
          from chain.sync s
          join router.organization o on o.tenant_id = one and o.id = s.id
          join console.tenant n on n.id = one
          join console.desk d on d.id = n.desk_id
          left join console.connection c on c.tenant_id = one and c.id = o.connection_id
         where s.kind = 'organization' and s.id = any (mine) and s.tenant_id = one and s.done_version < s.version
           and s.parked_at is null and (s.claim_until is null or s.claim_until <= clock_timestamp())
           and (c.mode <> 'live' or n.state <> 'active' or d.state <> 'active');
        if cardinality(asleep_ids) > 0 then
            perform chain.postpone(array_fill('organization'::text, array[cardinality(asleep_ids)]), asleep_ids, asleep_versions,
                                   array_fill(null::double precision, array[cardinality(asleep_ids)]), asleep_codes,
                                   array_fill(false, array[cardinality(asleep_ids)]), array_fill(false, array[cardinality(asleep_ids)]));
        end if;

        with free as (
            select s.kind, s.id from chain.sync s
             where s.kind = 'organization' and s.id = any (mine) and s.tenant_id = one and s.done_version < s.version
               and not (s.id = any (asleep_ids))
               and s.parked_at is null and (s.not_before is null or s.not_before <= clock_timestamp())
               and (s.claim_until is null or s.claim_until <= clock_timestamp())
             order by s.id for update skip locked
        ), won as (
            update chain.sync s set claim_worker = worker, claim_until = clock_timestamp() + lease
              from free f where s.kind = f.kind and s.id = f.id
            returning s.id)
        select coalesce(array_agg(w.id), '{}') into taken from won w;

        return query
        select case when s.id = any (taken) then 'claimed'
                    when s.id = any (asleep_ids) then 'paused'
                    when s.done_version >= s.version then 'stale'
                    when s.claim_until > clock_timestamp() then 'busy' else 'waiting' end,
               s.id, one, s.version, s.attempts, s.prio = 0, s.trace, o.desk_id,
               o.source, o.group_id, n.organization_prefix, o.wanted_name, o.source_removed_at is not null,
               o.intent_name, o.desk_organization_id, o.desk_name, o.applied_name, o.marked_at_desk, o.linked
          from chain.sync s
          join console.tenant n on n.id = one
          left join router.organization o on o.tenant_id = one and o.id = s.id
         where s.kind = 'organization' and s.id = any (mine) and s.tenant_id = one;
    end loop;
end
$$;

-- Saves an organization's progress between steps; null leaves a column. False: the claim was lost, stop.
create function writer.save_organization(
    worker text, tenant uuid, organization uuid, lease interval, new_intent_name text, new_desk_organization_id text,
    new_desk_name text, new_applied_name text, new_marked boolean, new_linked boolean
) returns boolean
    language plpgsql volatile
as $$
begin
    perform chain.enter_tenant(tenant);
    update chain.sync s set claim_until = clock_timestamp() + lease
     where s.kind = 'organization' and s.id = organization and s.claim_worker = worker and s.claim_until > clock_timestamp();
    if not found then
        return false;
    end if;
    update router.organization o
       set intent_name = coalesce(new_intent_name, o.intent_name),
           intent_at = case when new_intent_name is not null then now() else o.intent_at end,
           desk_organization_id = coalesce(new_desk_organization_id, o.desk_organization_id),
           desk_name = coalesce(new_desk_name, o.desk_name), applied_name = coalesce(new_applied_name, o.applied_name),
           marked_at_desk = coalesce(new_marked, o.marked_at_desk), linked = coalesce(new_linked, o.linked),
           confirmed_at = now(), code = null
     where o.tenant_id = tenant and o.id = organization;
    return true;
end
$$;

-- The next membership rows to carry out, leavers first; rows of a paused connection or of an account that is not at the desk
-- yet wait there. Renews the claim; no row with account_id null comes back when the claim is lost: then `mine` is false.
create function writer.read_memberships(worker text, tenant uuid, organization uuid, lease interval, most integer)
    returns table (mine boolean, account_id uuid, desk_account_id text, wanted boolean)
    language plpgsql volatile
as $$
begin
    perform chain.enter_tenant(tenant);
    update chain.sync s set claim_until = clock_timestamp() + lease
     where s.kind = 'organization' and s.id = organization and s.claim_worker = worker and s.claim_until > clock_timestamp();
    if not found then
        return query select false, null::uuid, null::text, null::boolean;
        return;
    end if;
    -- Memberships that were there before us are theirs: we stop wanting them and touch nothing.
    update router.membership m set applied = false, applied_at = now(), code = null
     where m.tenant_id = tenant and m.organization_id = organization and not m.wanted and m.applied and m.origin = 'theirs';
    return query
    (select true, m.account_id, i.desk_account_id, m.wanted
       from router.membership m
       join router.account a on a.tenant_id = m.tenant_id and a.id = m.account_id
       join console.connection c on c.tenant_id = a.tenant_id and c.id = a.connection_id and c.mode = 'live'
       join console.tenant n on n.id = m.tenant_id and n.state = 'active'
       join writer.desk_identity i on i.tenant_id = m.tenant_id and i.account_id = m.account_id and i.role = 'live'
            and i.desk_account_id is not null
      where m.tenant_id = tenant and m.organization_id = organization and m.wanted <> m.applied and m.code is null
      order by m.wanted, m.wanted_at limit most);
end
$$;

create function writer.record_memberships(
    tenant uuid, organization uuid, accounts uuid[], now_applied boolean[], origins text[], codes text[]
) returns void
    language plpgsql volatile
as $$
begin
    perform chain.enter_tenant(tenant);
    update router.membership m
       set applied = k.applied, applied_at = now(), origin = coalesce(k.origin, m.origin), code = k.code
      from (select * from unnest(accounts, now_applied, origins, codes) as u (account, applied, origin, code) order by u.account) k
     where m.tenant_id = tenant and m.organization_id = organization and m.account_id = k.account;
end
$$;

-- Ends a claim on an organization: done | retry | park. False: the claim was lost and nothing was changed.
create function writer.record_organization(
    worker text, tenant uuid, organization uuid, version bigint, result text, seconds double precision, counted boolean,
    new_code text, event text, new_trace text
) returns boolean
    language plpgsql volatile
as $$
begin
    perform chain.enter_tenant(tenant);
    perform from chain.sync s where s.kind = 'organization' and s.id = organization and s.claim_worker = worker for update;
    if not found then
        return false;
    end if;
    update router.organization o set code = new_code,
           confirmed_at = case when result = 'done' then now() else o.confirmed_at end
     where o.tenant_id = tenant and o.id = organization;
    if event is not null then
        insert into chain.timeline (tenant_id, subject_id, stage, code, reason, trace)
        values (tenant, organization, 'done', event, new_code, new_trace);
    end if;
    if result = 'done' then
        perform chain.finish(array['organization'], array[organization], array[record_organization.version]);
    else
        perform chain.postpone(array['organization'], array[organization], array[record_organization.version], array[seconds],
                               array[new_code], array[counted], array[result = 'park']);
    end if;
    return true;
end
$$;

-- Takes up to `want` permits. A share of the burst (`reserve`, 0..1) is kept for leavers. `wait` in seconds until one is there.
create function writer.take_permits(
    desk uuid, endpoint text, method text, want integer, urgent boolean, default_rate double precision, default_burst double precision,
    reserve double precision, out granted integer, out wait double precision, out code text
)
    language plpgsql volatile
as $$
declare
    bucket record;
    available double precision;
begin
    insert into writer.permit as p (desk_id, endpoint, method, tokens, rate, burst)
    values (desk, take_permits.endpoint, take_permits.method, default_burst, default_rate, default_burst)
    on conflict on constraint permit_pkey do nothing;
    select p.tokens, p.rate, p.burst, p.refilled_at, p.blocked_until, p.code into bucket from writer.permit p
     where p.desk_id = desk and p.endpoint = take_permits.endpoint and p.method = take_permits.method for update;
    if bucket.blocked_until > clock_timestamp() then
        granted := 0;
        wait := extract(epoch from bucket.blocked_until - clock_timestamp());
        code := bucket.code;
        return;
    end if;
    available := least(default_burst, bucket.tokens
        + default_rate * extract(epoch from clock_timestamp() - bucket.refilled_at));
    granted := greatest(0, least(want, floor(available - case when urgent then 0 else default_burst * reserve end)));
    wait := case when granted > 0 then 0
                 else (1 + case when urgent then 0 else default_burst * reserve end - available) / default_rate end;
    update writer.permit p
       set tokens = available - granted, refilled_at = clock_timestamp(), rate = default_rate, burst = default_burst,
           blocked_until = null, code = null
     where p.desk_id = desk and p.endpoint = take_permits.endpoint and p.method = take_permits.method;
end
$$;

-- A 429: nobody calls this endpoint (or, endpoint null, this desk) for so long.
create function writer.block_permits(desk uuid, blocked_endpoint text, blocked_method text, seconds double precision, new_code text)
    returns void
    language sql volatile
as $$
    insert into writer.permit as p (desk_id, endpoint, method, tokens, rate, burst, blocked_until, code)
    select desk, blocked_endpoint, blocked_method, 0, 1, 1, clock_timestamp() + seconds * interval '1 second', new_code
     where blocked_endpoint is not null
    on conflict on constraint permit_pkey do update set
        blocked_until = greatest(p.blocked_until, excluded.blocked_until), code = excluded.code;
    select chain.report_desk(desk, false, seconds * interval '1 second', new_code) where blocked_endpoint is null;
$$;

grant execute on all functions in schema writer to vestibule_writer;
