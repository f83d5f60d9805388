-- What the identity providers sent: one row per SCIM resource. Every function authenticates, works and marks in
-- one transaction and one round trip; its first column is a verdict that the service turns into an answer.
-- Besides those that each names, every function has the verdict 'outdated' of console.authenticate.
-- On the path of every create: lengths are limited by types and not by CHECKs, which PostgreSQL reads anew from their
-- text for each statement; and functions that run with the caller's own rights set no search_path (the pool has).
set local role vestibule_owner;

-- No foreign key leads to the connection: each insert would lock its one row, and the token has just proved it.
create table ingest.person (
    tenant_id uuid not null,
    connection_id uuid not null,
    id uuid not null,
    external_id varchar(1024),
    user_name_ci varchar(2000) not null,
    display_name_ci varchar(2000),
    email_ci varchar(2000),                              -- the primary work address, folded: for filters only
    active boolean not null,
    document text not null,                              -- JSON as sent, normalised names, without id, meta, groups: answered as it is
    resource jsonb generated always as (document::jsonb) stored,  -- the same, to be looked into; as text it would cost 4 us a row
    search jsonb,                                        -- its attributes whose texts ASCII's lower case does not fold, folded
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    modified_at timestamptz not null default now(),
    removed_at timestamptz
) with (
    fillfactor = 70,            -- room for another one of 2 kB: a change that finds it on its page touches no index
    toast_tuple_target = 4080,  -- a document lies here twice: only what is longer than 1.8 kB is worth packing
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 500
);
create unique index person_user_name on ingest.person (user_name_ci, connection_id, tenant_id) where removed_at is null;
create unique index person_external_id on ingest.person (external_id, connection_id, tenant_id)
    where removed_at is null and external_id is not null;
create index person_email on ingest.person (email_ci, connection_id, tenant_id)
    where removed_at is null and email_ci is not null;
-- whoever has several work addresses is found by each: then, and where folding needs it, `search` has them
create index person_further_email on ingest.person (connection_id, tenant_id)
    where removed_at is null and search ? 'emails';
create index person_display_name on ingest.person (display_name_ci, connection_id, tenant_id)
    where removed_at is null and display_name_ci is not null;
create index person_removed on ingest.person (user_name_ci, connection_id, tenant_id) where removed_at is not null;
create index person_removed_external_id on ingest.person (external_id, connection_id, tenant_id)
    where removed_at is not null and external_id is not null;
-- removed_at is in it, so that a list's way to a page is walked, and who is behind a milestone counted, without looking at a person
alter table ingest.person add primary key (tenant_id, connection_id, id) include (removed_at);

create table ingest."group" (
    tenant_id uuid not null,
    connection_id uuid not null,
    id uuid not null,
    external_id varchar(1024),
    display_name_ci varchar(2000) not null,
    document text not null,                              -- JSON without id, meta, members
    resource jsonb generated always as (document::jsonb) stored,
    search jsonb,                                        -- as a person's
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    modified_at timestamptz not null default now(),
    removed_at timestamptz
) with (autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 500);
create unique index group_display_name on ingest."group" (display_name_ci, connection_id, tenant_id)
    where removed_at is null;
create unique index group_external_id on ingest."group" (external_id, connection_id, tenant_id)
    where removed_at is null and external_id is not null;
alter table ingest."group" add primary key (tenant_id, connection_id, id) include (removed_at);

-- removed_at is set only while a fan-out still has to tell the member; afterwards the row is purged. It is the clock's time and
-- not the transaction's: the group's row is locked by then, so it tells which removals a fan-out follows.
create table ingest.group_member (
    tenant_id uuid not null,
    connection_id uuid not null,
    group_id uuid not null,
    person_id uuid not null,
    removed_at timestamptz,
    foreign key (tenant_id, connection_id, group_id) references ingest."group" (tenant_id, connection_id, id),
    foreign key (tenant_id, connection_id, person_id) references ingest.person (tenant_id, connection_id, id)
) with (autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 500);
create index group_member_person on ingest.group_member (person_id, connection_id, tenant_id) include (group_id)
    where removed_at is null;
alter table ingest.group_member add primary key (tenant_id, connection_id, group_id, person_id);

-- A group in a group, of the same connection. Who changes these holds the connection's nesting (hold_nesting): no circle comes
-- about between two requests, and no group is nested while it is removed.
create table ingest.subgroup (
    tenant_id uuid not null,
    connection_id uuid not null,
    group_id uuid not null,
    member_id uuid not null,
    check (group_id <> member_id),
    foreign key (tenant_id, connection_id, group_id) references ingest."group" (tenant_id, connection_id, id),
    foreign key (tenant_id, connection_id, member_id) references ingest."group" (tenant_id, connection_id, id),
    primary key (group_id, connection_id, tenant_id, member_id)
);
create index subgroup_member on ingest.subgroup (member_id, connection_id, tenant_id);
create index subgroup_connection on ingest.subgroup (connection_id, tenant_id);

-- Each group with each group that it lies in, however deep: derived from `subgroup` (enclose), so that who reads walks nothing.
create table ingest.enclosure (
    tenant_id uuid not null,
    connection_id uuid not null,
    inner_id uuid not null,
    outer_id uuid not null,
    primary key (inner_id, connection_id, tenant_id, outer_id)
);
create index enclosure_outer on ingest.enclosure (outer_id, connection_id, tenant_id, inner_id);

-- Members that a group names and nobody is yet, as the identity provider said them: an id, or its own externalId. Whoever
-- arrives with it is attached (attach_parked).
create table ingest.parked_member (
    tenant_id uuid not null,
    connection_id uuid not null,
    group_id uuid not null,
    value varchar(256) not null,
    parked_at timestamptz not null default now(),
    foreign key (tenant_id, connection_id, group_id) references ingest."group" (tenant_id, connection_id, id),
    primary key (group_id, connection_id, tenant_id, value)
);
create index parked_member_value on ingest.parked_member (value, connection_id, tenant_id);
create index parked_member_connection on ingest.parked_member (connection_id, tenant_id);

-- What plans that are kept take for granted, whatever ANALYZE found: after one group with ten thousand others in it every group
-- looked as if it had them all, and a plan that reads everything of the connection as good as one by the group's key.
alter table ingest.subgroup alter group_id set (n_distinct = -0.1), alter member_id set (n_distinct = -0.1);
alter table ingest.enclosure alter inner_id set (n_distinct = -0.1), alter outer_id set (n_distinct = -0.1);
alter table ingest.parked_member alter group_id set (n_distinct = -0.1), alter value set (n_distinct = -0.1);

-- Every thousandth person of a connection in the order of ids: so many are there up to this one, itself included. Lists count
-- and skip from the nearest one instead of from the first person (functions count_persons, search).
create table ingest.milestone (
    tenant_id uuid not null,
    connection_id uuid not null,
    id uuid not null,
    position bigint not null,
    primary key (tenant_id, connection_id, id)
) with (fillfactor = 50);

-- Requests that made no person and say so to somebody. Repeats within a minute are one row that counts them: an identity
-- provider that asks for the impossible does so for ever.
create table ingest.refusal (
    tenant_id uuid not null,
    connection_id uuid not null,
    minute timestamptz not null default date_trunc('minute', now()),
    operation text not null check (operation ~ '^[a-z][a-z_.]{0,40}$'),
    status smallint not null,
    code text not null check (code ~ '^[a-z][a-z0-9_.:-]{0,79}$'),
    requests bigint not null default 1,
    at timestamptz not null default now(),                -- of the newest
    trace text check (length(trace) <= 64),               -- of the newest
    primary key (tenant_id, connection_id, minute, operation, code, status)
) with (fillfactor = 85);

-- What an identity provider does, as counts by codes of ours (vestibule.scim.fingerprints); every replica adds to them.
create table ingest.fingerprint (
    tenant_id uuid not null,
    connection_id uuid not null,
    trait text not null check (trait in ('client', 'operation', 'repair', 'error')),
    code text not null check (code ~ '^[a-z][a-z0-9_.]{0,60}$'),
    requests bigint not null check (requests > 0),
    first_at timestamptz not null,
    last_at timestamptz not null,
    primary key (tenant_id, connection_id, trait, code)
) with (fillfactor = 70);

-- Statistics before the first row. Without any, PostgreSQL holds every index that knows tenant and connection for equally
-- good and walks a whole connection for one row (tests/integration/ingest/test_plans.py).
-- These say: a tenant has many rows, an id or a name has one. ANALYZE keeps the numbers set here and learns the rest.
alter table ingest.person alter tenant_id set (n_distinct = 20), alter connection_id set (n_distinct = 20);
alter table ingest."group" alter tenant_id set (n_distinct = 20), alter connection_id set (n_distinct = 20);
-- of members the group says it all: tenant and connection must not make it look smaller than it is
alter table ingest.group_member alter tenant_id set (n_distinct = 1), alter connection_id set (n_distinct = 1),
    alter group_id set (n_distinct = 10);
with p as (
    insert into ingest.person (tenant_id, connection_id, id, external_id, user_name_ci, display_name_ci, email_ci, active,
                               document)
    select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), n, n, n, n, true, jsonb_build_object('userName', n)::text
      from (select i::text as n from generate_series(1, 4000) i) i returning tenant_id, connection_id, id
), g as (
    insert into ingest."group" (tenant_id, connection_id, id, external_id, display_name_ci, document)
    select p.tenant_id, p.connection_id, p.id, p.id, p.id, jsonb_build_object('displayName', p.id)::text from p
)
insert into ingest.group_member (tenant_id, connection_id, group_id, person_id)
select p.tenant_id, p.connection_id, p.id, p.id from p;
analyze ingest.person, ingest."group", ingest.group_member;
truncate ingest.person, ingest."group", ingest.group_member, ingest.subgroup, ingest.parked_member;

