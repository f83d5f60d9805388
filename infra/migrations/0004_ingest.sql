-- What the identity providers sent: one row per SCIM resource. Every function authenticates, works and marks in
-- one transaction and one round trip; its first column is a verdict that the service turns into an answer.
set local role vestibule_owner;

create table ingest.person (
    tenant_id uuid not null,
    connection_id uuid not null,
    id uuid not null,
    external_id text check (length(external_id) between 1 and 1024),
    user_name_ci text not null check (length(user_name_ci) between 1 and 1024),
    email_ci text check (length(email_ci) <= 320),      -- the primary or work address, folded: for filters only
    active boolean not null,
    resource jsonb not null,                             -- as sent, normalised names, without id, meta, groups
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    modified_at timestamptz not null default now(),
    removed_at timestamptz,
    primary key (tenant_id, connection_id, id),
    foreign key (tenant_id, connection_id) references console.connection (tenant_id, id)
) with (fillfactor = 85);
create unique index person_user_name on ingest.person (tenant_id, connection_id, user_name_ci) where removed_at is null;
create unique index person_external_id on ingest.person (tenant_id, connection_id, external_id)
    where removed_at is null and external_id is not null;
create index person_email on ingest.person (tenant_id, connection_id, email_ci) where removed_at is null;
create index person_removed on ingest.person (tenant_id, connection_id, user_name_ci) where removed_at is not null;

create table ingest."group" (
    tenant_id uuid not null,
    connection_id uuid not null,
    id uuid not null,
    external_id text check (length(external_id) between 1 and 1024),
    display_name_ci text not null check (length(display_name_ci) between 1 and 1024),
    resource jsonb not null,                             -- without id, meta, members
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    modified_at timestamptz not null default now(),
    removed_at timestamptz,
    primary key (tenant_id, connection_id, id),
    foreign key (tenant_id, connection_id) references console.connection (tenant_id, id)
);
create unique index group_display_name on ingest."group" (tenant_id, connection_id, display_name_ci) where removed_at is null;
create unique index group_external_id on ingest."group" (tenant_id, connection_id, external_id)
    where removed_at is null and external_id is not null;

-- removed_at is set only while a fan-out still has to tell the member; afterwards the row is purged.
create table ingest.group_member (
    tenant_id uuid not null,
    connection_id uuid not null,
    group_id uuid not null,
    person_id uuid not null,
    removed_at timestamptz,
    primary key (tenant_id, connection_id, group_id, person_id),
    foreign key (tenant_id, connection_id, group_id) references ingest."group" (tenant_id, connection_id, id),
    foreign key (tenant_id, connection_id, person_id) references ingest.person (tenant_id, connection_id, id)
);
create index group_member_person on ingest.group_member (tenant_id, connection_id, person_id) where removed_at is null;

-- Requests that made no person and say so to somebody.
create table ingest.refusal (
    tenant_id uuid not null,
    id bigint generated always as identity,
    connection_id uuid not null,
    at timestamptz not null default now(),
    operation text not null check (operation ~ '^[a-z][a-z_.]{0,40}$'),
    status smallint not null,
    code text not null check (code ~ '^[a-z][a-z0-9_.:-]{0,79}$'),
    trace text check (length(trace) <= 64),
    primary key (tenant_id, id)
);
create index refusal_connection on ingest.refusal (tenant_id, connection_id, at);

alter table ingest.person enable row level security, force row level security;
alter table ingest."group" enable row level security, force row level security;
alter table ingest.group_member enable row level security, force row level security;
alter table ingest.refusal enable row level security, force row level security;
create policy one_tenant on ingest.person using (tenant_id = chain.current_tenant());
create policy one_tenant on ingest."group" using (tenant_id = chain.current_tenant());
create policy one_tenant on ingest.group_member using (tenant_id = chain.current_tenant());
create policy one_tenant on ingest.refusal using (tenant_id = chain.current_tenant());

