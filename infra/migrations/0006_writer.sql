-- What was done at the desk: identities, outcomes, permits. Claims and the desk's facts are read in one statement, so
-- nothing queued escapes a pause (design, rule 11). The functions are planned once, for look-ups by key: a plan for each tenant of
-- each batch took longer than its work, and one made while a table was empty would read the table whole ever after.
set local role vestibule_owner;

-- An intent is saved before every create: a row without desk_account_id whose create may or may not have happened.
-- intent: saved, nothing known (a crash leaves it) | unknown: called, no answer | idle: called or not, certainly without effect.
create table writer.desk_identity (
    tenant_id uuid not null,
    id uuid not null,
    desk_id uuid not null references console.desk,
    account_id uuid not null,
    desk_account_id text check (length(desk_account_id) between 1 and 256),
    role text not null default 'live' check (role in ('live', 'retired')),
    state text not null check (state in ('intent', 'unknown', 'idle', 'present', 'revoked')),
    email text not null,
    display_name text,                            -- null: unknown, as at_desk: the desk was asked and has not answered yet
    at_desk boolean default false,                -- listed at a closed service desk
    intent_at timestamptz not null default now(),
    created_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, account_id) references router.account (tenant_id, id),
    check ((state in ('intent', 'unknown', 'idle')) = (desk_account_id is null))
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

-- null: nobody looked yet | false: its account is not at the desk, record_accounts wakes it | true: it is. Without it every
-- reconcile of an organization would read all members of a first load that have no account yet.
alter table router.membership add column ready boolean;
create index membership_unseen on router.membership (tenant_id, organization_id) where ready is null;
-- In the order in which they are carried out: a batch reads itself and not all that waits.
create index membership_ready on router.membership
    (tenant_id, organization_id, (code is not null), wanted, wanted_at, account_id) where wanted is distinct from applied and ready;
grant update (ready) on router.membership to vestibule_writer;
grant update (marked_at, prio) on chain.sync to vestibule_writer;

-- The wanted name all of whose names at the desk were taken, and when that was tried.
alter table router.organization add column taken_name text, add column taken_at timestamptz;
grant update (taken_name, taken_at) on router.organization to vestibule_writer;

alter table writer.desk_identity enable row level security, force row level security;
alter table writer.outcome enable row level security, force row level security;
create policy one_tenant on writer.desk_identity using (tenant_id = chain.current_tenant());
create policy one_tenant on writer.outcome using (tenant_id = chain.current_tenant());
grant select, insert, update on writer.desk_identity, writer.outcome, writer.permit to vestibule_writer;
grant select on writer.desk_identity, writer.outcome, writer.permit to vestibule_console;

-- Whether the desk knows the account, or may do so by a create that was begun. The tenant was entered.
create function writer.is_at_desk(tenant uuid, account uuid) returns boolean
    language sql stable
as $$
    select exists (select from writer.desk_identity i
                    where i.tenant_id = is_at_desk.tenant and i.account_id = is_at_desk.account and i.role = 'live'
                      and i.state <> 'idle')
$$;
grant select (tenant_id, account_id, role, state) on writer.desk_identity to vestibule_router;
grant execute on function writer.is_at_desk(uuid, uuid) to vestibule_router;

-- Whether the account can be a member of something there. The tenant was entered.
create function writer.has_desk_account(tenant uuid, account uuid) returns boolean
    language sql stable
as $$
    select exists (select from writer.desk_identity i
                    where i.tenant_id = has_desk_account.tenant and i.account_id = has_desk_account.account
                      and i.role = 'live' and i.desk_account_id is not null)
$$;