alter table ingest.person enable row level security, force row level security;
alter table ingest."group" enable row level security, force row level security;
alter table ingest.group_member enable row level security, force row level security;
alter table ingest.subgroup enable row level security, force row level security;
alter table ingest.enclosure enable row level security, force row level security;
alter table ingest.parked_member enable row level security, force row level security;
alter table ingest.refusal enable row level security, force row level security;
alter table ingest.milestone enable row level security, force row level security;
create policy one_tenant on ingest.person using (tenant_id = chain.current_tenant());
create policy one_tenant on ingest."group" using (tenant_id = chain.current_tenant());
create policy one_tenant on ingest.group_member using (tenant_id = chain.current_tenant());
create policy one_tenant on ingest.subgroup using (tenant_id = chain.current_tenant());
create policy one_tenant on ingest.enclosure using (tenant_id = chain.current_tenant());
create policy one_tenant on ingest.parked_member using (tenant_id = chain.current_tenant());
create policy one_tenant on ingest.milestone using (tenant_id = chain.current_tenant());
alter table ingest.fingerprint enable row level security, force row level security;
create policy one_tenant on ingest.fingerprint using (tenant_id = chain.current_tenant());
create policy one_tenant on ingest.refusal using (tenant_id = chain.current_tenant());

grant select, insert, update on ingest.person, ingest."group", ingest.milestone to vestibule_ingest;
grant select, insert, update, delete on ingest.group_member to vestibule_ingest;
grant select, insert, delete on ingest.subgroup, ingest.enclosure, ingest.parked_member to vestibule_ingest;
grant select on ingest.enclosure to vestibule_router;
grant select on ingest.subgroup, ingest.parked_member to vestibule_console;
grant insert (tenant_id, connection_id, operation, status, code, trace), update (requests, at, trace), select
    on ingest.refusal to vestibule_ingest;
grant select on ingest.person, ingest."group", ingest.group_member to vestibule_router, vestibule_console;
grant select on ingest.refusal to vestibule_console;
grant insert, update (requests, first_at, last_at), select on ingest.fingerprint to vestibule_ingest;
grant select on ingest.fingerprint to vestibule_console;
grant select (tenant_id, connection_id, id) on ingest.person, ingest."group" to vestibule_definer;
grant select, delete on ingest.group_member to vestibule_definer;

-- Who comes back with a create, locked. Identity rule 1: a return needs the same userName, and the same externalId where
-- both have one, or the same e-mail where only the one who left had one: the name alone may be a new colleague's. A known
-- externalId with another userName needs the same e-mail, or a connection that declares its key immutable.
create function ingest.returning_person(
    tenant uuid, connection uuid, known_user_name_ci text, known_external_id text, known_email_ci text, key_trust text
) returns uuid
    language plpgsql volatile
as $$
declare
    past uuid;
begin
    -- On the path of every create, and nearly nobody was here before: one look that locks nothing.
    if not exists (select from ingest.person p
                    where p.tenant_id = tenant and p.connection_id = connection and p.removed_at is not null
                      and p.user_name_ci = known_user_name_ci)
       and not exists (select from ingest.person p
                        where p.tenant_id = tenant and p.connection_id = connection and p.removed_at is not null
                          and p.external_id = known_external_id) then
        return null;
    end if;
    select p.id into past from ingest.person p
     where p.tenant_id = tenant and p.connection_id = connection and p.removed_at is not null
       and p.user_name_ci = known_user_name_ci
       and (p.external_id is null or p.external_id = known_external_id
            or (known_external_id is null and p.email_ci = known_email_ci))
     order by p.removed_at desc limit 1 for update;
    if past is null then
        select p.id into past from ingest.person p
         where p.tenant_id = tenant and p.connection_id = connection and p.removed_at is not null
           and p.external_id = known_external_id and (key_trust = 'immutable' or p.email_ci = known_email_ci)
         order by p.removed_at desc limit 1 for update;
    end if;
    return past;
end
$$;

-- The least id that a person made at this moment can have: ids begin with the time, in milliseconds.
create function ingest.first_id(at timestamptz) returns uuid
    language sql immutable
as $$ select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid $$;

create function ingest.hold_milestones(connection uuid) returns void
    language sql volatile
as $$ select pg_advisory_xact_lock_shared(hashtextextended(connection::text, 0)) $$;

create function ingest.move_milestones(tenant uuid, connection uuid, target uuid, persons integer) returns void
    language sql volatile
as $$
    with held as (
        select m.id from ingest.milestone m
         where m.tenant_id = tenant and m.connection_id = connection and m.id >= target
         order by m.id for no key update)
    update ingest.milestone m set position = m.position + persons
      from held where m.tenant_id = tenant and m.connection_id = connection and m.id = held.id
$$;

-- Verdicts: created | returned (the same person inside the retention time: same id) | user_name_taken |
-- external_id_taken | unauthorized | suspended.
create function ingest.create_person(
    in path text, in token_hash bytea, in new_id uuid, in new_external_id text, in new_user_name_ci text,
    in new_display_name_ci text, in new_email_ci text, in new_active boolean, in new_document text, in new_search jsonb,
    in new_trace text, out verdict text, out id uuid, out version bigint, out created_at timestamptz, out modified_at timestamptz
)
    language plpgsql volatile
as $$
declare
    who record;
    past uuid;
    between_old boolean;
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        verdict := who.verdict;
        return;
    end if;
    past := ingest.returning_person(who.tenant_id, who.connection_id, new_user_name_ci, new_external_id, new_email_ci,
                                    who.key_trust);
    between_old := past is not null or new_id < ingest.first_id(now() - interval '1 second');
    if between_old then
        perform ingest.hold_milestones(who.connection_id);
    end if;
    if past is null then
        -- not an exception handler: its subtransaction would cost every create a transaction id of its own
        insert into ingest.person as p
            (tenant_id, connection_id, id, external_id, user_name_ci, display_name_ci, email_ci, active, document,
             search)
        values (who.tenant_id, who.connection_id, new_id, new_external_id, new_user_name_ci, new_display_name_ci,
                new_email_ci, new_active, new_document, new_search)
        on conflict do nothing
        returning 'created', p.id, p.version, p.created_at, p.modified_at
             into verdict, id, version, created_at, modified_at;
    else
        begin
            update ingest.person p
               set removed_at = null, external_id = new_external_id,
                   user_name_ci = new_user_name_ci, display_name_ci = new_display_name_ci, email_ci = new_email_ci,
                   active = new_active, document = new_document, search = new_search, version = p.version + 1,
                   modified_at = now()
             where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.id = past
            returning 'returned', p.id, p.version, p.created_at, p.modified_at
                 into verdict, id, version, created_at, modified_at;
        exception when unique_violation then
            verdict := null;
        end;
    end if;
    if verdict is null then
        verdict := ingest.taken_person_key(who.tenant_id, who.connection_id, new_id, new_user_name_ci);
        return;
    end if;
    if between_old then
        perform ingest.move_milestones(who.tenant_id, who.connection_id, id, 1);
    end if;
    if past is not null or new_external_id is not null then
        perform ingest.attach_parked(who.tenant_id, who.connection_id, id, new_external_id, new_trace);
    end if;
    perform chain.mark('person', who.tenant_id, who.desk_id, array[id], 1::smallint, new_trace);
    insert into chain.timeline (tenant_id, subject_id, stage, code, trace)
    values (who.tenant_id, id, 'received', case verdict when 'created' then 'create' else 'return' end, new_trace);
end
$$;

-- Which unique key stopped a write: the one that the IdP's admin can see first.
create function ingest.taken_person_key(tenant uuid, connection uuid, but uuid, wanted_user_name_ci text) returns text
    language sql stable
as $$
    select case when exists (
            select from ingest.person p
             where p.tenant_id = tenant and p.connection_id = connection and p.user_name_ci = wanted_user_name_ci
               and p.removed_at is null and p.id <> but)
        then 'user_name_taken' else 'external_id_taken' end
$$;

create function ingest.taken_group_key(tenant uuid, connection uuid, but uuid, wanted_display_name_ci text) returns text
    language sql stable
as $$
    select case when exists (
            select from ingest."group" g
             where g.tenant_id = tenant and g.connection_id = connection and g.display_name_ci = wanted_display_name_ci
               and g.removed_at is null and g.id <> but)
        then 'display_name_taken' else 'external_id_taken' end
$$;

-- Verdicts: replaced | missing | stale (another write came between: `version` and `document` are its) | user_name_taken |
-- external_id_taken | unauthorized | suspended. Taking active from true to false marks on the leavers' lane.
create function ingest.replace_person(
    in path text, in token_hash bytea, in target uuid, in expected_version bigint, in new_external_id text,
    in new_user_name_ci text, in new_display_name_ci text, in new_email_ci text, in new_active boolean,
    in new_document text, in new_search jsonb, in operation text, in new_trace text,
    out verdict text, out version bigint, out modified_at timestamptz, out document text
)
    language plpgsql volatile
as $$
declare
    who record;
    old record;
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        verdict := who.verdict;
        return;
    end if;
    select p.version, p.active, p.user_name_ci, p.external_id into old from ingest.person p
     where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.id = target
       and p.removed_at is null for no key update;
    if not found then
        verdict := 'missing';
        return;
    elsif old.version <> expected_version then
        verdict := 'stale';
        select p.version, p.modified_at, p.document into version, modified_at, document from ingest.person p
         where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.id = target;
        return;
    end if;
    if old.user_name_ci = new_user_name_ci and old.external_id is not distinct from new_external_id then
        update ingest.person p
           set display_name_ci = new_display_name_ci, email_ci = new_email_ci, active = new_active,
               document = new_document, search = new_search, version = p.version + 1, modified_at = now()
         where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.id = target
        returning 'replaced', p.version, p.modified_at into verdict, version, modified_at;
    else
        begin
            update ingest.person p
               set external_id = new_external_id, user_name_ci = new_user_name_ci, display_name_ci = new_display_name_ci,
                   email_ci = new_email_ci, active = new_active, document = new_document, search = new_search,
                   version = p.version + 1, modified_at = now()
             where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.id = target
            returning 'replaced', p.version, p.modified_at into verdict, version, modified_at;
        exception when unique_violation then
            verdict := ingest.taken_person_key(who.tenant_id, who.connection_id, target, new_user_name_ci);
            return;
        end;
        if new_external_id is distinct from old.external_id then
            perform ingest.attach_parked(who.tenant_id, who.connection_id, target, new_external_id, new_trace);
        end if;
    end if;
    perform chain.mark('person', who.tenant_id, who.desk_id, array[target],
                       (case when old.active and not new_active then 0 else 1 end)::smallint, new_trace);
    insert into chain.timeline (tenant_id, subject_id, stage, code, trace)
    values (who.tenant_id, target, 'received',
            case when old.active and not new_active then 'deactivate'
                 when new_active and not old.active then 'reactivate' else operation end, new_trace);