grant select, insert, update on ingest.person, ingest."group" to vestibule_ingest;
grant select, insert, update, delete on ingest.group_member to vestibule_ingest;
grant insert (tenant_id, connection_id, operation, status, code, trace) on ingest.refusal to vestibule_ingest;
grant select on ingest.person, ingest."group", ingest.group_member to vestibule_router, vestibule_console;
grant select on ingest.refusal to vestibule_console;
grant select (tenant_id, connection_id, id) on ingest.person, ingest."group" to vestibule_definer;
grant select, delete on ingest.group_member to vestibule_definer;

-- Verdicts: created | returned (the same person inside the retention time: same id) | user_name_taken |
-- external_id_taken | unauthorized | suspended. Identity rule 1: a return needs the same userName, and the same
-- externalId where both have one; a known externalId alone is enough only where the connection declares it immutable.
create function ingest.create_person(
    path text, token_hash bytea, new_id uuid, new_external_id text, new_user_name_ci text, new_email_ci text,
    new_active boolean, new_resource jsonb, new_trace text
) returns table (verdict text, id uuid, version bigint, created_at timestamptz, modified_at timestamptz)
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    who record;
    past uuid;
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        return query select who.verdict, null::uuid, null::bigint, null::timestamptz, null::timestamptz;
        return;
    end if;
    select p.id into past from ingest.person p
     where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.removed_at is not null
       and p.user_name_ci = new_user_name_ci
       and (p.external_id is null or new_external_id is null or p.external_id = new_external_id)
     order by p.removed_at desc limit 1 for update;
    if past is null and new_external_id is not null and who.key_trust = 'immutable' then
        select p.id into past from ingest.person p
         where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.removed_at is not null
           and p.external_id = new_external_id
         order by p.removed_at desc limit 1 for update;
    end if;
    begin
        if past is not null then
            return query update ingest.person p
               set removed_at = null, external_id = coalesce(new_external_id, p.external_id),
                   user_name_ci = new_user_name_ci, email_ci = new_email_ci, active = new_active,
                   resource = new_resource, version = p.version + 1, modified_at = now()
             where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.id = past
               and p.removed_at is not null
            returning 'returned'::text, p.id, p.version, p.created_at, p.modified_at;
        else
            return query insert into ingest.person as p
                (tenant_id, connection_id, id, external_id, user_name_ci, email_ci, active, resource)
            values (who.tenant_id, who.connection_id, new_id, new_external_id, new_user_name_ci, new_email_ci,
                    new_active, new_resource)
            returning 'created'::text, p.id, p.version, p.created_at, p.modified_at;
        end if;
    exception when unique_violation then
        return query select case when exists (
                select from ingest.person p
                 where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id
                   and p.user_name_ci = new_user_name_ci and p.removed_at is null)
            then 'user_name_taken' else 'external_id_taken' end, null::uuid, null::bigint, null::timestamptz, null::timestamptz;
        return;
    end;
    perform chain.mark('person', who.tenant_id, who.desk_id, array[coalesce(past, new_id)], 1::smallint, new_trace);
    insert into chain.timeline (tenant_id, subject_id, stage, code, trace)
    values (who.tenant_id, coalesce(past, new_id), 'received', case when past is null then 'create' else 'return' end, new_trace);
end
$$;