-- Whether nothing forbids to call the desk for this connection (null: the tenant's own organization); null: it is not there.
create function writer.may_call(tenant uuid, connection uuid) returns boolean
    language plpgsql stable
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
    return (select n.state = 'active' and d.state = 'active' and coalesce(c.mode = 'live', connection is null)
              from console.tenant n
              join console.desk d on d.id = n.desk_id
              left join console.connection c on c.tenant_id = n.id and c.id = connection
             where n.id = tenant);
end
$$;

-- Why keys were not claimed: stale (nothing to do) | busy (another holds it; it waits for that claim) | waiting (deferred or
-- parked) | paused | suspended | disabled (put to sleep until woken). The tenant was entered.
create function writer.leave_unclaimed(tenant uuid, wanted_kind text, keys uuid[])
    returns table (verdict text, id uuid, version bigint)
    language plpgsql volatile
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    asleep_ids uuid[];
    asleep_versions bigint[];
    asleep_codes text[];
begin
    -- The rows before the look at the mode: a fan-out that wakes them waits for this, or this sees what it was told.
    perform from chain.sync s
     where s.kind = wanted_kind and s.id = any (keys) and s.tenant_id = tenant order by s.id for update;
    select coalesce(array_agg(s.id), '{}'), coalesce(array_agg(s.version), '{}'),
           coalesce(array_agg(case when n.state <> 'active' then 'suspended' when d.state <> 'active' then 'disabled' else 'paused' end), '{}')
      into asleep_ids, asleep_versions, asleep_codes
      from chain.sync s
      join console.tenant n on n.id = tenant
      join console.desk d on d.id = n.desk_id
      left join router.account a on wanted_kind = 'account' and a.tenant_id = tenant and a.id = s.id
      left join router.organization o on wanted_kind = 'organization' and o.tenant_id = tenant and o.id = s.id
      left join console.connection c on c.tenant_id = tenant and c.id = coalesce(a.connection_id, o.connection_id)
     where s.kind = wanted_kind and s.id = any (keys) and s.tenant_id = tenant and s.done_version < s.version
       and s.parked_at is null and (s.claim_until is null or s.claim_until <= clock_timestamp())
       and (c.mode <> 'live' or n.state <> 'active' or d.state <> 'active');
    if cardinality(asleep_ids) > 0 then
        perform chain.postpone(array_fill(wanted_kind, array[cardinality(asleep_ids)]),
                               array_fill(tenant, array[cardinality(asleep_ids)]), asleep_ids, asleep_versions,
                               array_fill(null::double precision, array[cardinality(asleep_ids)]), asleep_codes,
                               array_fill(false, array[cardinality(asleep_ids)]), array_fill(false, array[cardinality(asleep_ids)]));
    end if;
    return query
    select case when s.id = any (asleep_ids) then asleep_codes[array_position(asleep_ids, s.id)]
                when s.done_version >= s.version then 'stale'
                when s.claim_until > clock_timestamp() then 'busy' else 'waiting' end,
           s.id, s.version
      from chain.sync s
     where s.kind = wanted_kind and s.id = any (keys) and s.tenant_id = tenant;
    -- What has no row of its own could never be claimed: its message would come back for ever.
    keys := array(select k from unnest(keys) as k
                   where exists (select from router.account a where wanted_kind = 'account' and a.tenant_id = tenant and a.id = k)
                      or exists (select from router.organization o where wanted_kind = 'organization' and o.tenant_id = tenant and o.id = k));
    perform chain.wait_for_claim(array_fill(wanted_kind, array[cardinality(keys)]), array_fill(tenant, array[cardinality(keys)]), keys);
end
$$;

-- One row per key: `claimed`, with the account, or a verdict of leave_unclaimed.
create function writer.claim_accounts(worker text, tenants uuid[], ids uuid[], lease interval)
    returns table (
        verdict text, id uuid, tenant_id uuid, version bigint, attempts smallint, urgent boolean, desk_id uuid,
        email text, display_name text, access boolean, wanted_hash text,
        identity_id uuid, identity_state text, desk_account_id text, identity_email text, identity_display_name text,
        identity_at_desk boolean, applied_form text, held text, waited double precision
    )
    language plpgsql volatile
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    one record;
    taken uuid[];
    asleep uuid[];
    left_over uuid[];
begin
    -- Waits for a mark that is being committed: skipping its row would leave the key to the queue's lease.
    with free as (
        select s.id from unnest(tenants, ids) as k (tenant, id)
          join chain.sync s on s.kind = 'account' and s.id = k.id and s.tenant_id = k.tenant
         where s.done_version < s.version
           and s.parked_at is null and (s.not_before is null or s.not_before <= clock_timestamp())
           and (s.claim_until is null or s.claim_until <= clock_timestamp())
         order by s.tenant_id, s.id for update of s
    ), won as (
        update chain.sync s set claim_worker = worker, claim_until = clock_timestamp() + lease
          from free f where s.kind = 'account' and s.id = f.id
        returning s.id)
    select coalesce(array_agg(w.id), '{}') into taken from won w;

    for one in
        select k.tenant, array_agg(distinct k.id) as keys from unnest(tenants, ids) as k (tenant, id) group by k.tenant order by k.tenant
    loop
        perform chain.enter_tenant(one.tenant);
        asleep := '{}';
        left_over := array(select k from unnest(one.keys) as k where not (k = any (taken)) order by k);
        -- A statement of its own: it sees what was committed while the claim waited, version, account and mode as of one moment.
        for verdict, id, tenant_id, version, attempts, urgent, desk_id, email, display_name, access, wanted_hash,
            identity_id, identity_state, desk_account_id, identity_email, identity_display_name, identity_at_desk, applied_form, held, waited
        in
            select case when c.mode = 'live' and n.state = 'active' and d.state = 'active' then 'claimed' else 'asleep' end,
                   s.id, one.tenant, s.version, s.attempts, s.prio = 0, a.desk_id,
                   a.email, a.display_name, a.access, a.wanted_hash,
                   i.id, i.state, i.desk_account_id, i.email, i.display_name, i.at_desk, o.form, o.held,
                   extract(epoch from clock_timestamp() - s.marked_at)::double precision
              from unnest(one.keys) as k (id)
              join chain.sync s on s.kind = 'account' and s.id = k.id
              left join router.account a on a.tenant_id = one.tenant and a.id = s.id
              left join console.connection c on c.tenant_id = one.tenant and c.id = a.connection_id
              left join console.tenant n on n.id = one.tenant
              left join console.desk d on d.id = n.desk_id
              left join writer.desk_identity i on i.tenant_id = one.tenant and i.account_id = a.id and i.role = 'live'
              left join writer.outcome o on o.tenant_id = one.tenant and o.account_id = a.id
             where k.id = any (taken)
        loop
            if verdict = 'claimed' then
                return next;
            else
                asleep := asleep || id;
            end if;
        end loop;

        if cardinality(asleep) > 0 then
            update chain.sync s set claim_worker = null, claim_until = null
             where s.kind = 'account' and s.id = any (asleep) and s.claim_worker = worker;
        end if;
        if cardinality(asleep || left_over) > 0 then
            return query
            select l.verdict, l.id, one.tenant, l.version, 0::smallint, false, null::uuid,
                   null::text, null::text, null::boolean, null::text,
                   null::uuid, null::text, null::text, null::text, null::text, null::boolean, null::text, null::text,
                   null::double precision
              from writer.leave_unclaimed(one.tenant, 'account', asleep || left_over) l;
        end if;
    end loop;
end
$$;

-- Promise: for each row that comes back the claim is still this worker's, renewed, nothing newer is wanted, the connection is
-- live, and the intent is saved: the create call may be made. Rows that do not come back stop here, at a safe point.
create function writer.save_intents(worker text, items jsonb, lease interval)
    returns table (id uuid, identity_id uuid)
    language plpgsql volatile
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    one record;
    kept uuid[];
begin
    with mine as (
        select s.id from jsonb_to_recordset(items) as k (tenant uuid, account uuid, version bigint)
          join chain.sync s on s.kind = 'account' and s.id = k.account and s.tenant_id = k.tenant and s.version = k.version
                           and s.claim_worker = worker and s.claim_until > clock_timestamp()
         order by s.tenant_id, s.id for update of s
    ), renewed as (
        update chain.sync s set claim_until = clock_timestamp() + lease
          from mine m where s.kind = 'account' and s.id = m.id
        returning s.id)
    select array_agg(r.id) into kept from renewed r;
    for one in
        select i.tenant, array_agg(i.account order by i.account) as accounts,
               array_agg(i.identity order by i.account) as identities, array_agg(i.email order by i.account) as emails
          from jsonb_to_recordset(items) as i (tenant uuid, account uuid, identity uuid, email text)
         where i.account = any (kept) group by i.tenant order by i.tenant
    loop
        perform chain.enter_tenant(one.tenant);
        -- 'unknown' stays: only an answer ends it. The attempt that begins now leaves 'intent' behind if it dies.
        return query
        insert into writer.desk_identity as i (tenant_id, id, desk_id, account_id, state, email)
        select one.tenant, k.identity, a.desk_id, a.id, 'intent', k.email
          from unnest(one.accounts, one.identities, one.emails) as k (account, identity, email)
          join router.account a on a.tenant_id = one.tenant and a.id = k.account
          join console.connection c on c.tenant_id = one.tenant and c.id = a.connection_id and c.mode = 'live'
          join console.tenant n on n.id = one.tenant and n.state = 'active'
          join console.desk d on d.id = n.desk_id and d.state = 'active'
        on conflict (tenant_id, account_id) where role = 'live'
            do update set intent_at = now(), email = excluded.email,
                          state = case when i.state = 'idle' then 'intent' else i.state end
             where i.desk_account_id is null
        returning i.account_id, i.id;
    end loop;
end
$$;

-- Promise: as save_intents, for steps at a customer who is there. What they change is unknown (null) from here to the record:
-- a step whose answer nobody heard is carried out again, also when the opposite is wanted by then.
create function writer.save_steps(worker text, items jsonb, lease interval) returns table (id uuid)
    language plpgsql volatile
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    one uuid;
    kept uuid[];
begin
    with mine as (
        select s.id from jsonb_to_recordset(items) as k (tenant uuid, account uuid, version bigint)
          join chain.sync s on s.kind = 'account' and s.id = k.account and s.tenant_id = k.tenant and s.version = k.version
                           and s.claim_worker = worker and s.claim_until > clock_timestamp()
         order by s.tenant_id, s.id for update of s
    ), renewed as (
        update chain.sync s set claim_until = clock_timestamp() + lease
          from mine m where s.kind = 'account' and s.id = m.id
        returning s.id)
    select array_agg(r.id) into kept from renewed r;
    for one in select distinct k.tenant from jsonb_to_recordset(items) as k (tenant uuid) order by k.tenant loop
        perform chain.enter_tenant(one);
        return query
        update writer.desk_identity i
           set display_name = case when not k.renames then i.display_name end, at_desk = case when not k.moves then i.at_desk end
          from jsonb_to_recordset(items) as k (tenant uuid, account uuid, identity uuid, renames boolean, moves boolean)
          join router.account a on a.tenant_id = one and a.id = k.account
          join console.connection c on c.tenant_id = one and c.id = a.connection_id and c.mode = 'live'
          join console.tenant n on n.id = one and n.state = 'active'
          join console.desk d on d.id = n.desk_id and d.state = 'active'
         where k.tenant = one and k.account = any (kept) and i.tenant_id = one and i.id = k.identity
        returning k.account;
    end loop;
end
$$;

-- Between two steps: which of these claims are still this worker's, for the same version, with nothing paused; renewed.
create function writer.renew_accounts(worker text, tenants uuid[], ids uuid[], versions bigint[], lease interval)
    returns table (id uuid)
    language plpgsql volatile
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    one uuid;
begin
    for one in select distinct t from unnest(tenants) as t order by t loop
        perform chain.enter_tenant(one);
        return query
        with held as (
            select s.id from unnest(tenants, ids, versions) as k (tenant, id, version)
              join chain.sync s on s.kind = 'account' and s.id = k.id and s.version = k.version
                               and s.claim_worker = worker and s.claim_until > clock_timestamp()
              join router.account a on a.tenant_id = one and a.id = k.id
             where k.tenant = one and writer.may_call(one, a.connection_id)
             order by s.id for update of s)
        update chain.sync s set claim_until = clock_timestamp() + lease
          from held h where s.kind = 'account' and s.id = h.id
        returning s.id;
    end loop;
end
$$;

-- What is said about an account in hand; fields as in vestibule.database.outcomes.AccountRecord.
create type writer.account_record as (
    tenant uuid, account uuid, desk uuid, version bigint, result text, seconds double precision, counted boolean, code text,
    detail text, hash text, form text, held text, event text, trace text,
    identity uuid, identity_state text, desk_account_id text, display_name text, at_desk boolean,
    tell_organizations boolean, case_kind text, was_held boolean, hold double precision
);

-- What the desk has confirmed of these accounts' identities, of the tenant that was entered.
create function writer.note_identities(records writer.account_record[]) returns void
    language plpgsql volatile
as $$
begin
    update writer.desk_identity i
       set state = r.identity_state, desk_account_id = coalesce(r.desk_account_id, i.desk_account_id),
           display_name = r.display_name, at_desk = r.at_desk,
           created_at = case when i.desk_account_id is null and r.desk_account_id is not null then now() else i.created_at end
      from unnest(records) r
     where i.tenant_id = r.tenant and i.id = r.identity;
end
$$;

-- Records what happened to a batch of claimed accounts, one transaction; items whose claim was lost change nothing and do
-- not come back. `result`: done | retry (after `seconds`) | park | release (nothing to tell, may be picked again).
-- `hold` keeps the claim for so many seconds: a call without an answer may still act. A desk id that has an owner already is
-- never taken: the item is parked as held(adoption).
-- All accounts' keys are locked first, by tenant and id; then come, tenant by tenant, their rows, memberships and organizations.
create function writer.record_accounts(worker text, items jsonb) returns table (id uuid, owned_by_another boolean)
    language plpgsql volatile
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    one uuid;
    mine uuid[];
    batch writer.account_record[];
    part writer.account_record[];
    item writer.account_record;
    recorded writer.account_record[] := '{}';
    clashes uuid[] := '{}';
    told uuid[];
begin
    select array_agg(l.id) into mine
      from (select s.id from jsonb_to_recordset(items) as i (tenant uuid, account uuid)
              join chain.sync s on s.kind = 'account' and s.id = i.account and s.claim_worker = worker
             order by i.tenant, i.account for update of s) l;
    select array_agg(i order by i.account) into batch
      from jsonb_populate_recordset(null::writer.account_record, items) i where i.account = any (mine);
    for one in select distinct i.tenant from unnest(batch) i order by i.tenant loop
        perform chain.enter_tenant(one);
        part := array(select i from unnest(batch) i where i.tenant = one order by i.account);
        begin
            perform writer.note_identities(part);
        exception when unique_violation then
            for place in 1 .. cardinality(part) loop
                begin
                    perform writer.note_identities(part[place:place]);
                exception when unique_violation then
                    item := part[place];
                    item.result := 'park';
                    item.held := 'adoption';
                    item.code := 'adoption';
                    item.detail := 'owned_already';
                    item.event := 'held';
                    item.case_kind := 'adoption';
                    item.hash := null;
                    item.form := null;
                    item.tell_organizations := false;
                    part[place] := item;
                    clashes := clashes || item.account;
                end;
            end loop;
        end;
        perform writer.record_outcomes(part);
        told := array(select i.account from unnest(part) i where i.tell_organizations);
        if cardinality(told) > 0 then
            perform writer.tell_organizations(one, part[1].desk, told, (select max(i.trace) from unnest(part) i where i.tell_organizations));
        end if;
        recorded := recorded || part;
    end loop;
    perform chain.finish(array_agg('account'::text), array_agg(i.tenant), array_agg(i.account), array_agg(i.version))
       from unnest(recorded) i where i.result = 'done' having count(*) > 0;
    perform writer.end_late(worker, recorded);
    return query select i.account, i.account = any (clashes) from unnest(recorded) i;
end
$$;

-- Outcomes, what is told of them, and cases, of the tenant that was entered.
create function writer.record_outcomes(records writer.account_record[]) returns void
    language plpgsql volatile
as $$
begin
    insert into writer.outcome as o (tenant_id, account_id, applied_hash, applied_version, form, held, code, confirmed_at)
    select r.tenant, r.account, r.hash, case when r.result = 'done' then r.version else 0 end, r.form,
           r.held, r.code, case when r.hash is not null then clock_timestamp() end
      from unnest(records) r where r.result <> 'release'
    on conflict on constraint outcome_pkey do update set
        applied_hash = coalesce(excluded.applied_hash, o.applied_hash),
        applied_version = greatest(excluded.applied_version, o.applied_version),
        form = coalesce(excluded.form, o.form), held = excluded.held, code = excluded.code,
        confirmed_at = coalesce(excluded.confirmed_at, o.confirmed_at), updated_at = clock_timestamp();
    insert into chain.timeline (tenant_id, subject_id, stage, code, reason, trace)
    select r.tenant, r.account, 'done', r.event, coalesce(r.held, r.detail, r.code), r.trace
      from unnest(records) r where r.result <> 'release' and r.event is not null;
    if exists (select from unnest(records) r where r.result <> 'release' and r.case_kind is not null) then
        insert into router."case" (tenant_id, kind, subject_id, connection_id)
        select r.tenant, r.case_kind, r.account, a.connection_id
          from unnest(records) r
          join router.account a on a.tenant_id = r.tenant and a.id = r.account
         where r.result <> 'release' and r.case_kind is not null
        on conflict (tenant_id, kind, subject_id) where closed_at is null do nothing;
    end if;
    if exists (select from unnest(records) r where r.was_held and r.result = 'done' and r.held is null) then
        update router."case" c set closed_at = now(), decision = 'resolved'
          from unnest(records) r
         where r.was_held and r.result = 'done' and r.held is null and r.case_kind is null
           and c.tenant_id = r.tenant and c.subject_id = r.account and c.kind = 'adoption' and c.closed_at is null;
    end if;
end
$$;

-- Ends the claims of those that are not done: they wait or are parked. Their keys are locked.
create function writer.end_late(worker text, records writer.account_record[]) returns void
    language plpgsql volatile
as $$
begin
    if not exists (select from unnest(records) r where r.result <> 'done') then
        return;
    end if;
    perform chain.postpone(array_agg('account'::text), array_agg(r.tenant), array_agg(r.account), array_agg(r.version),
                           array_agg(coalesce(r.seconds, case when r.result = 'release' then 0 end)), array_agg(r.code),
                           array_agg(coalesce(r.counted, true) and r.result <> 'release'), array_agg(r.result = 'park'))
       from unnest(records) r where r.result <> 'done';
    update chain.sync s set claim_worker = case when r.hold > 0 then worker end,
                            claim_until = case when r.hold > 0 then clock_timestamp() + r.hold * interval '1 second' end
      from unnest(records) r
     where r.result <> 'done' and s.kind = 'account' and s.id = r.account;
end
$$;

-- The organizations of these accounts, which are at the desk now, have something to do; a leaver's go first. They are dirty since
-- their memberships were wanted, which is before the accounts that still wait: nobody is complete only when the last one of a load is
-- made. The tenant was entered.
create function writer.tell_organizations(tenant uuid, desk uuid, accounts uuid[], trace text) returns void
    language plpgsql volatile
as $$
declare
    waiting uuid[];
    lanes smallint[];
    waiting_since timestamptz[];
begin
    -- The marks before the rows, as the router does; as many organizations as there are.
    select array_agg(w.id order by w.id), array_agg(w.lane order by w.id), array_agg(w.since order by w.id)
      into waiting, lanes, waiting_since
      from (select m.organization_id as id, (case when bool_or(not m.wanted) then 0 else 1 end)::smallint as lane,
                   min(m.wanted_at) as since
              from router.membership m
             where m.tenant_id = tenant and m.account_id = any (accounts) and m.wanted is distinct from m.applied
             group by m.organization_id) w;
    if waiting is not null then
        perform chain.mark_each('organization', tenant, desk, waiting, lanes, array_fill(trace, array[cardinality(waiting)]));
        update chain.sync s set marked_at = waiting_since[array_position(waiting, s.id)]
         where s.kind = 'organization' and s.id = any (waiting) and s.tenant_id = tenant
           and s.marked_at > waiting_since[array_position(waiting, s.id)];
    end if;
    with unready as (
        select m.organization_id, m.account_id from router.membership m
         where m.tenant_id = tenant and m.account_id = any (accounts) and m.ready is distinct from true
         order by m.organization_id, m.account_id for no key update)
    update router.membership m set ready = true
      from unready w
     where m.tenant_id = tenant and m.organization_id = w.organization_id and m.account_id = w.account_id;
end
$$;

-- Verdicts as in claim_accounts; a group's organization sleeps while its connection is paused. Taken names are tried again
-- after ten minutes, and by a replay: that leaves the code where a mark clears it.
create function writer.claim_organizations(worker text, tenants uuid[], ids uuid[], lease interval)
    returns table (
        verdict text, id uuid, tenant_id uuid, version bigint, attempts smallint, urgent boolean, desk_id uuid,
        source text, organization_prefix text, wanted_name text, source_removed boolean,
        intent_name text, desk_organization_id text, desk_name text, applied_name text, marked_at_desk boolean, linked boolean,
        code text, claimed_at timestamptz, refused integer, waited double precision, names_taken text
    )
    language plpgsql volatile
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    one record;
    taken uuid[];
begin
    for one in
        select k.tenant, array_agg(distinct k.id) as keys from unnest(tenants, ids) as k (tenant, id) group by k.tenant order by k.tenant
    loop
        perform chain.enter_tenant(one.tenant);
        with free as (
            select s.id from chain.sync s
              join router.organization o on o.tenant_id = one.tenant and o.id = s.id
              join console.tenant n on n.id = one.tenant and n.state = 'active'
              join console.desk d on d.id = n.desk_id and d.state = 'active'
              left join console.connection c on c.tenant_id = one.tenant and c.id = o.connection_id
             where s.kind = 'organization' and s.id = any (one.keys) and s.tenant_id = one.tenant and s.done_version < s.version
               and (o.connection_id is null or c.mode = 'live')
               and s.parked_at is null and (s.not_before is null or s.not_before <= clock_timestamp())
               and (s.claim_until is null or s.claim_until <= clock_timestamp())
             order by s.id for update of s
        ), won as (
            update chain.sync s set claim_worker = worker, claim_until = clock_timestamp() + lease
              from free f where s.kind = 'organization' and s.id = f.id
            returning s.id)
        select coalesce(array_agg(w.id), '{}') into taken from won w;

        return query
        select 'claimed'::text, s.id, one.tenant, s.version, s.attempts, s.prio = 0, o.desk_id,
               o.source, n.organization_prefix, o.wanted_name, o.source_removed_at is not null,
               o.intent_name, o.desk_organization_id, o.desk_name, o.applied_name, o.marked_at_desk, o.linked,
               o.code, clock_timestamp(),
               (select count(*)::integer from router.membership m
                 where m.tenant_id = one.tenant and m.organization_id = o.id and m.wanted is distinct from m.applied and m.ready
                   and m.code is not null),
               extract(epoch from clock_timestamp() - s.marked_at)::double precision,
               case when o.taken_at > clock_timestamp() - interval '10 minutes' and s.code is distinct from 'organization_name_taken'
                    then o.taken_name end
          from chain.sync s
          join console.tenant n on n.id = one.tenant
          join router.organization o on o.tenant_id = one.tenant and o.id = s.id
         where s.kind = 'organization' and s.id = any (taken);

        if cardinality(taken) < cardinality(one.keys) then
            return query
            select l.verdict, l.id, one.tenant, l.version, 0::smallint, false, null::uuid,
                   null::text, null::text, null::text, null::boolean,
                   null::text, null::text, null::text, null::text, null::boolean, null::boolean,
                   null::text, null::timestamptz, null::integer, null::double precision, null::text
              from writer.leave_unclaimed(one.tenant, 'organization',
                                          array(select k from unnest(one.keys) as k where not (k = any (taken)) order by k)) l;
        end if;
    end loop;
end
$$;

-- Renews an organization's claim between two steps: 'saved' | 'lost' (another's now) | 'stopped' (something was paused).
create function writer.renew_organization(worker text, tenant uuid, organization uuid, lease interval) returns text
    language plpgsql volatile
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
    perform chain.enter_tenant(tenant);
    update chain.sync s set claim_until = clock_timestamp() + lease
     where s.kind = 'organization' and s.id = organization and s.claim_worker = worker and s.claim_until > clock_timestamp();
    if not found then
        return 'lost';
    end if;
    return case when (select writer.may_call(tenant, o.connection_id) from router.organization o
                       where o.tenant_id = tenant and o.id = organization) then 'saved' else 'stopped' end;