end
$$;

-- Writes that wait at the same moment, of whatever connections, as one commit; a row per item, in order, each as create_person
-- (no expected version) or replace_person gives it. Every item authenticates anew and enters its own tenant. `patience`: how
-- many ms an item may wait for another transaction's lock; then, and when any item fails, nothing of the whole was done.
create function ingest.write_persons(
    patience integer, paths text[], token_hashes bytea[], ids uuid[], expected_versions bigint[], new_external_ids text[],
    new_user_names_ci text[], new_display_names_ci text[], new_emails_ci text[], new_actives boolean[], new_documents text[],
    new_searches jsonb[], operations text[], new_traces text[]
) returns table (verdict text, id uuid, version bigint, created_at timestamptz, modified_at timestamptz, document text)
    language plpgsql volatile
as $$
declare
    old_setting text;
    made record;
begin
    old_setting := set_config('lock_timeout', patience::text, true);
    for place in 1 .. cardinality(paths) loop
        old_setting := set_config('app.tenant', '', true);  -- what an item before entered is left
        if expected_versions[place] is null then
            made := ingest.create_person(
                paths[place], token_hashes[place], ids[place], new_external_ids[place], new_user_names_ci[place],
                new_display_names_ci[place], new_emails_ci[place], new_actives[place], new_documents[place],
                new_searches[place], new_traces[place]);
            id := made.id;
            created_at := made.created_at;
            document := null;
        else
            made := ingest.replace_person(
                paths[place], token_hashes[place], ids[place], expected_versions[place], new_external_ids[place],
                new_user_names_ci[place], new_display_names_ci[place], new_emails_ci[place], new_actives[place],
                new_documents[place], new_searches[place], operations[place], new_traces[place]);
            id := ids[place];
            created_at := null;
            document := made.document;
        end if;
        verdict := made.verdict;
        version := made.version;
        modified_at := made.modified_at;
        return next;
    end loop;
end
$$;

-- Verdicts: removed | missing | stale | unauthorized | suspended. The row stays for the retention time; its groups lose it.
-- `expected_version` null: whatever it is.
create function ingest.remove_person(
    path text, token_hash bytea, target uuid, expected_version bigint, new_trace text
) returns text
    language plpgsql volatile
as $$
declare
    who record;
    found_version bigint;
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        return who.verdict;
    end if;
    -- waits for a group that is just taking this person in (stranger check: FOR SHARE), so no membership survives
    select p.version into found_version from ingest.person p
     where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.id = target
       and p.removed_at is null for no key update;
    if not found then
        return 'missing';
    elsif found_version <> expected_version then
        return 'stale';
    end if;
    perform ingest.hold_milestones(who.connection_id);
    update ingest.person p set removed_at = now(), active = false, version = p.version + 1, modified_at = now()
     where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.id = target;
    perform ingest.move_milestones(who.tenant_id, who.connection_id, target, -1);
    delete from ingest.group_member m
     where m.tenant_id = who.tenant_id and m.connection_id = who.connection_id and m.person_id = target;
    perform chain.mark('person', who.tenant_id, who.desk_id, array[target], 0::smallint, new_trace);
    insert into chain.timeline (tenant_id, subject_id, stage, code, trace)
    values (who.tenant_id, target, 'received', 'delete', new_trace);
    return 'removed';
end
$$;

-- The groups of each of these persons, as finished JSON like members_of; no row without any. Each group is looked up, and told, once,
-- by its id, and no join with a table is left to the planner: it took one for a walk over all groups, for each person.
create function ingest.groups_of_each(tenant uuid, connection uuid, persons uuid[])
    returns table (person_id uuid, groups text)
    language plpgsql stable rows 100
as $$
#variable_conflict use_column
begin
    return query
    with direct as materialized (
        select m.person_id, m.group_id as id from ingest.group_member m
         where m.tenant_id = tenant and m.connection_id = connection and m.person_id = any (persons) and m.removed_at is null
    ), nested as materialized (
        select u.id, e.outer_id from (select distinct d.id from direct d) u
         cross join lateral (
                select x.outer_id from ingest.enclosure x
                 where x.tenant_id = tenant and x.connection_id = connection and x.inner_id = u.id offset 0) e
         where exists (select from ingest.subgroup s where s.tenant_id = tenant and s.connection_id = connection)
    ), around as materialized (
        select d.person_id, d.id, true as direct from direct d
        union all
        select d.person_id, n.outer_id, false from nested n join direct d on d.id = n.id
    ), named as materialized (
        select g.id, '{"value":"' || g.id || '","$ref":"/Groups/' || g.id || '"'
                     || coalesce(',"display":' || nullif(g.resource -> 'displayName', 'null')::text, '') as begun
          from (select distinct a.id from around a) u
         cross join lateral (
                select x.id, x.resource from ingest."group" x
                 where x.tenant_id = tenant and x.connection_id = connection and x.id = u.id and x.removed_at is null offset 0) g
    )
    select o.person_id, '[' || string_agg(o.entry, ',') || ']'
      from (select distinct on (a.person_id, a.id) a.person_id,
                   n.begun || case when a.direct then ',"type":"direct"}' else ',"type":"indirect"}' end as entry
              from around a join named n on n.id = a.id
             order by a.person_id, a.id, a.direct desc) o
     group by o.person_id;
end
$$;

-- The groups of a person, null without any. Not in SQL: such a function is planned anew at every call.
create function ingest.groups_of(tenant uuid, connection uuid, person uuid) returns text
    language plpgsql stable
as $$
begin
    -- on the path of every read: the whole question only for members
    if not exists (select from ingest.group_member m
                    where m.tenant_id = tenant and m.connection_id = connection and m.person_id = person
                      and m.removed_at is null) then
        return null;
    end if;
    return (select e.groups from ingest.groups_of_each(tenant, connection, array[person]) e);
end
$$;

-- Who is in a group, directly or not; some twice. `rows`: so few that the persons are looked up and not walked, and if there
-- are many that is dear in proportion.
create function ingest.persons_within(tenant uuid, connection uuid, target uuid) returns setof uuid
    language plpgsql stable rows 100
as $$
begin
    return query
    select m.person_id from ingest.group_member m
     where m.tenant_id = tenant and m.connection_id = connection and m.group_id = target and m.removed_at is null
    union all
    select m.person_id from ingest.enclosure e
     cross join lateral (
            select x.person_id from ingest.group_member x
             where x.tenant_id = tenant and x.connection_id = connection and x.group_id = e.inner_id
               and x.removed_at is null offset 0) m
     where e.tenant_id = tenant and e.connection_id = connection and e.outer_id = target;
end
$$;

-- Persons that wait to be read at the same moment, of whatever connections, each by a key that only one can have: id, user_name
-- or external_id. A row per item, in order; verdicts: found | missing | unauthorized | suspended. Every item is authenticated
-- anew and enters its own tenant. `groups`: see groups_of.
create function ingest.read_persons(
    paths text[], token_hashes bytea[], keys text[], wanted text[], wanted_actives boolean[]
) returns table (verdict text, id uuid, document text, groups text, version bigint, created_at timestamptz,
                 modified_at timestamptz)
    language plpgsql volatile
as $$
declare
    who record;
    key text;
    value text;
    is_active jsonb;
    old_setting text;
begin
    for who in select * from console.authenticate_each(paths, token_hashes) order by place loop
        verdict := who.verdict;
        id := null;
        document := null;
        groups := null;
        if verdict <> 'ok' then
            return next;
            continue;
        end if;
        old_setting := set_config('app.tenant', who.tenant_id::text, true);
        key := keys[who.place];
        value := wanted[who.place];
        is_active := to_jsonb(wanted_actives[who.place]);
        -- thrice the same but for the key: to find an id first would cost a third more
        if key = 'id' then
            select p.id, p.document, ingest.groups_of(who.tenant_id, who.connection_id, p.id), p.version, p.created_at,
                   p.modified_at
              into id, document, groups, version, created_at, modified_at
              from ingest.person p
             where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.id = value::uuid
               and p.removed_at is null and (is_active is null or p.resource -> 'active' = is_active);
        elsif key = 'user_name' then
            select p.id, p.document, ingest.groups_of(who.tenant_id, who.connection_id, p.id), p.version, p.created_at,
                   p.modified_at
              into id, document, groups, version, created_at, modified_at
              from ingest.person p
             where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.user_name_ci = value
               and p.removed_at is null and (is_active is null or p.resource -> 'active' = is_active);
        elsif key = 'external_id' then
            select p.id, p.document, ingest.groups_of(who.tenant_id, who.connection_id, p.id), p.version, p.created_at,
                   p.modified_at
              into id, document, groups, version, created_at, modified_at
              from ingest.person p
             where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.external_id = value
               and p.removed_at is null and (is_active is null or p.resource -> 'active' = is_active);
        end if;
        verdict := case when id is null then 'missing' else 'found' end;
        return next;
    end loop;
end
$$;

-- Persons looked up by what several have the same: email (a work address), display_name or group, directly or not. The first row is always a
-- verdict row (`ok` with the total, or why not), the page follows with verdict null.
create function ingest.find_persons(
    path text, token_hash bytea, key text, wanted text, wanted_active boolean, skipped bigint, page_size integer
) returns table (verdict text, total bigint, id uuid, document text, groups text, version bigint,
                 created_at timestamptz, modified_at timestamptz)
    language plpgsql volatile