-- Verdicts: replaced | missing | stale (another write came between) | user_name_taken | external_id_taken | unauthorized | suspended.
-- `leaving` puts the mark on the leavers' lane (the write takes active from true to false).
create function ingest.replace_person(
    path text, token_hash bytea, person_id uuid, expected_version bigint, new_external_id text, new_user_name_ci text,
    new_email_ci text, new_active boolean, new_resource jsonb, operation text, new_trace text
) returns table (verdict text, version bigint, created_at timestamptz, modified_at timestamptz)
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    who record;
    found_now record;
    nothing constant timestamptz := null;
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        return query select who.verdict, null::bigint, nothing, nothing;
        return;
    end if;
    select p.version, p.active into found_now from ingest.person p
     where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.id = person_id
       and p.removed_at is null for update;
    if not found then
        return query select 'missing'::text, null::bigint, nothing, nothing;
        return;
    elsif found_now.version <> expected_version then
        return query select 'stale'::text, found_now.version, nothing, nothing;
        return;
    end if;
    begin
        return query update ingest.person p
           set external_id = new_external_id, user_name_ci = new_user_name_ci, email_ci = new_email_ci,
               active = new_active, resource = new_resource, version = p.version + 1, modified_at = now()
         where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.id = person_id
        returning 'replaced'::text, p.version, p.created_at, p.modified_at;
    exception when unique_violation then
        return query select case when exists (
                select from ingest.person p
                 where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id
                   and p.user_name_ci = new_user_name_ci and p.removed_at is null and p.id <> person_id)
            then 'user_name_taken' else 'external_id_taken' end, null::bigint, nothing, nothing;
        return;
    end;
    perform chain.mark('person', who.tenant_id, who.desk_id, array[person_id],
                       (case when found_now.active and not new_active then 0 else 1 end)::smallint, new_trace);
    insert into chain.timeline (tenant_id, subject_id, stage, code, trace)
    values (who.tenant_id, person_id, 'received',
            case when found_now.active and not new_active then 'deactivate'
                 when new_active and not found_now.active then 'reactivate' else operation end, new_trace);
end
$$;

-- Verdicts: removed | missing | unauthorized | suspended. The row stays for the retention time; its groups lose it.
create function ingest.remove_person(path text, token_hash bytea, person_id uuid, new_trace text) returns text
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    who record;
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        return who.verdict;
    end if;
    update ingest.person p set removed_at = now(), active = false, version = p.version + 1, modified_at = now()
     where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.id = person_id
       and p.removed_at is null;
    if not found then
        return 'missing';
    end if;
    delete from ingest.group_member m
     where m.tenant_id = who.tenant_id and m.connection_id = who.connection_id and m.person_id = remove_person.person_id;
    perform chain.mark('person', who.tenant_id, who.desk_id, array[person_id], 0::smallint, new_trace);
    insert into chain.timeline (tenant_id, subject_id, stage, code, trace)
    values (who.tenant_id, person_id, 'received', 'delete', new_trace);
    return 'removed';
end
$$;

-- Verdicts: found | missing | unauthorized | suspended. `groups`: [{"value": id, "display": name}], direct ones.
create function ingest.read_person(path text, token_hash bytea, person_id uuid)
    returns table (verdict text, id uuid, resource jsonb, groups jsonb, version bigint, created_at timestamptz, modified_at timestamptz)
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    who record;
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        return query select who.verdict, null::uuid, null::jsonb, null::jsonb, null::bigint, null::timestamptz, null::timestamptz;
        return;
    end if;
    return query select 'found'::text, p.id, p.resource, ingest.groups_of(p.tenant_id, p.connection_id, p.id),
                        p.version, p.created_at, p.modified_at
      from ingest.person p
     where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.id = person_id and p.removed_at is null;
    if not found then
        return query select 'missing'::text, null::uuid, null::jsonb, null::jsonb, null::bigint, null::timestamptz, null::timestamptz;
    end if;
end
$$;

create function ingest.groups_of(tenant uuid, connection uuid, person uuid) returns jsonb
    language sql stable
as $$
    select jsonb_agg(jsonb_build_object('value', g.id, 'display', g.resource ->> 'displayName') order by g.id)
      from ingest.group_member m
      join ingest."group" g on g.tenant_id = m.tenant_id and g.connection_id = m.connection_id and g.id = m.group_id
     where m.tenant_id = tenant and m.connection_id = connection and m.person_id = person
       and m.removed_at is null and g.removed_at is null
$$;