end
$$;

-- Saves an organization's progress between steps; null leaves a column. As renew_organization, or 'taken': that name is the
-- intent of, or that organization at the desk belongs to, another organization of whatever tenant; nothing was saved.
create function writer.save_organization(
    worker text, tenant uuid, organization uuid, lease interval, new_intent_name text, new_desk_organization_id text,
    new_desk_name text, new_applied_name text, new_marked boolean, new_linked boolean
) returns text
    language plpgsql volatile
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    renewed constant text := writer.renew_organization(worker, tenant, organization, lease);
begin
    if renewed = 'lost' then
        return renewed;
    end if;
    update router.organization o
       set intent_name = coalesce(new_intent_name, o.intent_name),
           intent_at = case when new_intent_name is not null then now() else o.intent_at end,
           desk_organization_id = coalesce(new_desk_organization_id, o.desk_organization_id),
           desk_name = coalesce(new_desk_name, o.desk_name), applied_name = coalesce(new_applied_name, o.applied_name),
           marked_at_desk = coalesce(new_marked, o.marked_at_desk), linked = coalesce(new_linked, o.linked),
           confirmed_at = now()
     where o.tenant_id = tenant and o.id = organization;
    return renewed;
exception when unique_violation then
    return 'taken';
end
$$;

-- Memberships that the desk had before us are theirs (design, rule 8): counted as applied, never removed by us.
create function writer.adopt_memberships(worker text, tenant uuid, organization uuid, lease interval, members text[]) returns text
    language plpgsql volatile
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    renewed constant text := writer.renew_organization(worker, tenant, organization, lease);
begin
    if renewed <> 'lost' then
        update router.membership m set applied = true, applied_at = clock_timestamp(), origin = 'theirs', code = null
          from writer.desk_identity i
         where m.tenant_id = tenant and m.organization_id = organization and not m.applied
           and i.tenant_id = tenant and i.account_id = m.account_id and i.role = 'live' and i.desk_account_id = any (members);
    end if;
    return renewed;