as $$
declare
    who record;
    wanted_id uuid := case when key = 'group' then wanted::uuid end;
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        return query select who.verdict, null::bigint, null::uuid, null::text, null::text, null::bigint,
                            null::timestamptz, null::timestamptz;
        return;
    end if;
    -- One branch runs: the others' one-time filters are false.
    return query
    with candidates as (
        select p.* from ingest.person p
         where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.removed_at is null
           and key = 'email' and p.email_ci = wanted
        union all
        select p.* from ingest.person p
         where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.removed_at is null
           and key = 'email' and p.search ? 'emails' and p.email_ci is distinct from wanted
           and exists (select from jsonb_path_query(p.search -> 'emails', '$[*]') e
                        where lower(e ->> 'type' collate "C") = 'work' and lower(e ->> 'value' collate "C") = wanted)
        union all
        select p.* from ingest.person p
         where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.removed_at is null
           and key = 'display_name' and p.display_name_ci = wanted
        union all
        select p.* from (select distinct w.id from ingest.persons_within(who.tenant_id, who.connection_id, wanted_id) as w (id)) w
         cross join lateral (
                select x.* from ingest.person x
                 where x.tenant_id = who.tenant_id and x.connection_id = who.connection_id and x.id = w.id
                   and x.removed_at is null offset 0) p
         where key = 'group'
    ), hits as materialized (
        select c.id from candidates c where wanted_active is null or c.resource -> 'active' = to_jsonb(wanted_active)
    ), page as materialized (
        select h.id from hits h order by h.id offset skipped limit page_size
    )
    select 'ok'::text, (select count(*) from hits), null::uuid, null::text, null::text, null::bigint,
           null::timestamptz, null::timestamptz
    union all
    (select null::text, null::bigint, p.id, p.document, g.groups, p.version, p.created_at, p.modified_at
       from page l
      cross join lateral (
            select x.* from ingest.person x
             where x.tenant_id = who.tenant_id and x.connection_id = who.connection_id and x.id = l.id offset 0) p
       left join ingest.groups_of_each(who.tenant_id, who.connection_id, array(select x.id from page x)) g
                 on g.person_id = p.id
      order by p.id);
end
$$;

-- Nesting is changed by one transaction of a connection at a time; who holds it reads it as it is. Taken before any group's row.
create function ingest.hold_nesting(connection uuid) returns void
    language sql volatile
as $$ select pg_advisory_xact_lock(hashtextextended(connection::text, 1)) $$;

-- Whom a request names as members: `persons`, locked against removal until the membership is written, `groups`, and `unknown`:
-- the values that are the id of nobody and, as the identity provider's own key of a person (RFC 7643 §3.1), an externalId of nobody.
create function ingest.resolve_members(
    in tenant uuid, in connection uuid, in ids uuid[], in names text[], out persons uuid[], out groups uuid[], out unknown text[]
)
    language plpgsql volatile
as $$
declare
    strangers uuid[] := '{}';
    arrived record;
begin
    persons := '{}';
    groups := '{}';
    if cardinality(ids) > 0 then
        -- lateral: one probe per id, in key order; `= any (...) order by` was planned as a walk over all persons
        select coalesce(array_agg(k.id order by k.id), '{}') into persons
          from (select distinct u.id from unnest(ids) as u (id) order by u.id) w
         cross join lateral (
                select p.id from ingest.person p
                 where p.tenant_id = tenant and p.connection_id = connection and p.id = w.id and p.removed_at is null
                   for share) k;
        if cardinality(persons) < cardinality(ids) then
            strangers := array(select w.id from unnest(ids) as w (id) except select k.id from unnest(persons) as k (id));
            groups := ingest.living_groups(tenant, connection, strangers);
            strangers := array(select w.id from unnest(strangers) as w (id) except select g.id from unnest(groups) as g (id));
        end if;
    end if;
    unknown := names || strangers::text[];
    if cardinality(unknown) = 0 then
        return;
    end if;
    -- Who is just arriving has either committed by then, or looks for what is parked after this transaction (attach_parked).
    perform pg_advisory_xact_lock(hashtextextended(connection::text, 2));
    for arrived in
        select u.value, k.id from (select distinct x.value from unnest(unknown) as x (value) order by x.value) u
         cross join lateral (
                select p.id from ingest.person p
                 where p.tenant_id = tenant and p.connection_id = connection and p.external_id = u.value
                   and p.removed_at is null for share) k
        union all
        select u.id::text, k.id from (select x.id from unnest(strangers) as x (id) order by x.id) u
         cross join lateral (
                select p.id from ingest.person p
                 where p.tenant_id = tenant and p.connection_id = connection and p.id = u.id and p.removed_at is null
                   for share) k
    loop
        persons := persons || arrived.id;
        unknown := array_remove(unknown, arrived.value);
    end loop;
    persons := array(select distinct p.id from unnest(persons) as p (id) order by p.id);
    unknown := array(select distinct u.value from unnest(unknown) as u (value) order by u.value);
end
$$;

create function ingest.living_groups(tenant uuid, connection uuid, ids uuid[]) returns uuid[]
    language plpgsql volatile
as $$
begin
    return array(
        select k.id from (select distinct u.id from unnest(ids) as u (id)) w
         cross join lateral (
                select g.id from ingest."group" g
                 where g.tenant_id = tenant and g.connection_id = connection and g.id = w.id and g.removed_at is null offset 0) k
         order by k.id);
end
$$;

-- The bounds: no circle, at most ten groups one inside the other, ten thousand groups in groups in a connection: what is derived
-- from them stays small. Null: none is passed. The caller holds the nesting.
create function ingest.nesting_fault(tenant uuid, connection uuid, target uuid, joined uuid[]) returns text
    language plpgsql volatile
as $$
declare
    levels integer;
begin
    if target = any (joined) or exists (
            select from ingest.enclosure e
             where e.tenant_id = tenant and e.connection_id = connection and e.inner_id = target and e.outer_id = any (joined)) then
        return 'nested_in_itself';
    end if;
    if cardinality(joined) + (select count(*) from (
            select from ingest.subgroup s where s.tenant_id = tenant and s.connection_id = connection limit 10000) few) > 10000 then
        return 'nested_too_often';
    end if;
    with recursive above (id, level) as (
        select target, 0
        union
        select s.group_id, a.level + 1 from above a
          join ingest.subgroup s on s.tenant_id = tenant and s.connection_id = connection and s.member_id = a.id
         where a.level < 10
    ), below (id, level) as (
        select j.id, 1 from unnest(joined) as j (id)
        union
        select s.member_id, b.level + 1 from below b
          join ingest.subgroup s on s.tenant_id = tenant and s.connection_id = connection and s.group_id = b.id
         where b.level < 10
    )
    select (select max(a.level) from above a) + (select max(b.level) from below b) into levels;
    return case when levels >= 10 then 'nested_too_deep' end;
end
$$;

-- Which groups come into a group and which go; `everything`: all that are not among `added` go.
create function ingest.nesting_changes(
    in tenant uuid, in connection uuid, in target uuid, in everything boolean, in added uuid[], in removed uuid[],
    out joined uuid[], out left_behind uuid[]
)
    language plpgsql volatile
as $$
begin
    joined := '{}';
    left_behind := '{}';
    if cardinality(added) > 0 then
        joined := array(
            select a.id from unnest(added) as a (id)
             where not exists (select from ingest.subgroup s
                                where s.tenant_id = tenant and s.connection_id = connection and s.group_id = target
                                  and s.member_id = a.id)
             order by a.id);
    end if;
    if everything or cardinality(removed) > 0 then
        left_behind := array(
            select s.member_id from ingest.subgroup s
             where s.tenant_id = tenant and s.connection_id = connection and s.group_id = target
               and case when everything then s.member_id <> all (added) else s.member_id = any (removed) end
             order by s.member_id);
    end if;
end
$$;

-- Puts groups into a group, takes others out of it, and returns every group whose members are concerned: those, and all in them.
-- The caller holds the nesting.
create function ingest.nest(tenant uuid, connection uuid, target uuid, joined uuid[], left_behind uuid[]) returns uuid[]
    language plpgsql volatile
as $$
declare
    concerned uuid[] := ingest.with_inner(tenant, connection, joined || left_behind);
begin
    perform ingest.hold_members(tenant, connection, concerned);
    delete from ingest.subgroup s
     where s.tenant_id = tenant and s.connection_id = connection and s.group_id = target and s.member_id = any (left_behind);
    insert into ingest.subgroup (tenant_id, connection_id, group_id, member_id)
    select tenant, connection, target, j.id from unnest(joined) as j (id);
    perform ingest.enclose(tenant, connection, concerned);
    return concerned;
end
$$;

create function ingest.with_inner(tenant uuid, connection uuid, groups uuid[]) returns uuid[]
    language plpgsql volatile
as $$
begin
    return array(
        select g.id from unnest(groups) as g (id)
        union
        select e.inner_id from ingest.enclosure e
         where e.tenant_id = tenant and e.connection_id = connection and e.outer_id = any (groups)
         order by 1);
end
$$;

-- Whoever joins one of these groups has either committed, and is told, or waits and is judged by what comes of it.
create function ingest.hold_members(tenant uuid, connection uuid, groups uuid[]) returns void
    language plpgsql volatile
as $$
begin
    perform from (select u.id from unnest(groups) as u (id) order by u.id) w
      cross join lateral (
            select g.id from ingest."group" g
             where g.tenant_id = tenant and g.connection_id = connection and g.id = w.id for share) k;
end
$$;

-- Derives anew what lies around these groups.
create function ingest.enclose(tenant uuid, connection uuid, groups uuid[]) returns void
    language plpgsql volatile
as $$
begin
    with recursive around (inner_id, outer_id) as (
        select s.member_id, s.group_id from ingest.subgroup s
         where s.tenant_id = tenant and s.connection_id = connection and s.member_id = any (groups)
        union
        select a.inner_id, s.group_id from around a
          join ingest.subgroup s on s.tenant_id = tenant and s.connection_id = connection and s.member_id = a.outer_id
    ), gone as (
        delete from ingest.enclosure e
         where e.tenant_id = tenant and e.connection_id = connection and e.inner_id = any (groups)
           and not exists (select from around a where a.inner_id = e.inner_id and a.outer_id = e.outer_id)
    )
    insert into ingest.enclosure (tenant_id, connection_id, inner_id, outer_id)
    select tenant, connection, a.inner_id, a.outer_id from around a
    on conflict do nothing;
