-- What operators set up: desks, tenants, connections, mappings, tokens, and the audit of it.
set local role vestibule_owner;

create table console.desk (
    id uuid primary key,
    name text not null unique check (length(name) between 1 and 100),
    kind text not null check (kind ~ '^[a-z][a-z_]{0,30}$'),
    settings jsonb not null default '{}',
    capabilities jsonb not null default '{}',
    state text not null default 'active' check (state in ('active', 'disabled')),
    sealed_credentials bytea not null,
    sealing_key_id text not null,
    credentials_expire_at timestamptz,
    created_at timestamptz not null default now()
);

create table console.tenant (
    id uuid primary key,
    slug text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    name text not null check (length(name) between 1 and 120),
    desk_id uuid not null references console.desk,
    organization_prefix text not null check (length(organization_prefix) between 1 and 60),
    state text not null default 'active' check (state in ('active', 'suspended')),
    schemas_version integer not null default 0,   -- of its extension schemas; 0: it never defined any
    created_at timestamptz not null default now(),
    unique (desk_id, organization_prefix)
);

create table console.connection (
    tenant_id uuid not null references console.tenant,
    id uuid not null,
    path text not null unique check (path ~ '^[a-z0-9]{20,40}$'),
    name text not null check (length(name) between 1 and 100),
    idp text not null check (idp ~ '^[a-z][a-z0-9_]{0,30}$'),
    mode text not null default 'live' check (mode in ('shadow', 'live', 'paused')),
    resume_mode text check (resume_mode in ('shadow', 'live')),   -- what a pause ends with; null: live
    precedence integer not null default 100 check (precedence between 0 and 10000),
    key_trust text not null default 'mutable' check (key_trust in ('mutable', 'immutable')),
    mapping_version integer not null default 1,
    created_at timestamptz not null default now(),
    primary key (tenant_id, id),
    unique (tenant_id, name)
);

create table console.mapping_version (
    tenant_id uuid not null,
    connection_id uuid not null,
    version integer not null check (version > 0),
    document jsonb not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, connection_id, version),
    foreign key (tenant_id, connection_id) references console.connection (tenant_id, id)
);

-- The extension schemas of a tenant, all of them at each version. What was stored before a version is fitted to it afterwards, in
-- chunks: `fitted_to` is where that has come to in the order of connections, then users before groups, then ids.
create table console.schemas_version (
    tenant_id uuid not null references console.tenant,
    version integer not null check (version > 0),
    document jsonb not null check (jsonb_typeof(document) = 'array'),
    created_at timestamptz not null default now(),
    fitted_to jsonb not null default '{}',
    fitted_at timestamptz,
    primary key (tenant_id, version)
);

-- Precedes the tenant, so it is outside row level security; only functions reach it from the services.
create table console.token (
    hash bytea primary key check (length(hash) = 32),
    name text not null generated always as (substr(encode(hash, 'hex'), 1, 12)) stored,  -- for operators to speak of it
    tenant_id uuid not null,
    connection_id uuid not null,
    hint text not null check (length(hint) <= 8),
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    foreign key (tenant_id, connection_id) references console.connection (tenant_id, id)
);
create index token_connection on console.token (tenant_id, connection_id);

create table console.audit (
    id bigint generated always as identity primary key,
    tenant_id uuid,
    at timestamptz not null default now(),
    actor text not null,
    action text not null,
    subject_id uuid,
    detail jsonb not null default '{}'
);
create index audit_tenant on console.audit (tenant_id, id);

alter table console.tenant enable row level security, force row level security;
alter table console.connection enable row level security, force row level security;
alter table console.mapping_version enable row level security, force row level security;
alter table console.schemas_version enable row level security, force row level security;
alter table console.audit enable row level security, force row level security;