end
$$;

-- In the order of membership_ready and by no sort, which would read all that wait. The tenant was entered.
create function writer.next_memberships(tenant uuid, organization uuid, coded_before timestamptz, most integer)
    returns table (account_id uuid, desk_account_id text, wanted boolean)
    language plpgsql stable
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
    set enable_bitmapscan = off set enable_sort = off
as $$
#variable_conflict use_column
begin
    return query
    select m.account_id, i.desk_account_id, m.wanted
      from router.membership m
     cross join lateral (
          select f.desk_account_id
            from router.account a
            join console.connection c on c.tenant_id = a.tenant_id and c.id = a.connection_id and c.mode = 'live'
            join writer.desk_identity f on f.tenant_id = a.tenant_id and f.account_id = a.id and f.role = 'live'
                 and f.desk_account_id is not null
           where a.tenant_id = tenant and a.id = m.account_id and (a.access or not m.wanted) offset 0) i
     where m.tenant_id = tenant and m.organization_id = organization and m.wanted is distinct from m.applied and m.ready
       and (m.code is null or m.applied_at is null or m.applied_at < coded_before)
     order by m.code is not null, m.wanted, m.wanted_at, m.account_id limit most;
end
$$;

-- The next membership rows to carry out, leavers first; rows of a paused connection or of an account that is not at the desk
-- yet wait there. Rows with a code were refused: they come last, and only if their last attempt is older than `coded_before`.
-- What comes back is unknown (null) until it is recorded: a crash, or a call without an answer, is carried out again, also when
-- the opposite is wanted by then. Renews the claim; when that fails one row comes back with the verdict of renew_organization
-- and nothing else.
create function writer.read_memberships(
    worker text, tenant uuid, organization uuid, lease interval, coded_before timestamptz, most integer
) returns table (verdict text, account_id uuid, desk_account_id text, wanted boolean)
    language plpgsql volatile
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
    set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
    unseen uuid[];
    missing uuid[];
    renewed text;
    chosen uuid[];
    desk_accounts text[];
    wishes boolean[];