end
$$;

-- Tells the router: up to 1,000 members, those who came or went and those of the groups that did, are marked here; more by a
-- fan-out over the group (`wide`: the members themselves are too many), or over the groups in it.
create function ingest.tell_members(
    tenant uuid, desk uuid, connection uuid, group_id uuid, changed uuid[], wide boolean, concerned uuid[], new_trace text
) returns void
    language plpgsql volatile
as $$
declare
    inside uuid[] := '{}';
begin
    if wide then
        perform chain.mark_wide(tenant, desk, connection, 'group_members', group_id, 2::smallint, new_trace, concerned);
        return;
    end if;
    if cardinality(concerned) > 0 then
        inside := array(
            select m.person_id from unnest(concerned) as c (id)
             cross join lateral (
                    select x.person_id from ingest.group_member x
                     where x.tenant_id = tenant and x.connection_id = connection and x.group_id = c.id) m
             limit 1001);
    end if;
    if cardinality(changed) + cardinality(inside) > 1000 then
        perform chain.mark_wide(tenant, desk, connection, 'group_members', concerned[1], 2::smallint, new_trace, concerned[2:]);
    else
        changed := changed || inside;
    end if;
    if cardinality(changed) > 0 then
        perform chain.mark('person', tenant, desk, changed, 1::smallint, new_trace);
    end if;
end
$$;

-- Which of the unknown may be parked: `too_many_unknown` above a thousand for a group and ten thousand for a connection.
-- `listed`: only these stay parked, the others go.
create function ingest.parking_fault(tenant uuid, connection uuid, target uuid, unknown text[], listed boolean) returns text
    language plpgsql volatile
as $$
begin
    if cardinality(unknown) = 0 then
        return null;
    end if;
    return case when cardinality(unknown) > 1000 or not listed and (
                select count(*) from (
                    select k.value from ingest.parked_member k
                     where k.tenant_id = tenant and k.connection_id = connection and k.group_id = target
                    union
                    select u.value from unnest(unknown) as u (value)) k) > 1000
                 or cardinality(unknown) + (select count(*) from (
                    select from ingest.parked_member k
                     where k.tenant_id = tenant and k.connection_id = connection limit 10000) few) > 10000
                then 'too_many_unknown' end;
end
$$;

-- Parks the members that a group names and nobody is; the answer and the timeline say so.
create function ingest.park_members(tenant uuid, connection uuid, target uuid, unknown text[], new_trace text) returns void
    language plpgsql volatile
as $$
begin
    if cardinality(unknown) = 0 then
        return;
    end if;
    insert into ingest.parked_member (tenant_id, connection_id, group_id, value)
    select tenant, connection, target, u.value from unnest(unknown) as u (value)
    on conflict do nothing;
    if found then
        insert into chain.timeline (tenant_id, subject_id, stage, code, trace)
        values (tenant, target, 'received', 'members_parked', new_trace);
    end if;
end
$$;

-- Who arrives is a member of the groups that have named it, by its id or its externalId; the caller marks the person.
create function ingest.attach_parked(tenant uuid, connection uuid, person uuid, known_external_id text, new_trace text) returns void
    language plpgsql volatile
as $$
begin
    -- shared: waits only for a request that is just parking (resolve_members)
    perform pg_advisory_xact_lock_shared(hashtextextended(connection::text, 2));
    if not exists (select from ingest.parked_member k
                    where k.tenant_id = tenant and k.connection_id = connection
                      and k.value = any (array[person::text, known_external_id])) then
        return;
    end if;
    perform from ingest."group" g
      where g.tenant_id = tenant and g.connection_id = connection and g.id in (
            select k.group_id from ingest.parked_member k
             where k.tenant_id = tenant and k.connection_id = connection
               and k.value = any (array[person::text, known_external_id]))
      order by g.id for no key update;
    with named as (
        delete from ingest.parked_member k
         where k.tenant_id = tenant and k.connection_id = connection and k.value = any (array[person::text, known_external_id])
        returning k.group_id
    ), joined as (
        insert into ingest.group_member as m (tenant_id, connection_id, group_id, person_id)
        select distinct tenant, connection, n.group_id, person from named n
        on conflict on constraint group_member_pkey do update set removed_at = null
        returning m.group_id
    ), changed as (
        update ingest."group" g set version = g.version + 1, modified_at = now()
          from joined j
         where g.tenant_id = tenant and g.connection_id = connection and g.id = j.group_id
    )
    insert into chain.timeline (tenant_id, subject_id, stage, code, trace)
    select tenant, j.group_id, 'received', 'member_attached', new_trace from joined j;
end
$$;

-- `members`: as members_of, where they are wanted. `unknown`: the named members that nobody is; they are parked, or so many of
-- them that the request is refused (too_many_unknown), or said to be groups, which never arrive later (unknown_members).
-- Verdicts: created | display_name_taken | external_id_taken | unknown_members | too_many_unknown | nested_in_itself |
-- nested_too_deep | nested_too_often | unauthorized | suspended.
create function ingest.create_group(
    in path text, in token_hash bytea, in new_id uuid, in new_external_id text, in new_display_name_ci text,
    in new_document text, in new_search jsonb, in added uuid[], in added_names text[], in said_groups text[],
    in with_members boolean, in new_trace text,
    out verdict text, out version bigint, out created_at timestamptz, out modified_at timestamptz, out unknown text[],
    out members text
)
    language plpgsql volatile
as $$
declare
    who record;
    named record;
    concerned uuid[] := '{}';
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        verdict := who.verdict;
        return;
    end if;
    named := ingest.resolve_members(who.tenant_id, who.connection_id, added, added_names);
    unknown := named.unknown;
    if unknown && said_groups then
        verdict := 'unknown_members';
        return;
    end if;
    verdict := ingest.parking_fault(who.tenant_id, who.connection_id, new_id, unknown, true);
    if cardinality(named.groups) > 0 and verdict is null then
        perform ingest.hold_nesting(who.connection_id);
        named.groups := ingest.living_groups(who.tenant_id, who.connection_id, named.groups);
        verdict := ingest.nesting_fault(who.tenant_id, who.connection_id, new_id, named.groups);
    end if;
    if verdict is not null then
        return;
    end if;
    insert into ingest."group" as g (tenant_id, connection_id, id, external_id, display_name_ci, document, search)
    values (who.tenant_id, who.connection_id, new_id, new_external_id, new_display_name_ci, new_document, new_search)
    on conflict do nothing
    returning 'created', g.version, g.created_at, g.modified_at into verdict, version, created_at, modified_at;
    if not found then
        verdict := ingest.taken_group_key(who.tenant_id, who.connection_id, new_id, new_display_name_ci);
        return;
    end if;
    insert into ingest.group_member (tenant_id, connection_id, group_id, person_id)
    select who.tenant_id, who.connection_id, new_id, m.id from unnest(named.persons) as m (id);
    if cardinality(named.groups) > 0 then
        concerned := ingest.nest(who.tenant_id, who.connection_id, new_id, named.groups, '{}');
    end if;
    perform chain.mark('group', who.tenant_id, who.desk_id, array[new_id], 1::smallint, new_trace);
    perform ingest.tell_members(who.tenant_id, who.desk_id, who.connection_id, new_id, named.persons,
                                cardinality(named.persons) > 1000, concerned, new_trace);
    insert into chain.timeline (tenant_id, subject_id, stage, code, trace)
    values (who.tenant_id, new_id, 'received', 'create', new_trace);
    perform ingest.park_members(who.tenant_id, who.connection_id, new_id, unknown, new_trace);
    if with_members then
        members := ingest.members_of(who.tenant_id, who.connection_id, new_id);
    end if;
end
$$;

-- One write to a group. `new_document` null leaves the attributes (and the version check) alone: adding one member reads
-- no list. `everything` true: the member list becomes exactly `added`. Removing a stranger or adding twice changes nothing.
-- `members`, `unknown`: as create_group. Verdicts: changed | unchanged | missing | stale | those of create_group.
create function ingest.change_group(
    in path text, in token_hash bytea, in target uuid, in expected_version bigint, in new_external_id text,
    in new_display_name_ci text, in new_document text, in new_search jsonb, in everything boolean, in added uuid[],
    in added_names text[], in said_groups text[], in removed uuid[], in removed_names text[], in with_members boolean,
    in new_trace text,
    out verdict text, out version bigint, out created_at timestamptz, out modified_at timestamptz, out unknown text[],
    out members text
)
    language plpgsql volatile
