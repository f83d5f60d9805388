-- The operator's statements about connections; the tenant is entered.

-- name: list
select c.id, c.path, c.name, c.idp, c.mode, c.resume_mode, c.precedence, c.key_trust, c.mapping_version, c.created_at,
       (select count(*) from ingest.person p where p.tenant_id = c.tenant_id and p.connection_id = c.id) as persons
  from console.connection c where c.tenant_id = $1::uuid order by c.precedence desc, c.name;

-- name: find
select id, path, name, idp, mode, resume_mode, precedence, key_trust, mapping_version, created_at
  from console.connection where tenant_id = $1::uuid and name = $2::text;

-- name: lock
select id, path, name, idp, mode, resume_mode, precedence, key_trust, mapping_version, created_at
  from console.connection where tenant_id = $1::uuid and name = $2::text for update;

-- name: insert
insert into console.connection (tenant_id, id, path, name, idp, mode, precedence, key_trust)
values ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::integer, $8::text);

-- name: insert_mapping
insert into console.mapping_version (tenant_id, connection_id, version, document)
values ($1::uuid, $2::uuid, $3::integer, $4::jsonb);

-- name: mapping
select m.document from console.connection c
  join console.mapping_version m
    on m.tenant_id = c.tenant_id and m.connection_id = c.id and m.version = c.mapping_version
 where c.tenant_id = $1::uuid and c.id = $2::uuid;

-- name: advance_mapping
update console.connection set mapping_version = mapping_version + 1 where tenant_id = $1::uuid and id = $2::uuid
returning mapping_version;

-- name: pause
update console.connection set mode = 'paused', resume_mode = mode
 where tenant_id = $1::uuid and id = $2::uuid and mode <> 'paused';

-- name: resume
update console.connection set mode = coalesce(resume_mode, 'live'), resume_mode = null
 where tenant_id = $1::uuid and id = $2::uuid and mode = 'paused'
returning mode;

-- name: mark_wide
select chain.mark_wide($1::uuid, $2::uuid, $3::uuid, 'connection', $3::uuid, 2::smallint, $4::text);
