-- The operator's statements about customers. All but `list` run with the tenant entered.

-- name: list
select id, slug, name, desk_id, organization_prefix, state, created_at from console.list_tenants();

-- name: insert
insert into console.tenant (id, slug, name, desk_id, organization_prefix)
values ($1::uuid, $2::text, $3::text, $4::uuid, $5::text);

-- name: insert_home_organization
insert into router.organization (tenant_id, id, desk_id, source, wanted_name)
values ($1::uuid, $2::uuid, $3::uuid, 'home', $4::text);

-- name: mark_organization
select chain.mark('organization', $1::uuid, $2::uuid, array[$3::uuid], 1::smallint, $4::text);

-- name: set_state
update console.tenant set state = $2::text where id = $1::uuid and state <> $2::text;