as $$
declare
    who record;
    old record;
    named record;
    nested record;
    joined uuid[];
    left_behind uuid[];
    concerned uuid[] := '{}';
    wide boolean;
    renamed boolean;
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        verdict := who.verdict;
        return;
    end if;
    -- locks in one order: persons, what is parked, the nesting, the group
    named := ingest.resolve_members(who.tenant_id, who.connection_id, added, added_names);
    nested := ingest.nesting_changes(who.tenant_id, who.connection_id, target, everything, named.groups, removed);
    if cardinality(nested.joined) + cardinality(nested.left_behind) > 0 then
        perform ingest.hold_nesting(who.connection_id);
    end if;
    select g.version, g.resource, g.external_id, g.created_at, g.modified_at into old from ingest."group" g
     where g.tenant_id = who.tenant_id and g.connection_id = who.connection_id and g.id = target
       and g.removed_at is null for no key update;
    if not found then
        verdict := 'missing';
        return;
    end if;
    version := old.version;
    created_at := old.created_at;
    modified_at := old.modified_at;
    if expected_version is not null and old.version <> expected_version then
        verdict := 'stale';
        return;
    end if;
    unknown := named.unknown;
    if unknown && said_groups then
        verdict := 'unknown_members';
        return;
    end if;
    verdict := ingest.parking_fault(who.tenant_id, who.connection_id, target, unknown, everything);
    nested := ingest.nesting_changes(who.tenant_id, who.connection_id, target, everything, named.groups, removed);
    if verdict is null and cardinality(nested.joined) + cardinality(nested.left_behind) > 0 then
        perform ingest.hold_nesting(who.connection_id);  -- again, where another request has nested one meanwhile
        named.groups := ingest.living_groups(who.tenant_id, who.connection_id, named.groups);
        nested := ingest.nesting_changes(who.tenant_id, who.connection_id, target, everything, named.groups, removed);
        if cardinality(nested.joined) > 0 then
            verdict := ingest.nesting_fault(who.tenant_id, who.connection_id, target, nested.joined);
        end if;
    end if;
    if verdict is not null then
        return;
    end if;
    renamed := new_document is not null
               and (new_document::jsonb <> old.resource or new_external_id is distinct from old.external_id);
    begin
        -- before the members are looked at: who is just arriving is then one of them, or finds nothing parked
        perform ingest.unpark_members(who.tenant_id, who.connection_id, target, everything, unknown, removed, removed_names);
        left_behind := ingest.members_to_remove(who.tenant_id, who.connection_id, target, everything, named.persons, removed,
                                                removed_names, cardinality(nested.left_behind));
        select coalesce(array_agg(k.id order by k.id), '{}') into joined
          from unnest(named.persons) as k (id)
          left join lateral (
                select true as there from ingest.group_member m
                 where m.tenant_id = who.tenant_id and m.connection_id = who.connection_id and m.group_id = target
                   and m.person_id = k.id and m.removed_at is null offset 0) present on true
         where present.there is null;
        if renamed or cardinality(joined) + cardinality(left_behind) + cardinality(nested.joined)
                      + cardinality(nested.left_behind) > 0 then
            update ingest."group" g
               set external_id = case when renamed then new_external_id else g.external_id end,
                   display_name_ci = case when renamed then new_display_name_ci else g.display_name_ci end,
                   document = case when renamed then new_document else g.document end,
                   search = case when renamed then new_search else g.search end,
                   version = g.version + 1, modified_at = now()
             where g.tenant_id = who.tenant_id and g.connection_id = who.connection_id and g.id = target
            returning 'changed', g.version, g.modified_at into verdict, version, modified_at;
        else
            verdict := 'unchanged';
        end if;
    exception when unique_violation then
        verdict := ingest.taken_group_key(who.tenant_id, who.connection_id, target, new_display_name_ci);
        return;
    end;
    perform ingest.park_members(who.tenant_id, who.connection_id, target, unknown, new_trace);
    if verdict = 'changed' then
        if cardinality(nested.joined) + cardinality(nested.left_behind) > 0 then
            concerned := ingest.nest(who.tenant_id, who.connection_id, target, nested.joined, nested.left_behind);
        end if;
        wide := cardinality(joined) + cardinality(left_behind) > 1000;
        if cardinality(left_behind) = 0 then
            null;
        elsif wide then  -- the fan-out must still find who left; its last step purges the row
            update ingest.group_member m set removed_at = clock_timestamp()
             where m.tenant_id = who.tenant_id and m.connection_id = who.connection_id and m.group_id = target
               and m.person_id = any (left_behind) and m.removed_at is null;
        else
            delete from ingest.group_member m
             where m.tenant_id = who.tenant_id and m.connection_id = who.connection_id and m.group_id = target
               and m.person_id = any (left_behind);
        end if;
        insert into ingest.group_member as m (tenant_id, connection_id, group_id, person_id)
        select who.tenant_id, who.connection_id, target, k.id from unnest(joined) as k (id)
        on conflict on constraint group_member_pkey do update set removed_at = null;
        if renamed then
            perform chain.mark('group', who.tenant_id, who.desk_id, array[target], 1::smallint, new_trace);
        end if;
        perform ingest.tell_members(who.tenant_id, who.desk_id, who.connection_id, target, joined || left_behind, wide, concerned,
                                    new_trace);
        insert into chain.timeline (tenant_id, subject_id, stage, code, trace)
        values (who.tenant_id, target, 'received', case when renamed then 'change' else 'members' end, new_trace);
    end if;
    if with_members then
        members := ingest.members_of(who.tenant_id, who.connection_id, target);
    end if;
end
$$;

-- What the group names no more, and what is named anew, is not parked.
create function ingest.unpark_members(
    tenant uuid, connection uuid, target uuid, everything boolean, unknown text[], removed uuid[], removed_names text[]
) returns void
    language plpgsql volatile
as $$
begin
    if not everything and cardinality(removed) + cardinality(removed_names) = 0 then
        return;
    end if;
    delete from ingest.parked_member k
     where k.tenant_id = tenant and k.connection_id = connection and k.group_id = target and k.value <> all (unknown)
       and (everything or k.value = any (removed::text[] || removed_names));
end
$$;

-- Who of the present members goes. Only `everything` reads the list; else each named one is looked up by its key, and what is
-- no member's id, as an externalId. `others`: so many of the named are groups.
create function ingest.members_to_remove(
    tenant uuid, connection uuid, target uuid, everything boolean, added uuid[], removed uuid[], removed_names text[],
    others integer
) returns uuid[]
    language plpgsql volatile
as $$
declare
    found_members uuid[] := '{}';
begin
    if everything then
        return (select coalesce(array_agg(m.person_id order by m.person_id), '{}') from ingest.group_member m
                 where m.tenant_id = tenant and m.connection_id = connection and m.group_id = target
                   and m.removed_at is null
                   and not exists (select from unnest(added) as a (id) where a.id = m.person_id));
    end if;
    if cardinality(removed) > 0 then
        select coalesce(array_agg(k.person_id order by k.person_id), '{}') into found_members
          from (select distinct u.id from unnest(removed) as u (id)) r
         cross join lateral (
                select m.person_id from ingest.group_member m
                 where m.tenant_id = tenant and m.connection_id = connection and m.group_id = target
                   and m.person_id = r.id and m.removed_at is null offset 0) k;
    end if;
    if cardinality(removed) + cardinality(removed_names) > cardinality(found_members) + others then
        found_members := array(
            select f.id from unnest(found_members) as f (id)
            union
            select m.person_id from unnest(removed_names || removed::text[]) as u (value)
             cross join lateral (
                    select p.id from ingest.person p
                     where p.tenant_id = tenant and p.connection_id = connection and p.external_id = u.value
                       and p.removed_at is null offset 0) p
             cross join lateral (
                    select x.person_id from ingest.group_member x
                     where x.tenant_id = tenant and x.connection_id = connection and x.group_id = target
                       and x.person_id = p.id and x.removed_at is null offset 0) m
             order by 1);
    end if;
    return found_members;
end
$$;

-- Verdicts: removed | missing | stale | unauthorized | suspended. Members and the groups in it stay; who was in those is told too.
create function ingest.remove_group(
    path text, token_hash bytea, target uuid, expected_version bigint, new_trace text
) returns text
    language plpgsql volatile
as $$
declare
    who record;
    members bigint;
    found_version bigint;
    left_behind uuid[] := '{}';
    concerned uuid[];
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        return who.verdict;
    end if;
    perform ingest.hold_nesting(who.connection_id);
    select g.version into found_version from ingest."group" g
     where g.tenant_id = who.tenant_id and g.connection_id = who.connection_id and g.id = target
       and g.removed_at is null for no key update;
    if not found then
        return 'missing';
    elsif found_version <> expected_version then
        return 'stale';
    end if;
    update ingest."group" g set removed_at = now(), version = g.version + 1, modified_at = now()
     where g.tenant_id = who.tenant_id and g.connection_id = who.connection_id and g.id = target;
    -- first: who is just arriving is then a member, or finds nothing parked
    delete from ingest.parked_member k
     where k.tenant_id = who.tenant_id and k.connection_id = who.connection_id and k.group_id = target;
    concerned := array_remove(ingest.with_inner(who.tenant_id, who.connection_id, array[target]), target);
    perform ingest.hold_members(who.tenant_id, who.connection_id, concerned);
    delete from ingest.subgroup s
     where s.tenant_id = who.tenant_id and s.connection_id = who.connection_id
       and (s.group_id = target or s.member_id = target);
    perform ingest.enclose(who.tenant_id, who.connection_id, concerned || target);
    select count(*) into members from (
        select from ingest.group_member m
         where m.tenant_id = who.tenant_id and m.connection_id = who.connection_id and m.group_id = target limit 1001) few;
    if members > 1000 then
        update ingest.group_member m set removed_at = clock_timestamp()
         where m.tenant_id = who.tenant_id and m.connection_id = who.connection_id and m.group_id = target and m.removed_at is null;
    else
        with gone as (
            delete from ingest.group_member m
             where m.tenant_id = who.tenant_id and m.connection_id = who.connection_id and m.group_id = target
            returning m.person_id)
        select coalesce(array_agg(person_id), '{}') into left_behind from gone;
    end if;
    perform chain.mark('group', who.tenant_id, who.desk_id, array[target], 1::smallint, new_trace);
    perform ingest.tell_members(who.tenant_id, who.desk_id, who.connection_id, target, left_behind, members > 1000, concerned,
                                new_trace);
    insert into chain.timeline (tenant_id, subject_id, stage, code, trace)
    values (who.tenant_id, target, 'received', 'delete', new_trace);
    return 'removed';
end
$$;

-- Verdicts: found | missing | unauthorized | suspended. Members are read only when they are wanted, as finished JSON:
-- fifty thousand ids would hold up the service's event loop, and it has nothing to do with them.
create function ingest.read_group(
    in path text, in token_hash bytea, in target uuid, in with_members boolean,
    out verdict text, out document text, out members text, out version bigint, out created_at timestamptz,
    out modified_at timestamptz
)
    language plpgsql volatile
