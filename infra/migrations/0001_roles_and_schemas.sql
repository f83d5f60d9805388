-- Roles belong to the cluster, so every statement here can be repeated for a second database.
-- vestibule_owner owns tables; vestibule_definer owns the SECURITY DEFINER functions; neither can log in.
do $$
declare
    wanted record;
begin
    for wanted in
        select * from (values
            ('vestibule_owner', false), ('vestibule_definer', false),
            ('vestibule_ingest', true), ('vestibule_relay', true), ('vestibule_router', true),
            ('vestibule_writer', true), ('vestibule_console', true)
        ) as role (name, login)
    loop
        begin
            if not exists (select from pg_roles where rolname = wanted.name) then
                execute format('create role %I nosuperuser nocreatedb nocreaterole noinherit %s',
                               wanted.name, case when wanted.login then 'login' else 'nologin' end);
            end if;
        exception when duplicate_object or unique_violation then
            null;  -- another database of this cluster made it in the same moment
        end;
    end loop;
end
$$;

grant vestibule_owner, vestibule_definer to current_user;

do $$
begin
    execute format('revoke all on database %I from public', current_database());
    execute format('grant connect on database %I to vestibule_ingest, vestibule_relay, vestibule_router, '
                   'vestibule_writer, vestibule_console', current_database());
end
$$;
revoke all on schema public from public;
-- Large objects are outside row level security and of every role: nobody may leave something there.
revoke execute on function lo_create(oid), lo_creat(integer), lo_from_bytea(oid, bytea), lo_put(oid, bigint, bytea),
    lowrite(integer, bytea) from public;

create schema console authorization vestibule_owner;
create schema ingest authorization vestibule_owner;
create schema router authorization vestibule_owner;
create schema writer authorization vestibule_owner;
create schema chain authorization vestibule_owner;

grant usage on schema console, ingest, router, writer, chain
    to vestibule_definer, vestibule_router, vestibule_writer, vestibule_console;
grant usage on schema console, ingest, chain to vestibule_ingest;
grant usage on schema chain to vestibule_relay;

set local role vestibule_owner;

-- After a transaction-local setting has ended it reads '' and not NULL: a bare cast would raise.
create function chain.current_tenant() returns uuid
    language sql stable parallel safe
    as $$ select nullif(current_setting('app.tenant', true), '')::uuid $$;

-- Every function that works for several tenants enters them one at a time through this.
create function chain.enter_tenant(tenant uuid) returns void
    language sql volatile
    as $$ select set_config('app.tenant', tenant::text, true) $$;

alter default privileges for role vestibule_owner revoke execute on functions from public;
revoke execute on all functions in schema chain from public;
grant execute on function chain.current_tenant(), chain.enter_tenant(uuid)
    to vestibule_definer, vestibule_ingest, vestibule_router, vestibule_writer, vestibule_console;