-- The first row is always a verdict row (`ok` with the total, or why not), the page follows with verdict null.
-- `attribute` null lists all; else one of id, user_name, external_id, email: equality on its indexed column.
create function ingest.list_persons(
    path text, token_hash bytea, attribute text, value text, first_index bigint, page_size integer
) returns table (verdict text, total bigint, id uuid, resource jsonb, groups jsonb, version bigint, created_at timestamptz, modified_at timestamptz)
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    who record;
    counted bigint;
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        return query select who.verdict, null::bigint, null::uuid, null::jsonb, null::jsonb, null::bigint, null::timestamptz, null::timestamptz;
        return;
    end if;
    if attribute is null then
        select count(*) into counted from ingest.person p
         where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.removed_at is null;
        return query select 'ok'::text, counted, null::uuid, null::jsonb, null::jsonb, null::bigint, null::timestamptz, null::timestamptz;
        return query select null::text, null::bigint, p.id, p.resource, ingest.groups_of(p.tenant_id, p.connection_id, p.id),
                            p.version, p.created_at, p.modified_at
          from ingest.person p
         where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.removed_at is null
         order by p.id offset first_index - 1 limit page_size;
        return;
    end if;
    return query
    with hits as materialized (
        select p.* from ingest.person p
         where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.removed_at is null
           and attribute = 'user_name' and p.user_name_ci = value
        union all
        select p.* from ingest.person p
         where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.removed_at is null
           and attribute = 'external_id' and p.external_id = value
        union all
        select p.* from ingest.person p
         where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.removed_at is null
           and attribute = 'email' and p.email_ci = value
        union all
        select p.* from ingest.person p
         where p.tenant_id = who.tenant_id and p.connection_id = who.connection_id and p.removed_at is null
           and attribute = 'id' and p.id = case when attribute = 'id' then value::uuid end
    )
    select 'ok'::text, (select count(*) from hits), null::uuid, null::jsonb, null::jsonb, null::bigint, null::timestamptz, null::timestamptz
    union all
    (select null::text, null::bigint, h.id, h.resource, ingest.groups_of(h.tenant_id, h.connection_id, h.id),
            h.version, h.created_at, h.modified_at
       from hits h order by h.id offset first_index - 1 limit page_size);
end
$$;

-- Members named by a request that are no persons of this connection; the request is refused whole, naming how many.
create function ingest.unknown_members(tenant uuid, connection uuid, ids uuid[]) returns uuid[]
    language sql stable
as $$
    select coalesce(array_agg(k.id), '{}') from (
        select distinct u.id from unnest(ids) as u (id)
        except
        select p.id from ingest.person p
         where p.tenant_id = tenant and p.connection_id = connection and p.id = any (ids) and p.removed_at is null) k
$$;

-- Tells the router: up to 1,000 changed members are marked here, more by a fan-out over the group.
create function ingest.tell_members(
    tenant uuid, desk uuid, connection uuid, group_id uuid, changed uuid[], wide boolean, new_trace text
) returns void
    language plpgsql volatile
as $$
begin
    if wide then
        perform chain.mark_wide(tenant, desk, connection, 'group_members', group_id, 2::smallint, new_trace);
    elsif cardinality(changed) > 0 then
        perform chain.mark('person', tenant, desk, changed, 1::smallint, new_trace);
    end if;
end
$$;