as $$
declare
    who record;
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        verdict := who.verdict;
        return;
    end if;
    select 'found', g.document, case when with_members then ingest.members_of(g.tenant_id, g.connection_id, g.id) end,
           g.version, g.created_at, g.modified_at
      into verdict, document, members, version, created_at, modified_at
      from ingest."group" g
     where g.tenant_id = who.tenant_id and g.connection_id = who.connection_id and g.id = target and g.removed_at is null;
    if not found then
        verdict := 'missing';
    end if;
end
$$;

-- The addresses are relative to the base URL that ingest is reached at, and begin with a slash. Persons, then groups. Lateral: each
-- is looked up by its id; a join was planned as a walk over all persons between the first member and the last.
create function ingest.members_of(tenant uuid, connection uuid, target uuid) returns text
    language plpgsql stable
as $$
begin
    return '[' || concat_ws(',', (
        select string_agg('{"value":"' || m.person_id || '","$ref":"/Users/' || m.person_id || '","type":"User"'
                          || coalesce(',"display":' || nullif(p.resource -> 'displayName', '""')::text, '') || '}', ','
                          order by m.person_id)
          from ingest.group_member m
         cross join lateral (
                select x.resource from ingest.person x
                 where x.tenant_id = tenant and x.connection_id = connection and x.id = m.person_id offset 0) p
         where m.tenant_id = tenant and m.connection_id = connection and m.group_id = target and m.removed_at is null
    ), (
        select string_agg('{"value":"' || s.member_id || '","$ref":"/Groups/' || s.member_id || '","type":"Group"'
                          || coalesce(',"display":' || (g.resource -> 'displayName')::text, '') || '}', ',' order by s.member_id)
          from ingest.subgroup s
         cross join lateral (
                select x.resource from ingest."group" x
                 where x.tenant_id = tenant and x.connection_id = connection and x.id = s.member_id offset 0) g
         where s.tenant_id = tenant and s.connection_id = connection and s.group_id = target
    )) || ']';
end
$$;

-- As find_persons. `key`: id, display_name, external_id or member. `wanted_member` keeps groups that have it (Entra's
-- reference check). A page ends early, but never empty, before the members in it are more than a hundred thousand.
create function ingest.find_groups(
    path text, token_hash bytea, key text, wanted text, wanted_member uuid, with_members boolean, skipped bigint,
    page_size integer
) returns table (verdict text, total bigint, id uuid, document text, members text, version bigint,
                 created_at timestamptz, modified_at timestamptz)
    language plpgsql volatile
as $$
declare
    who record;
    wanted_id uuid := case when key = 'id' then wanted::uuid end;
    room bigint := 100000;
    shown bigint := 0;
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        return query select who.verdict, null::bigint, null::uuid, null::text, null::text, null::bigint,
                            null::timestamptz, null::timestamptz;
        return;
    end if;
    for verdict, total, id, document, version, created_at, modified_at in
    with candidates as (
        select g.* from ingest."group" g
         where g.tenant_id = who.tenant_id and g.connection_id = who.connection_id and g.removed_at is null
           and key = 'display_name' and g.display_name_ci = wanted
        union all
        select g.* from ingest."group" g
         where g.tenant_id = who.tenant_id and g.connection_id = who.connection_id and g.removed_at is null
           and key = 'external_id' and g.external_id = wanted
        union all
        select g.* from ingest."group" g
         where g.tenant_id = who.tenant_id and g.connection_id = who.connection_id and g.removed_at is null
           and key = 'id' and g.id = wanted_id
        union all
        select g.* from ingest.group_member m
          join ingest."group" g on g.tenant_id = m.tenant_id and g.connection_id = m.connection_id and g.id = m.group_id
         where m.tenant_id = who.tenant_id and m.connection_id = who.connection_id and m.removed_at is null
           and key = 'member' and m.person_id = wanted_member and g.removed_at is null
        union all
        select g.* from ingest.subgroup s
          join ingest."group" g on g.tenant_id = s.tenant_id and g.connection_id = s.connection_id and g.id = s.group_id
         where s.tenant_id = who.tenant_id and s.connection_id = who.connection_id
           and key = 'member' and s.member_id = wanted_member
    ), hits as materialized (
        select c.* from candidates c
         where wanted_member is null or exists (
                select from ingest.group_member m
                 where m.tenant_id = c.tenant_id and m.connection_id = c.connection_id and m.group_id = c.id
                   and m.person_id = wanted_member and m.removed_at is null)
            or exists (
                select from ingest.subgroup s
                 where s.tenant_id = c.tenant_id and s.connection_id = c.connection_id and s.group_id = c.id
                   and s.member_id = wanted_member)
    )
    select 'ok'::text, (select count(*) from hits), null::uuid, null::text, null::bigint, null::timestamptz,
           null::timestamptz
    union all
    (select null::text, null::bigint, l.id, l.document, l.version, l.created_at, l.modified_at
       from (select h.* from hits h order by h.id offset skipped limit page_size) l
      order by l.id)
    loop
        members := null;
        if with_members and verdict is null then
            members := ingest.members_of(who.tenant_id, who.connection_id, id);
            room := room - ingest.members_in(members);
            exit when room < 0 and shown > 0;
            shown := shown + 1;
        end if;
        return next;
    end loop;
end
$$;

-- How many there are in such a text: within a name every quotation mark has a backslash before it.
create function ingest.members_in(members text) returns bigint
    language sql immutable
as $$ select (length(members) - length(replace(members, '"$ref":"/', ''))) / length('"$ref":"/') $$;

-- Any other list. A condition is written by vestibule.scim.conditions over the row `r`, its values stand in `arguments`; null:
-- that type is not asked for. It runs with the caller's own rights, under row level security, whatever it says. A sort key is
-- an expression of the same kind; null: by id. `backwards`: the page that ends before the last key and id instead of the one
-- that begins behind them, and its rows in that order. A row too many, or one without document, says that there are more.
create function ingest.search(
    path text, token_hash bytea, person_condition text, group_condition text, arguments text[], person_key text,
    group_key text, descending boolean, backwards boolean, last_key text, last_id uuid, skipped bigint, page_size integer,
    with_members boolean
) returns table (verdict text, total bigint, kind text, id uuid, sort_key text, document text, groups text, members text,
                 version bigint, created_at timestamptz, modified_at timestamptz)
    language plpgsql volatile
as $$
declare
    who record;
    way constant text := case when descending <> backwards then 'desc' else 'asc' end;
    beyond constant text := case when descending <> backwards then '<' else '>' end;
    plain constant boolean := person_key is null and group_key is null
        and (person_condition is null or group_condition is null) and coalesce(person_condition, group_condition) = 'true';
    old_setting text;
    hits text;
    row record;
    number integer := 0;
    room bigint := 100000;