create policy one_tenant on console.tenant using (id = chain.current_tenant());
create policy one_tenant on console.connection using (tenant_id = chain.current_tenant());
create policy one_tenant on console.mapping_version using (tenant_id = chain.current_tenant());
create policy one_tenant on console.schemas_version using (tenant_id = chain.current_tenant());
create policy one_tenant on console.audit
    using (tenant_id = chain.current_tenant() or (tenant_id is null and current_user = 'vestibule_console'));
-- The token decides which tenant it is: authenticate() must look before a tenant is set.
create policy before_the_tenant_is_known on console.tenant for select to vestibule_definer using (true);
create policy before_the_tenant_is_known on console.connection for select to vestibule_definer using (true);

grant select (id, kind, settings, capabilities, state, credentials_expire_at, name, created_at)
    on console.desk to vestibule_router, vestibule_console, vestibule_definer;
grant select (sealing_key_id) on console.desk to vestibule_console;  -- written, never read: the credentials themselves
grant select on console.desk to vestibule_writer;
-- Where a desk is and what it is never changes: the console could lead credentials that it cannot read to a host of its own.
grant insert on console.desk to vestibule_console;
grant update (name, state, sealed_credentials, sealing_key_id, credentials_expire_at) on console.desk to vestibule_console;
grant select on console.tenant, console.connection, console.mapping_version
    to vestibule_router, vestibule_writer, vestibule_console;
grant select on console.tenant, console.connection, console.schemas_version to vestibule_definer;
grant select, insert, update (fitted_to, fitted_at) on console.schemas_version to vestibule_console;
grant insert, update on console.tenant, console.connection to vestibule_console;
grant insert on console.mapping_version, console.audit to vestibule_console;
grant select on console.audit to vestibule_console;
grant select (name, tenant_id, connection_id, hint, created_at, expires_at, revoked_at, last_used_at), insert,
    update (revoked_at, expires_at) on console.token to vestibule_console;  -- written, never read: the hash itself
grant select, update (last_used_at) on console.token to vestibule_definer;

-- Every token that is good now, with what it opens. `reading`: the path by which a request has to be read (see authenticate).
create view console.credential with (security_invoker = true) as
select t.hash, c.path, t.tenant_id, t.connection_id, n.desk_id, c.mode, c.key_trust, n.state,
       case n.schemas_version when 0 then c.path else c.path || ';' || n.schemas_version end as reading,
       t.last_used_at is null or t.last_used_at < now() - interval '5 minutes' as is_to_stamp
  from console.token t
  join console.connection c on c.tenant_id = t.tenant_id and c.id = t.connection_id
  join console.tenant n on n.id = t.tenant_id
 where t.revoked_at is null and (t.expires_at is null or t.expires_at > now());
grant select on console.credential to vestibule_definer;

create function console.stamp_tokens(hashes bytea[]) returns void
    language sql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
    -- skip locked: a hundred first requests of one token must not queue for this stamp
    update console.token set last_used_at = now()
     where hash in (select t.hash from console.token t where t.hash = any (hashes) for update skip locked)
$$;

-- Promise: returns one row. `verdict` is 'ok', 'unauthorized' or 'suspended'; for 'ok' the tenant is entered
-- for the rest of the transaction. A token of another connection is 'unauthorized' exactly like an unknown one.
-- `path` is the connection's, with `;` and a number behind it where the request was read by a version of the tenant's extension
-- schemas. Where that is not the version of this moment the verdict is 'outdated': the request is to be read anew. So whoever
-- asks keeps the schemas in memory, needs no round trip to know them, and nothing is ever stored by old ones.
create function console.authenticate(
    in path text, in token_hash bytea,
    out verdict text, out tenant_id uuid, out connection_id uuid, out desk_id uuid, out mode text, out key_trust text
)
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    state text;
    reading text;
    is_to_stamp boolean;