-- Verdicts: created | display_name_taken | external_id_taken | unknown_members | unauthorized | suspended.
create function ingest.create_group(
    path text, token_hash bytea, new_id uuid, new_external_id text, new_display_name_ci text, new_resource jsonb,
    members uuid[], new_trace text
) returns table (verdict text, version bigint, created_at timestamptz, modified_at timestamptz, unknown uuid[])
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    who record;
    nothing constant timestamptz := null;
    strangers uuid[];
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        return query select who.verdict, null::bigint, nothing, nothing, null::uuid[];
        return;
    end if;
    strangers := ingest.unknown_members(who.tenant_id, who.connection_id, members);
    if cardinality(strangers) > 0 then
        return query select 'unknown_members'::text, null::bigint, nothing, nothing, strangers;
        return;
    end if;
    begin
        return query insert into ingest."group" as g (tenant_id, connection_id, id, external_id, display_name_ci, resource)
        values (who.tenant_id, who.connection_id, new_id, new_external_id, new_display_name_ci, new_resource)
        returning 'created'::text, g.version, g.created_at, g.modified_at, null::uuid[];
    exception when unique_violation then
        return query select case when exists (
                select from ingest."group" g
                 where g.tenant_id = who.tenant_id and g.connection_id = who.connection_id
                   and g.display_name_ci = new_display_name_ci and g.removed_at is null)
            then 'display_name_taken' else 'external_id_taken' end, null::bigint, nothing, nothing, null::uuid[];
        return;
    end;
    insert into ingest.group_member (tenant_id, connection_id, group_id, person_id)
    select who.tenant_id, who.connection_id, new_id, m.id from (select distinct u.id from unnest(members) as u (id) order by 1) m;
    perform chain.mark('group', who.tenant_id, who.desk_id, array[new_id], 1::smallint, new_trace);
    perform ingest.tell_members(who.tenant_id, who.desk_id, who.connection_id, new_id, members, cardinality(members) > 1000, new_trace);
    insert into chain.timeline (tenant_id, subject_id, stage, code, trace)
    values (who.tenant_id, new_id, 'received', 'create', new_trace);
end
$$;

-- One write to a group. `new_resource` null leaves the attributes (and the version check) alone: adding one member reads
-- no list. `everything` true: the member list becomes exactly `added`. Removing a stranger or adding twice changes nothing.
-- Verdicts: changed | unchanged | missing | stale | display_name_taken | external_id_taken | unknown_members | unauthorized | suspended.
create function ingest.change_group(
    path text, token_hash bytea, target uuid, expected_version bigint, new_external_id text, new_display_name_ci text,
    new_resource jsonb, everything boolean, added uuid[], removed uuid[], new_trace text
) returns table (verdict text, version bigint, created_at timestamptz, modified_at timestamptz, unknown uuid[])
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    who record;
    old record;
    strangers uuid[];
    joined uuid[];
    left_behind uuid[];
    wide boolean;
    renamed boolean;
    nothing constant timestamptz := null;
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        return query select who.verdict, null::bigint, nothing, nothing, null::uuid[];
        return;
    end if;
    select g.version, g.resource, g.external_id, g.created_at, g.modified_at into old from ingest."group" g
     where g.tenant_id = who.tenant_id and g.connection_id = who.connection_id and g.id = target
       and g.removed_at is null for update;
    if not found then
        return query select 'missing'::text, null::bigint, nothing, nothing, null::uuid[];
        return;
    elsif expected_version is not null and old.version <> expected_version then
        return query select 'stale'::text, old.version, nothing, nothing, null::uuid[];
        return;
    end if;
    strangers := ingest.unknown_members(who.tenant_id, who.connection_id, added);
    if cardinality(strangers) > 0 then
        return query select 'unknown_members'::text, null::bigint, nothing, nothing, strangers;
        return;
    end if;
    renamed := new_resource is not null and (new_resource <> old.resource or new_external_id is distinct from old.external_id);
    if everything then
        select coalesce(array_agg(m.person_id), '{}') into left_behind from ingest.group_member m
         where m.tenant_id = who.tenant_id and m.connection_id = who.connection_id and m.group_id = target
           and m.removed_at is null and not (m.person_id = any (added));
    else
        select coalesce(array_agg(m.person_id), '{}') into left_behind from ingest.group_member m
         where m.tenant_id = who.tenant_id and m.connection_id = who.connection_id and m.group_id = target
           and m.removed_at is null and m.person_id = any (removed);
    end if;
    select coalesce(array_agg(k.id), '{}') into joined from (
        select distinct u.id from unnest(added) as u (id)
         where not exists (select from ingest.group_member m
             where m.tenant_id = who.tenant_id and m.connection_id = who.connection_id and m.group_id = target
               and m.person_id = u.id and m.removed_at is null)) k;
    if not renamed and cardinality(joined) = 0 and cardinality(left_behind) = 0 then
        return query select 'unchanged'::text, old.version, old.created_at, old.modified_at, null::uuid[];
        return;
    end if;
    begin
        return query update ingest."group" g
           set external_id = case when renamed then new_external_id else g.external_id end,
               display_name_ci = case when renamed then new_display_name_ci else g.display_name_ci end,
               resource = case when renamed then new_resource else g.resource end,
               version = g.version + 1, modified_at = now()
         where g.tenant_id = who.tenant_id and g.connection_id = who.connection_id and g.id = target
        returning 'changed'::text, g.version, g.created_at, g.modified_at, null::uuid[];
    exception when unique_violation then
        return query select case when exists (
                select from ingest."group" g
                 where g.tenant_id = who.tenant_id and g.connection_id = who.connection_id
                   and g.display_name_ci = new_display_name_ci and g.removed_at is null and g.id <> target)
            then 'display_name_taken' else 'external_id_taken' end, null::bigint, nothing, nothing, null::uuid[];
        return;
    end;
    wide := cardinality(joined) + cardinality(left_behind) > 1000;
    if wide then  -- the fan-out must still find who left; its last step purges the row
        update ingest.group_member m set removed_at = now()
         where m.tenant_id = who.tenant_id and m.connection_id = who.connection_id and m.group_id = target
           and m.person_id = any (left_behind) and m.removed_at is null;
    else
        delete from ingest.group_member m
         where m.tenant_id = who.tenant_id and m.connection_id = who.connection_id and m.group_id = target
           and m.person_id = any (left_behind);
    end if;
    insert into ingest.group_member as m (tenant_id, connection_id, group_id, person_id)
    select who.tenant_id, who.connection_id, target, k.id from unnest(joined) as k (id) order by k.id
    on conflict on constraint group_member_pkey do update set removed_at = null;
    if renamed then
        perform chain.mark('group', who.tenant_id, who.desk_id, array[target], 1::smallint, new_trace);
    end if;
    perform ingest.tell_members(who.tenant_id, who.desk_id, who.connection_id, target, joined || left_behind, wide, new_trace);
    insert into chain.timeline (tenant_id, subject_id, stage, code, trace)
    values (who.tenant_id, target, 'received', case when renamed then 'change' else 'members' end, new_trace);