begin
    who := console.authenticate(path, token_hash);
    verdict := who.verdict;
    if verdict <> 'ok' then
        return next;
        return;
    end if;
    if plain then
        -- the index has the order: a plan that sorts would read the whole connection for each page
        old_setting := set_config('enable_sort', 'off', true);
    end if;
    -- What identity providers walk through, persons and groups without members: a plan that is kept, and no row passes
    -- through variables. The first id is made beforehand: coalesce counts as leaky, and row level security keeps what leaks
    -- out of the index condition.
    if plain and person_condition is not null then
        total := ingest.count_persons(who.tenant_id, who.connection_id);
        if way = 'asc' then
            return next;
            if last_id is null then
                select m.id, m.position into row from ingest.milestone m
                 where m.tenant_id = who.tenant_id and m.connection_id = who.connection_id and m.position <= skipped
                 order by m.id desc limit 1;
                last_id := coalesce(row.id, '00000000-0000-0000-0000-000000000000');
                skipped := skipped - coalesce(row.position, 0);
            end if;
            return query
            with l as materialized (
                select p.id, p.document, p.version, p.created_at, p.modified_at from ingest.person p
                 where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.removed_at is null
                   and p.id >= (select f.id from ingest.person f
                                 where f.tenant_id = who.tenant_id and f.connection_id = who.connection_id
                                   and f.removed_at is null and f.id > last_id
                                 order by f.id offset skipped limit 1)
                 order by p.id limit page_size + 1)
            select null::text, null::bigint, 'User', l.id, null::text, l.document, g.groups, null::text, l.version,
                   l.created_at, l.modified_at
              from l left join ingest.groups_of_each(who.tenant_id, who.connection_id, array(select l.id from l)) g
                       on g.person_id = l.id
             order by l.id;
            return;
        end if;
    elsif plain and way = 'asc' and not with_members then
        last_id := coalesce(last_id, '00000000-0000-0000-0000-000000000000');
        return query
        select verdict, (select count(*) from ingest."group" g
                          where g.tenant_id = who.tenant_id and g.connection_id = who.connection_id and g.removed_at is null),
               null::text, null::uuid, null::text, null::text, null::text, null::text, null::bigint, null::timestamptz,
               null::timestamptz
        union all
        (select null::text, null::bigint, 'Group', g.id, null::text, g.document, null::text, null::text, g.version,
                g.created_at, g.modified_at
           from ingest."group" g
          where g.tenant_id = who.tenant_id and g.connection_id = who.connection_id and g.removed_at is null
            and g.id >= (select f.id from ingest."group" f
                          where f.tenant_id = who.tenant_id and f.connection_id = who.connection_id
                            and f.removed_at is null and f.id > last_id
                          order by f.id offset skipped limit 1)
          order by g.id limit page_size + 1);
        return;
    end if;
    hits := concat_ws(' union all ', ingest.hits('User', 'person', person_condition, person_key),
                      ingest.hits('Group', 'group', group_condition, group_key));
    for row in execute
        case when plain then format(
            'with page as (select h.* from (%s) h where $5 is null or h.id %s $5 order by h.id %s offset $6 limit $7)',
            hits, beyond, way)
        else format(
            'with hits as materialized (%s), page as (
                 select h.* from hits h
                  where $5 is null or (h.k is null, coalesce(h.k, ''''), h.id) %s ($4 is null, coalesce($4, ''''), $5)
                  order by h.k is null %s, coalesce(h.k, '''') %s, h.id %s offset $6 limit $7)',
            hits, beyond, way, way, way) end
        || format('
        select %s as total, p.kind, p.id, p.k, coalesce(u.document, g.document) as document, m.groups,
               coalesce(u.version, g.version) as version, coalesce(u.created_at, g.created_at) as created_at,
               coalesce(u.modified_at, g.modified_at) as modified_at
          from (values (1)) one (n)
          left join page p on true
          left join lateral (
               select u.* from ingest.person u
                where p.kind = ''User'' and u.tenant_id = $1 and u.connection_id = $2 and u.id = p.id offset 0) u on true
          left join ingest.groups_of_each($1, $2, array(select x.id from page x where x.kind = ''User'')) m
                    on m.person_id = u.id
          left join lateral (
               select g.* from ingest."group" g
                where p.kind = ''Group'' and g.tenant_id = $1 and g.connection_id = $2 and g.id = p.id offset 0) g on true
         order by p.k is null %s, coalesce(p.k, '''') %s, p.id %s',
            case when total is not null then '$8' when plain then format('(select count(*) from (%s) h)', hits)
                 else '(select count(*) from hits)' end, way, way, way)
        using who.tenant_id, who.connection_id, arguments, last_key, last_id, skipped, page_size + 1, total
    loop
        if number = 0 then
            total := row.total;
            return next;
            verdict := null;
            total := null;
        end if;
        exit when row.kind is null;
        number := number + 1;
        kind := row.kind;
        id := row.id;
        sort_key := row.k;
        document := case when number <= page_size then row.document end;
        groups := row.groups;
        members := null;
        version := row.version;
        created_at := row.created_at;
        modified_at := row.modified_at;
        if with_members and kind = 'Group' and document is not null then
            members := ingest.members_of(who.tenant_id, who.connection_id, id);
            room := room - ingest.members_in(members);
            if room < 0 and number > 1 then
                document := null;
            end if;
        end if;
        return next;
        exit when document is null;
    end loop;
end
$$;

-- What of one table a condition finds, as text of the statement above.
create function ingest.hits(kind text, relation text, condition text, sort_key text) returns text
    language sql immutable
as $$
    select format('select %L::text as kind, r.id, (%s) collate "C" as k from ingest.%I r
                    where r.tenant_id = $1 and r.connection_id = $2 and r.removed_at is null and (%s)',
                  kind, coalesce(sort_key, 'null::text'), relation, condition)
     where condition is not null
$$;

-- How many persons a connection has, exactly: behind the last milestone they are counted. A long way is shortened for whoever
-- comes next (set_milestones).
create function ingest.count_persons(tenant uuid, connection uuid) returns bigint
    language plpgsql volatile
as $$
declare
    milestone uuid;
    counted record;
begin
    select m.id into milestone from ingest.milestone m
     where m.tenant_id = tenant and m.connection_id = connection order by m.id desc limit 1;
    milestone := coalesce(milestone, '00000000-0000-0000-0000-000000000000');
    -- both in one snapshot: nobody leaves, or comes back, between them
    select coalesce((select m.position from ingest.milestone m
                      where m.tenant_id = tenant and m.connection_id = connection and m.id = milestone), 0) as before,
           (select count(*) from ingest.person p
             where p.tenant_id = tenant and p.connection_id = connection and p.removed_at is null
               and p.id > milestone) as behind into counted;
    if counted.behind >= 1000 then
        perform ingest.set_milestones(tenant, connection);
    end if;
    return counted.before + counted.behind;
end
$$;

-- Milestones up to ids that are so old that nobody can still come before them. Whoever takes a person out of the list, or puts
-- one between those of old, holds the milestones before and moves them after (hold_milestones): a create does so whose id was
-- more than a second old when its transaction began. So none that is under way adds an id that is older than the oldest of them
-- by more than that; another second is for one that has begun and is not seen yet. Without track_activities there are none.
create function ingest.set_milestones(tenant uuid, connection uuid) returns void
    language plpgsql volatile
as $$
declare
    horizon uuid;
begin
    if not pg_try_advisory_xact_lock(hashtextextended(connection::text, 0)) then
        return;
    end if;
    -- before the snapshot of what is counted: whoever has ended since is in it
    select ingest.first_id(min(a.xact_start) - interval '2 seconds') into horizon from pg_stat_activity a
     where a.usename = current_user and a.datname = current_database();
    insert into ingest.milestone (tenant_id, connection_id, id, position)
    select tenant, connection, n.id, n.position
      from (select p.id, coalesce(m.position, 0) + row_number() over (order by p.id) as position
              from (values (1)) one (n)
              left join lateral (
                    select m.id, m.position from ingest.milestone m
                     where m.tenant_id = tenant and m.connection_id = connection order by m.id desc limit 1) m on true
             -- coalesce counts as leaky: compared with directly it would be no index condition under row level security
             cross join lateral (select coalesce(m.id, '00000000-0000-0000-0000-000000000000') as id offset 0) b
             cross join lateral (
                    select p.id from ingest.person p
                     where p.tenant_id = tenant and p.connection_id = connection and p.removed_at is null
                       and p.id > b.id and p.id < horizon) p) n
     where n.position % 1000 = 0;
end
$$;

-- A refused request of a known connection leaves a row, or is counted in the one of this minute; an unknown token leaves none (there is no tenant to tell).
-- Returns the caller's verdict: ok | unauthorized | suspended | outdated.
create function ingest.refuse(
    path text, token_hash bytea, refused_operation text, refused_status smallint, refused_code text, new_trace text
) returns text
    language plpgsql volatile
as $$
declare
    who record;
begin
    who := console.authenticate(path, token_hash);
    if who.verdict in ('unauthorized', 'outdated') then
        return who.verdict;  -- what was judged by old schemas is judged anew
    end if;
    perform chain.enter_tenant(who.tenant_id);
    insert into ingest.refusal as r (tenant_id, connection_id, operation, status, code, trace)
    values (who.tenant_id, who.connection_id, refused_operation, refused_status, refused_code, new_trace)
    on conflict (tenant_id, connection_id, minute, operation, code, status)
    do update set requests = r.requests + 1, at = clock_timestamp(), trace = excluded.trace;
    return who.verdict;
end
$$;

-- Verdicts: ok | unauthorized | suspended | outdated; for requests that touch no resource (discovery).
create function ingest.admit(in path text, in token_hash bytea, out verdict text)
    language plpgsql volatile
as $$
declare
    who record;
begin
    who := console.authenticate(path, token_hash);
    verdict := who.verdict;
end
$$;

-- For each caller a list of [trait, code, requests, first, last], times in Unix seconds. Each authenticates anew and enters its
-- own tenant; what a token counted that is gone by now is dropped. Callers and lists come sorted, so that replicas never
-- wait for each other in a circle.
create function ingest.add_fingerprints(paths text[], token_hashes bytea[], seen jsonb) returns void
    language plpgsql volatile
as $$
declare
    who record;
begin
    for place in 1 .. cardinality(paths) loop
        perform set_config('app.tenant', '', true);
        who := console.authenticate(paths[place], token_hashes[place]);
        continue when who.verdict = 'unauthorized';
        perform chain.enter_tenant(who.tenant_id);
        insert into ingest.fingerprint as f (tenant_id, connection_id, trait, code, requests, first_at, last_at)
        select who.tenant_id, who.connection_id, s ->> 0, s ->> 1, (s ->> 2)::bigint,
               to_timestamp((s ->> 3)::float8), to_timestamp((s ->> 4)::float8)
          from jsonb_array_elements(seen -> (place - 1)) s
        on conflict (tenant_id, connection_id, trait, code)
        do update set requests = f.requests + excluded.requests, first_at = least(f.first_at, excluded.first_at),
                      last_at = greatest(f.last_at, excluded.last_at);
    end loop;
end
$$;

-- Brings what was stored before into the shape of schemas that an operator defined since: extension bodies and `search` change, all
-- else must be as it is, and who was written meanwhile has that shape already. Returns how many rows it changed.
create function ingest.refit(
    tenant uuid, connection uuid, kind text, ids uuid[], versions bigint[], resources jsonb[], searches jsonb[]
) returns integer
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    changed integer;
begin
    if tenant is distinct from chain.current_tenant() then
        raise exception 'refit: the tenant was not entered' using errcode = 'insufficient_privilege';
    end if;
    execute format('
        with fitted as (
            select * from unnest($3, $4, $5, $6) as f (id, version, resource, search)),
        held as (
            select r.id from ingest.%1$I r join fitted f on f.id = r.id and f.version = r.version
             where r.tenant_id = $1 and r.connection_id = $2
               and (select coalesce(jsonb_object_agg(k.key, k.value), ''{}'') from jsonb_each(r.resource) k
                     where strpos(k.key, '':'') = 0)
                 = (select coalesce(jsonb_object_agg(k.key, k.value), ''{}'') from jsonb_each(f.resource) k
                     where strpos(k.key, '':'') = 0)
             order by r.id for no key update of r)
        update ingest.%1$I r
           set document = f.resource::text, search = f.search,
               version = r.version + (r.resource <> f.resource)::integer,
               modified_at = case when r.resource <> f.resource then now() else r.modified_at end
          from fitted f join held h on h.id = f.id
         where r.tenant_id = $1 and r.connection_id = $2 and r.id = f.id',
        case kind when 'Group' then 'group' else 'person' end)
    using tenant, connection, ids, versions, resources, searches;
    get diagnostics changed = row_count;
    return changed;
end
$$;

grant execute on all functions in schema ingest to vestibule_ingest;
revoke execute on function ingest.refit(uuid, uuid, text, uuid[], bigint[], jsonb[], jsonb[]) from vestibule_ingest;
grant select (version, resource, modified_at), update (document, search, version, modified_at)
    on ingest.person, ingest."group" to vestibule_definer;
reset role;
grant create on schema ingest to vestibule_definer;
alter function ingest.refit(uuid, uuid, text, uuid[], bigint[], jsonb[], jsonb[]) owner to vestibule_definer;
revoke create on schema ingest from vestibule_definer;
grant execute on function ingest.refit(uuid, uuid, text, uuid[], bigint[], jsonb[], jsonb[]) to vestibule_console;