begin
    perform chain.enter_tenant(tenant);
    select array_agg(m.account_id), array_agg(m.account_id) filter (where not l.at_desk) into unseen, missing
      from router.membership m cross join lateral (select writer.has_desk_account(tenant, m.account_id) as at_desk) l
     where m.tenant_id = tenant and m.organization_id = organization and m.ready is null;
    if missing is not null then
        -- Such an account may be recorded this very moment by somebody who does not see the membership: wait for that
        -- record, look again. Accounts are locked before organizations, as in record_accounts.
        perform from chain.sync s where s.kind = 'account' and s.id = any (missing) order by s.id for share;
    end if;
    renewed := writer.renew_organization(worker, tenant, organization, lease);  -- locks the key, and only then come its rows
    if renewed <> 'saved' then
        return query select renewed, null::uuid, null::text, null::boolean;
        return;
    end if;
    if unseen is not null then
        update router.membership m set ready = writer.has_desk_account(tenant, m.account_id)
         where m.tenant_id = tenant and m.organization_id = organization and m.account_id = any (unseen) and m.ready is null;
    end if;
    -- We stop wanting what is theirs and touch nothing at the desk.
    update router.membership m set applied = false, applied_at = clock_timestamp(), code = null
     where m.tenant_id = tenant and m.organization_id = organization and not m.wanted
       and m.wanted is distinct from m.applied and m.origin = 'theirs';
    select array_agg(c.account_id), array_agg(c.desk_account_id), array_agg(c.wanted)
      into chosen, desk_accounts, wishes
      from writer.next_memberships(tenant, organization, coded_before, most) c;
    if chosen is null then
        return;
    end if;
    perform from router.membership m
     where m.tenant_id = tenant and m.organization_id = organization and m.account_id = any (chosen)
     order by m.account_id for no key update;
    update router.membership m set applied = null
     where m.tenant_id = tenant and m.organization_id = organization and m.account_id = any (chosen) and m.applied is not null;
    return query select 'saved', k.account, k.desk_account, k.wish from unnest(chosen, desk_accounts, wishes) as k (account, desk_account, wish);
