-- What was done at the desk: identities, outcomes, permits. Claims and the desk's facts are read in one statement, so
-- nothing queued escapes a pause (design, rule 11).
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
create index membership_ready on router.membership (tenant_id, organization_id)
    where wanted is distinct from applied and ready is not false;
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

-- Whether nothing forbids to call the desk for this connection (null: the tenant's own organization); null: it is not there.
create function writer.may_call(tenant uuid, connection uuid) returns boolean
    language sql stable
as $$
    select n.state = 'active' and d.state = 'active' and coalesce(c.mode = 'live', connection is null)
      from console.tenant n
      join console.desk d on d.id = n.desk_id
      left join console.connection c on c.tenant_id = n.id and c.id = connection
     where n.id = tenant
$$;

-- Why keys were not claimed: stale (nothing to do) | busy (another holds it; it waits for that claim) | waiting (deferred or
-- parked) | paused | suspended | disabled (put to sleep until woken). The tenant was entered.
create function writer.leave_unclaimed(tenant uuid, wanted_kind text, keys uuid[])
    returns table (verdict text, id uuid, version bigint)
    language plpgsql volatile
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
        perform chain.postpone(array_fill(wanted_kind, array[cardinality(asleep_ids)]), asleep_ids, asleep_versions,
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
    perform chain.wait_for_claim(array_fill(wanted_kind, array[cardinality(keys)]), keys);
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
as $$
declare
    one record;
    taken uuid[];
begin
    for one in
        select k.tenant, array_agg(distinct k.id) as keys from unnest(tenants, ids) as k (tenant, id) group by k.tenant order by k.tenant
    loop
        perform chain.enter_tenant(one.tenant);
        -- Waits for a mark that is being committed: skipping its row would leave the key to the queue's lease.
        with free as (
            select s.id from chain.sync s
              join router.account a on a.tenant_id = one.tenant and a.id = s.id
              join console.connection c on c.tenant_id = one.tenant and c.id = a.connection_id and c.mode = 'live'
              join console.tenant n on n.id = one.tenant and n.state = 'active'
              join console.desk d on d.id = n.desk_id and d.state = 'active'
             where s.kind = 'account' and s.id = any (one.keys) and s.tenant_id = one.tenant and s.done_version < s.version
               and s.parked_at is null and (s.not_before is null or s.not_before <= clock_timestamp())
               and (s.claim_until is null or s.claim_until <= clock_timestamp())
             order by s.id for update of s
        ), won as (
            update chain.sync s set claim_worker = worker, claim_until = clock_timestamp() + lease
              from free f where s.kind = 'account' and s.id = f.id
            returning s.id)
        select coalesce(array_agg(w.id), '{}') into taken from won w;

        -- A statement of its own: it sees what was committed while the claim waited, version and account as of one moment.
        return query
        select 'claimed'::text, s.id, one.tenant, s.version, s.attempts, s.prio = 0, a.desk_id,
               a.email, a.display_name, a.access, a.wanted_hash,
               i.id, i.state, i.desk_account_id, i.email, i.display_name, i.at_desk, o.form, o.held,
               extract(epoch from clock_timestamp() - s.marked_at)::double precision
          from chain.sync s
          join router.account a on a.tenant_id = one.tenant and a.id = s.id
          left join writer.desk_identity i on i.tenant_id = one.tenant and i.account_id = a.id and i.role = 'live'
          left join writer.outcome o on o.tenant_id = one.tenant and o.account_id = a.id
         where s.kind = 'account' and s.id = any (taken);

        if cardinality(taken) < cardinality(one.keys) then
            return query
            select l.verdict, l.id, one.tenant, l.version, 0::smallint, false, null::uuid,
                   null::text, null::text, null::boolean, null::text,
                   null::uuid, null::text, null::text, null::text, null::text, null::boolean, null::text, null::text,
                   null::double precision
              from writer.leave_unclaimed(one.tenant, 'account',
                                          array(select k from unnest(one.keys) as k where not (k = any (taken)) order by k)) l;
        end if;
    end loop;
end
$$;

-- Promise: for each row that comes back the claim is still this worker's, renewed, nothing newer is wanted, the connection is
-- live, and the intent is saved: the create call may be made. Rows that do not come back stop here, at a safe point.
create function writer.save_intents(worker text, items jsonb, lease interval)
    returns table (id uuid, identity_id uuid)
    language plpgsql volatile
as $$
#variable_conflict use_column
declare
    one record;
    kept uuid[];
begin
    for one in
        select i.tenant, array_agg(i.account order by i.account) as accounts, array_agg(i.version order by i.account) as versions,
               array_agg(i.identity order by i.account) as identities, array_agg(i.email order by i.account) as emails
          from jsonb_to_recordset(items) as i (tenant uuid, account uuid, version bigint, identity uuid, email text)
         group by i.tenant order by i.tenant
    loop
        perform chain.enter_tenant(one.tenant);
        with mine as (
            select s.id from unnest(one.accounts, one.versions) as k (account, version)
              join chain.sync s on s.kind = 'account' and s.id = k.account and s.version = k.version
                               and s.claim_worker = worker and s.claim_until > clock_timestamp()
              join router.account a on a.tenant_id = one.tenant and a.id = k.account
              join console.connection c on c.tenant_id = one.tenant and c.id = a.connection_id and c.mode = 'live'
              join console.tenant n on n.id = one.tenant and n.state = 'active'
              join console.desk d on d.id = n.desk_id and d.state = 'active'
             order by s.id for update of s
        ), renewed as (
            update chain.sync s set claim_until = clock_timestamp() + lease
              from mine m where s.kind = 'account' and s.id = m.id
            returning s.id)
        select array_agg(r.id) into kept from renewed r;
        -- 'unknown' stays: only an answer ends it. The attempt that begins now leaves 'intent' behind if it dies.
        return query
        insert into writer.desk_identity as i (tenant_id, id, desk_id, account_id, state, email)
        select one.tenant, k.identity, a.desk_id, a.id, 'intent', k.email
          from unnest(one.accounts, one.identities, one.emails) as k (account, identity, email)
          join router.account a on a.tenant_id = one.tenant and a.id = k.account
         where k.account = any (kept)
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
as $$
declare
    item record;
    entered uuid;
begin
    for item in
        select * from jsonb_to_recordset(items)
            as i (tenant uuid, account uuid, version bigint, identity uuid, renames boolean, moves boolean)
        order by i.tenant, i.account
    loop
        if entered is distinct from item.tenant then
            perform chain.enter_tenant(item.tenant);
            entered := item.tenant;
        end if;
        update chain.sync s set claim_until = clock_timestamp() + lease
          from router.account a
         where s.kind = 'account' and s.id = item.account and s.claim_worker = worker and s.claim_until > clock_timestamp()
           and s.version = item.version and a.tenant_id = item.tenant and a.id = item.account
           and writer.may_call(item.tenant, a.connection_id);
        if not found then
            continue;
        end if;
        update writer.desk_identity i
           set display_name = case when not item.renames then i.display_name end,
               at_desk = case when not item.moves then i.at_desk end
         where i.tenant_id = item.tenant and i.id = item.identity;
        id := item.account;
        return next;
    end loop;
end
$$;

-- Between two steps: which of these claims are still this worker's, for the same version, with nothing paused; renewed.
create function writer.renew_accounts(worker text, tenants uuid[], ids uuid[], versions bigint[], lease interval)
    returns table (id uuid)
    language plpgsql volatile
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

-- Records what happened to a batch of claimed accounts, one transaction; items whose claim was lost change nothing and do
-- not come back. `result`: done | retry (after `seconds`) | park | release (nothing to tell, may be picked again).
-- `hold` keeps the claim for so many seconds: a call without an answer may still act. A desk id that has an owner already is
-- never taken: the item is parked as held(adoption). Item fields: see vestibule.database.outcomes.
-- Rows are locked accounts first, then organizations, each by tenant and id.
create function writer.record_accounts(worker text, items jsonb) returns table (id uuid, owned_by_another boolean)
    language plpgsql volatile
as $$
declare
    item record;
    entered uuid;
    clash boolean;
    told jsonb := '[]';
    told_desk uuid;
    done_ids uuid[] := '{}';
    done_versions bigint[] := '{}';
    late_ids uuid[] := '{}';
    late_versions bigint[] := '{}';
    late_seconds double precision[] := '{}';
    late_codes text[] := '{}';
    late_counted boolean[] := '{}';
    late_parked boolean[] := '{}';
    held_ids uuid[] := '{}';
    held_seconds double precision[] := '{}';
begin
    for item in
        select * from jsonb_to_recordset(items) as i (
            tenant uuid, account uuid, desk uuid, version bigint, result text, seconds double precision, counted boolean, code text,
            detail text, hash text, form text, held text, event text, trace text,
            identity uuid, identity_state text, desk_account_id text, display_name text, at_desk boolean,
            tell_organizations boolean, case_kind text, was_held boolean, hold double precision)
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
        clash := false;
        if item.identity is not null then
            begin
                update writer.desk_identity i
                   set state = item.identity_state, desk_account_id = coalesce(item.desk_account_id, i.desk_account_id),
                       display_name = item.display_name, at_desk = item.at_desk,
                       created_at = case when i.desk_account_id is null and item.desk_account_id is not null then now() else i.created_at end
                 where i.tenant_id = item.tenant and i.id = item.identity;
            exception when unique_violation then
                clash := true;
                item.result := 'park';
                item.held := 'adoption';
                item.code := 'adoption';
                item.detail := 'owned_already';
                item.event := 'held';
                item.case_kind := 'adoption';
                item.hash := null;
                item.form := null;
                item.tell_organizations := false;
            end;
        end if;
        if item.result <> 'release' then
            insert into writer.outcome as o (tenant_id, account_id, applied_hash, applied_version, form, held, code, confirmed_at)
            values (item.tenant, item.account, item.hash, case when item.result = 'done' then item.version else 0 end, item.form,
                    item.held, item.code, case when item.hash is not null then clock_timestamp() end)
            on conflict on constraint outcome_pkey do update set
                applied_hash = coalesce(excluded.applied_hash, o.applied_hash),
                applied_version = greatest(excluded.applied_version, o.applied_version),
                form = coalesce(excluded.form, o.form), held = excluded.held, code = excluded.code,
                confirmed_at = coalesce(excluded.confirmed_at, o.confirmed_at), updated_at = clock_timestamp();
            if item.event is not null then
                insert into chain.timeline (tenant_id, subject_id, stage, code, reason, trace)
                values (item.tenant, item.account, 'done', item.event, coalesce(item.held, item.detail, item.code), item.trace);
            end if;
            if item.case_kind is not null then
                insert into router."case" (tenant_id, kind, subject_id, connection_id)
                select item.tenant, item.case_kind, item.account, a.connection_id
                  from router.account a where a.tenant_id = item.tenant and a.id = item.account
                on conflict (tenant_id, kind, subject_id) where closed_at is null do nothing;
            elsif item.was_held and item.result = 'done' and item.held is null then
                update router."case" c set closed_at = now(), decision = 'resolved'
                 where c.tenant_id = item.tenant and c.subject_id = item.account and c.kind = 'adoption' and c.closed_at is null;
            end if;
        end if;
        if item.tell_organizations then
            told := told || jsonb_build_object('tenant', item.tenant, 'account', item.account, 'desk', item.desk, 'trace', item.trace);
        end if;
        if item.result = 'done' then
            done_ids := done_ids || item.account;
            done_versions := done_versions || item.version;
        else
            late_ids := late_ids || item.account;
            late_versions := late_versions || item.version;
            late_seconds := late_seconds || coalesce(item.seconds, case when item.result = 'release' then 0 end);
            late_codes := late_codes || item.code;
            late_counted := late_counted || (coalesce(item.counted, true) and item.result <> 'release');
            late_parked := late_parked || (item.result = 'park');
        end if;
        if item.hold > 0 then
            held_ids := held_ids || item.account;
            held_seconds := held_seconds || item.hold;
        end if;
        id := item.account;
        owned_by_another := clash;
        return next;
    end loop;
    perform chain.finish(array_fill('account'::text, array[cardinality(done_ids)]), done_ids, done_versions);
    update chain.sync s set claim_worker = null, claim_until = null where s.kind = 'account' and s.id = any (late_ids);
    perform chain.postpone(array_fill('account'::text, array[cardinality(late_ids)]), late_ids, late_versions,
                           late_seconds, late_codes, late_counted, late_parked);
    update chain.sync s set claim_worker = worker, claim_until = clock_timestamp() + k.hold * interval '1 second'
      from unnest(held_ids, held_seconds) as k (account, hold) where s.kind = 'account' and s.id = k.account;
    perform writer.tell_organizations(told);
end
$$;

-- The organizations of these accounts have something to do now; a leaver's go first. They are dirty since their memberships
-- were wanted, which is before the accounts that still wait: nobody is complete only when the last one of a load is made.
create function writer.tell_organizations(told jsonb) returns void
    language plpgsql volatile
as $$
declare
    one record;
    every record;
    present uuid[];
begin
    for one in
        select t.tenant, t.desk, array_agg(t.account) as accounts, max(t.trace) as trace
          from jsonb_to_recordset(told) as t (tenant uuid, account uuid, desk uuid, trace text)
         group by t.tenant, t.desk order by t.tenant
    loop
        perform chain.enter_tenant(one.tenant);
        present := array(select i.account_id from writer.desk_identity i
                          where i.tenant_id = one.tenant and i.account_id = any (one.accounts) and i.role = 'live'
                            and i.desk_account_id is not null);
        perform from router.membership m
         where m.tenant_id = one.tenant and m.account_id = any (present) and m.ready is distinct from true
         order by m.organization_id, m.account_id for no key update;
        update router.membership m set ready = true
         where m.tenant_id = one.tenant and m.account_id = any (present) and m.ready is distinct from true;
        for every in
            select not m.wanted as leaving, array_agg(distinct m.organization_id order by m.organization_id) as ids,
                   min(m.wanted_at) as since
              from router.membership m
             where m.tenant_id = one.tenant and m.account_id = any (one.accounts) and m.wanted is distinct from m.applied
             group by m.wanted order by m.wanted
        loop
            perform chain.mark('organization', one.tenant, one.desk, every.ids,
                               (case when every.leaving then 0 else 1 end)::smallint, one.trace);
            update chain.sync s set marked_at = every.since
             where s.kind = 'organization' and s.id = any (every.ids) and s.tenant_id = one.tenant and s.marked_at > every.since;
        end loop;
    end loop;
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
                 where m.tenant_id = one.tenant and m.organization_id = o.id and m.wanted is distinct from m.applied and m.ready is not false
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

-- The next membership rows to carry out, leavers first; rows of a paused connection or of an account that is not at the desk
-- yet wait there. Rows with a code were refused: they come last, and only if their last attempt is older than `coded_before`.
-- What comes back is unknown (null) until it is recorded: a crash, or a call without an answer, is carried out again, also when
-- the opposite is wanted by then. Renews the claim; when that fails one row comes back with the verdict of renew_organization
-- and nothing else.
create function writer.read_memberships(
    worker text, tenant uuid, organization uuid, lease interval, coded_before timestamptz, most integer
) returns table (verdict text, account_id uuid, desk_account_id text, wanted boolean)
    language plpgsql volatile
as $$
#variable_conflict use_column
declare
    unseen uuid[];
    renewed text;
    chosen uuid[];
    desk_accounts text[];
    wishes boolean[];
begin
    perform chain.enter_tenant(tenant);
    select array_agg(m.account_id) into unseen
      from router.membership m
     where m.tenant_id = tenant and m.organization_id = organization and m.wanted is distinct from m.applied and m.ready is null
       and not exists (select from writer.desk_identity i
                        where i.tenant_id = tenant and i.account_id = m.account_id and i.role = 'live' and i.desk_account_id is not null);
    if unseen is not null then
        -- Such an account may be recorded this very moment by somebody who does not see the membership: wait for that
        -- record, look again. Accounts are locked before organizations, as in record_accounts.
        perform from chain.sync s where s.kind = 'account' and s.id = any (unseen) order by s.id for share;
        update router.membership m set ready = false
         where m.tenant_id = tenant and m.organization_id = organization and m.account_id = any (unseen) and m.ready is null
           and not exists (select from writer.desk_identity i
                            where i.tenant_id = tenant and i.account_id = m.account_id and i.role = 'live' and i.desk_account_id is not null);
    end if;
    renewed := writer.renew_organization(worker, tenant, organization, lease);
    if renewed <> 'saved' then
        return query select renewed, null::uuid, null::text, null::boolean;
        return;
    end if;
    -- We stop wanting what is theirs and touch nothing at the desk.
    update router.membership m set applied = false, applied_at = clock_timestamp(), code = null
     where m.tenant_id = tenant and m.organization_id = organization and not m.wanted and m.applied is not false
       and m.origin = 'theirs';
    select array_agg(c.account_id order by c.place), array_agg(c.desk_account_id order by c.place), array_agg(c.wanted order by c.place)
      into chosen, desk_accounts, wishes
      from (select m.account_id, i.desk_account_id, m.wanted,
                   row_number() over (order by m.code is not null, m.wanted, m.wanted_at, m.account_id) as place
              from router.membership m
              join router.account a on a.tenant_id = m.tenant_id and a.id = m.account_id
              join console.connection c on c.tenant_id = a.tenant_id and c.id = a.connection_id and c.mode = 'live'
              join writer.desk_identity i on i.tenant_id = m.tenant_id and i.account_id = m.account_id and i.role = 'live'
                   and i.desk_account_id is not null
             where m.tenant_id = tenant and m.organization_id = organization and m.wanted is distinct from m.applied
               and m.ready is not false and (a.access or not m.wanted)
               and (m.code is null or m.applied_at is null or m.applied_at < coded_before)
             order by place limit most) c;
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
          from router.membership m
          join unnest(accounts, now_applied, codes) as k (account, applied, code) on k.account = m.account_id
         where m.tenant_id = tenant and m.organization_id = organization
         order by m.account_id for no key update of m)
    update router.membership m set applied = r.applied, applied_at = clock_timestamp(), code = r.code
      from rows r
     where m.tenant_id = tenant and m.organization_id = organization and m.account_id = r.account_id;
    select count(*) into remaining
      from router.membership m
     where m.tenant_id = tenant and m.organization_id = organization and m.wanted is distinct from m.applied and m.ready is not false
       and m.code is not null;
end
$$;

-- Ends a claim on an organization: done | retry | park | release. False: the claim was lost and nothing was changed.
create function writer.record_organization(
    worker text, tenant uuid, organization uuid, version bigint, result text, seconds double precision, counted boolean,
    new_code text, detail text, event text, new_trace text, hold double precision, calm boolean, names_taken text
) returns boolean
    language plpgsql volatile
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
        perform chain.finish(array['organization'], array[organization], array[record_organization.version]);
    else
        update chain.sync s set claim_worker = null, claim_until = null where s.kind = 'organization' and s.id = organization;
        perform chain.postpone(array['organization'], array[organization], array[record_organization.version],
                               array[coalesce(seconds, case when result = 'release' then 0 end)], array[new_code],
                               array[counted and result <> 'release'], array[result = 'park']);
    end if;
    if calm then  -- unless a leaver was marked meanwhile
        update chain.sync s set prio = 1
         where s.kind = 'organization' and s.id = organization and s.version = record_organization.version and s.prio = 0;
    end if;
    if hold > 0 then
        update chain.sync s set claim_worker = worker, claim_until = clock_timestamp() + hold * interval '1 second'
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