end
$$;

-- Verdicts: removed | missing | unauthorized | suspended.
create function ingest.remove_group(path text, token_hash bytea, target uuid, new_trace text) returns text
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    who record;
    members bigint;
    left_behind uuid[] := '{}';
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        return who.verdict;
    end if;
    update ingest."group" g set removed_at = now(), version = g.version + 1, modified_at = now()
     where g.tenant_id = who.tenant_id and g.connection_id = who.connection_id and g.id = target and g.removed_at is null;
    if not found then
        return 'missing';
    end if;
    select count(*) into members from (
        select from ingest.group_member m
         where m.tenant_id = who.tenant_id and m.connection_id = who.connection_id and m.group_id = target limit 1001) few;
    if members > 1000 then
        update ingest.group_member m set removed_at = now()
         where m.tenant_id = who.tenant_id and m.connection_id = who.connection_id and m.group_id = target and m.removed_at is null;
    else
        with gone as (
            delete from ingest.group_member m
             where m.tenant_id = who.tenant_id and m.connection_id = who.connection_id and m.group_id = target
            returning m.person_id)
        select coalesce(array_agg(person_id), '{}') into left_behind from gone;
    end if;
    perform chain.mark('group', who.tenant_id, who.desk_id, array[target], 1::smallint, new_trace);
    perform ingest.tell_members(who.tenant_id, who.desk_id, who.connection_id, target, left_behind, members > 1000, new_trace);
    insert into chain.timeline (tenant_id, subject_id, stage, code, trace)
    values (who.tenant_id, target, 'received', 'delete', new_trace);
    return 'removed';
end
$$;