begin
    select c.tenant_id, c.connection_id, c.desk_id, c.mode, c.key_trust, c.state, c.reading, c.is_to_stamp
      into tenant_id, connection_id, desk_id, mode, key_trust, state, reading, is_to_stamp
      from console.credential c
     where c.hash = token_hash and c.path = split_part(authenticate.path, ';', 1);
    if not found then
        verdict := 'unauthorized';
        return;
    end if;
    if is_to_stamp then
        perform console.stamp_tokens(array[token_hash]);
    end if;
    if state <> 'active' then
        verdict := 'suspended';  -- named, so that the refusal can be recorded, but not entered
        return;
    end if;
    if path <> reading then
        verdict := 'outdated';
        return;
    end if;
    state := set_config('app.tenant', tenant_id::text, true);  -- `perform` would run a statement for it
    verdict := 'ok';
end
$$;

-- The same for many at once, for a fraction of what each would cost alone; a row for each, in any order, and no tenant is
-- entered. Whoever asks enters that of an 'ok' before he looks at anything for it.
create function console.authenticate_each(in paths text[], in token_hashes bytea[])
    returns table (place bigint, verdict text, tenant_id uuid, connection_id uuid)
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    found record;
    used bytea[];
begin
    for found in
        select u.place, c.hash, c.tenant_id, c.connection_id, c.is_to_stamp,
               case when c.hash is null then 'unauthorized' when c.state <> 'active' then 'suspended'
                    when u.path <> c.reading then 'outdated' else 'ok' end as verdict
          from unnest(paths, token_hashes) with ordinality u (path, hash, place)
          left join console.credential c on c.hash = u.hash and c.path = split_part(u.path, ';', 1)
    loop
        if found.is_to_stamp then
            used := used || found.hash;
        end if;
        place := found.place;
        verdict := found.verdict;
        tenant_id := found.tenant_id;
        connection_id := found.connection_id;
        return next;
    end loop;
    if used is not null then
        perform console.stamp_tokens(used);
    end if;
end
$$;

-- The extension schemas that a caller's requests are read by. Verdicts: ok | unauthorized | suspended.
create function console.read_schemas(
    in path text, in token_hash bytea, out verdict text, out version integer, out document jsonb
)
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    who record;
begin
    who := console.authenticate(path, token_hash);
    verdict := case who.verdict when 'outdated' then 'ok' else who.verdict end;
    if verdict <> 'ok' then
        return;
    end if;
    perform chain.enter_tenant(who.tenant_id);
    select n.schemas_version, coalesce(v.document, '[]') into version, document
      from console.tenant n
      left join console.schemas_version v on v.tenant_id = n.id and v.version = n.schemas_version
     where n.id = who.tenant_id;
end
$$;

-- The operator's list of tenants is the one read that spans them; everything below it enters one tenant.
create function console.list_tenants()
    returns table (id uuid, slug text, name text, desk_id uuid, organization_prefix text, state text, created_at timestamptz)
    language sql stable security definer
    set search_path = pg_catalog, pg_temp
    as $$ select t.id, t.slug, t.name, t.desk_id, t.organization_prefix, t.state, t.created_at
            from console.tenant t order by t.slug $$;

reset role;
grant create on schema console to vestibule_definer;
alter function console.authenticate(text, bytea) owner to vestibule_definer;
alter function console.authenticate_each(text[], bytea[]) owner to vestibule_definer;
alter function console.stamp_tokens(bytea[]) owner to vestibule_definer;
alter function console.read_schemas(text, bytea) owner to vestibule_definer;
alter function console.list_tenants() owner to vestibule_definer;
revoke create on schema console from vestibule_definer;
grant execute on function console.authenticate(text, bytea), console.authenticate_each(text[], bytea[]),
    console.read_schemas(text, bytea) to vestibule_ingest;
grant execute on function console.list_tenants() to vestibule_console;

-- `vestibule doctor` tells whether the database is at this version.
grant usage on schema public to vestibule_console;
grant select on public.vestibule_migration to vestibule_console;