end
$$;

-- False: the claim was lost and nothing was changed. `remaining` tells how many refused rows the organization has now.
create function writer.record_memberships(
    worker text, tenant uuid, organization uuid, accounts uuid[], now_applied boolean[], codes text[],
    out mine boolean, out remaining integer
)
    language plpgsql volatile
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
    set enable_bitmapscan = off
as $$
begin
    perform chain.enter_tenant(tenant);
    perform from chain.sync s where s.kind = 'organization' and s.id = organization and s.claim_worker = worker for update;
    mine := found;
    if not mine then
        return;
    end if;
    with rows as (
        select m.account_id, k.applied, k.code
          from unnest(accounts, now_applied, codes) as k (account, applied, code)
          join router.membership m on m.tenant_id = tenant and m.organization_id = organization and m.account_id = k.account
         order by m.account_id for no key update of m)
    update router.membership m set applied = r.applied, applied_at = clock_timestamp(), code = r.code
      from rows r
     where m.tenant_id = tenant and m.organization_id = organization and m.account_id = r.account_id;
    select count(*) into remaining
      from router.membership m
     where m.tenant_id = tenant and m.organization_id = organization and m.wanted is distinct from m.applied and m.ready
       and m.code is not null;
end
$$;

-- Ends a claim on an organization: done | retry | park | release. False: the claim was lost and nothing was changed.
create function writer.record_organization(
    worker text, tenant uuid, organization uuid, version bigint, result text, seconds double precision, counted boolean,
    new_code text, detail text, event text, new_trace text, hold double precision, calm boolean, names_taken text
) returns boolean
    language plpgsql volatile
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
    perform chain.enter_tenant(tenant);
    perform from chain.sync s where s.kind = 'organization' and s.id = organization and s.claim_worker = worker for update;
    if not found then
        return false;
    end if;
    if result <> 'release' then
        update router.organization o set code = new_code,
               confirmed_at = case when result = 'done' then clock_timestamp() else o.confirmed_at end,
               taken_name = coalesce(names_taken, o.taken_name),
               taken_at = case when names_taken is not null then clock_timestamp() else o.taken_at end
         where o.tenant_id = tenant and o.id = organization
           and (o.code is distinct from new_code or result = 'done' or names_taken is not null);
        if event is not null then
            insert into chain.timeline (tenant_id, subject_id, stage, code, reason, trace)
            values (tenant, organization, 'done', event, coalesce(detail, new_code), new_trace);
        end if;
        if result = 'park' and new_code = 'organization_name_taken' then
            insert into router."case" (tenant_id, kind, subject_id, connection_id)
            select tenant, 'adoption', organization, o.connection_id
              from router.organization o where o.tenant_id = tenant and o.id = organization
            on conflict (tenant_id, kind, subject_id) where closed_at is null do nothing;
        elsif result = 'done' then
            update router."case" c set closed_at = now(), decision = 'resolved'
             where c.tenant_id = tenant and c.subject_id = organization and c.kind = 'adoption' and c.closed_at is null;
        end if;
    end if;
    if result = 'done' then
        perform chain.finish(array['organization'], array[tenant], array[organization], array[record_organization.version]);
    else
        update chain.sync s set claim_worker = null, claim_until = null where s.kind = 'organization' and s.id = organization;
        perform chain.postpone(array['organization'], array[tenant], array[organization], array[record_organization.version],
                               array[coalesce(seconds, case when result = 'release' then 0 end)], array[new_code],
                               array[counted and result <> 'release'], array[result = 'park']);
    end if;
    if calm then  -- unless a leaver was marked meanwhile
        update chain.sync s set prio = 1
         where s.kind = 'organization' and s.id = organization and s.version = record_organization.version and s.prio = 0;
    end if;
    if result <> 'done' then
        update chain.sync s set claim_worker = case when hold > 0 then worker end,
                                claim_until = case when hold > 0 then clock_timestamp() + hold * interval '1 second' end
         where s.kind = 'organization' and s.id = organization;
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
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    bucket record;
    available double precision;
    kept constant double precision := case when urgent then 0 else least(default_burst * reserve, default_burst - 1) end;
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
    granted := greatest(0, least(want, floor(available - kept)));
    wait := case when granted > 0 then 0
                 else (1 + kept - available) / default_rate end;
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