-- Verdicts: found | missing | unauthorized | suspended. Members are read only when they are wanted.
create function ingest.read_group(path text, token_hash bytea, target uuid, with_members boolean)
    returns table (verdict text, id uuid, resource jsonb, members uuid[], version bigint, created_at timestamptz, modified_at timestamptz)
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    who record;
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        return query select who.verdict, null::uuid, null::jsonb, null::uuid[], null::bigint, null::timestamptz, null::timestamptz;
        return;
    end if;
    return query select 'found'::text, g.id, g.resource,
                        case when with_members then ingest.members_of(g.tenant_id, g.connection_id, g.id) end,
                        g.version, g.created_at, g.modified_at
      from ingest."group" g
     where g.tenant_id = who.tenant_id and g.connection_id = who.connection_id and g.id = target and g.removed_at is null;
    if not found then
        return query select 'missing'::text, null::uuid, null::jsonb, null::uuid[], null::bigint, null::timestamptz, null::timestamptz;
    end if;
end
$$;

create function ingest.members_of(tenant uuid, connection uuid, target uuid) returns uuid[]
    language sql stable
as $$
    select coalesce(array_agg(m.person_id order by m.person_id), '{}') from ingest.group_member m
     where m.tenant_id = tenant and m.connection_id = connection and m.group_id = target and m.removed_at is null
$$;

-- `attribute` null lists all; else one of id, display_name, external_id. `member` not null keeps only groups that have it
-- (Entra's reference check). First row: the verdict with the total.
create function ingest.list_groups(
    path text, token_hash bytea, attribute text, value text, member uuid, with_members boolean, first_index bigint, page_size integer
) returns table (verdict text, total bigint, id uuid, resource jsonb, members uuid[], version bigint, created_at timestamptz, modified_at timestamptz)
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    who record;
begin
    who := console.authenticate(path, token_hash);
    if who.verdict <> 'ok' then
        return query select who.verdict, null::bigint, null::uuid, null::jsonb, null::uuid[], null::bigint, null::timestamptz, null::timestamptz;
        return;
    end if;
    return query
    with hits as materialized (
        select g.* from ingest."group" g
         where g.tenant_id = who.tenant_id and g.connection_id = who.connection_id and g.removed_at is null
           and case attribute when 'display_name' then g.display_name_ci = value
                              when 'external_id' then g.external_id = value
                              when 'id' then g.id::text = value
                              else true end
           and (member is null or exists (
                select from ingest.group_member m
                 where m.tenant_id = g.tenant_id and m.connection_id = g.connection_id and m.group_id = g.id
                   and m.person_id = member and m.removed_at is null))
    )
    select 'ok'::text, (select count(*) from hits), null::uuid, null::jsonb, null::uuid[], null::bigint, null::timestamptz, null::timestamptz
    union all
    (select null::text, null::bigint, h.id, h.resource,
            case when with_members then ingest.members_of(h.tenant_id, h.connection_id, h.id) end,
            h.version, h.created_at, h.modified_at
       from hits h order by h.id offset first_index - 1 limit page_size);
end
$$;

-- A refused request of a known connection leaves a row; an unknown token leaves none (there is no tenant to tell).
create function ingest.refuse(
    path text, token_hash bytea, refused_operation text, refused_status smallint, refused_code text, new_trace text
) returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    who record;
begin
    who := console.authenticate(path, token_hash);
    if who.verdict = 'unauthorized' then
        return;
    end if;
    perform chain.enter_tenant(who.tenant_id);
    insert into ingest.refusal (tenant_id, connection_id, operation, status, code, trace)
    values (who.tenant_id, who.connection_id, refused_operation, refused_status, refused_code, new_trace);
end
$$;

-- Verdicts: ok | unauthorized | suspended; for requests that touch no resource (discovery).
create function ingest.admit(path text, token_hash bytea) returns text
    language sql volatile
as $$ select verdict from console.authenticate(path, token_hash) $$;

grant execute on all functions in schema ingest to vestibule_ingest;
