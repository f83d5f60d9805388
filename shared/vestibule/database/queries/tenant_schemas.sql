-- The extension schemas of a customer, and what was stored before it defined them; the tenant is entered.

-- name: current
select n.schemas_version as version, coalesce(v.document, '[]') as document, v.created_at, v.fitted_to, v.fitted_at
  from console.tenant n
  left join console.schemas_version v on v.tenant_id = n.id and v.version = n.schemas_version
 where n.id = $1::uuid;

-- name: unfitted
select v.document from console.schemas_version v
 where v.tenant_id = $1::uuid and v.version <= $2::integer
   and v.version >= coalesce((select max(f.version) from console.schemas_version f
                               where f.tenant_id = v.tenant_id and f.version < $2::integer and f.fitted_at is not null), 0);

-- name: advance
update console.tenant set schemas_version = schemas_version + 1 where id = $1::uuid and schemas_version = $2::integer;

-- name: insert
insert into console.schemas_version (tenant_id, version, document) values ($1::uuid, $2::integer, $3::jsonb);

-- name: note
update console.schemas_version v set fitted_to = $3::jsonb, fitted_at = case when $4::boolean then now() end
  from console.tenant n
 where v.tenant_id = $1::uuid and v.version = $2::integer and n.id = v.tenant_id and n.schemas_version = v.version;

-- name: population
select (select count(*) from ingest.person p where p.tenant_id = $1::uuid)
     + (select count(*) from ingest."group" g where g.tenant_id = $1::uuid);

-- name: users
select p.id, p.version, p.search,
       case when exists (select from jsonb_object_keys(p.resource) k (urn), unnest($5::text[]) u (urn)
                          where starts_with(lower(k.urn collate "C"), u.urn)) then p.document end as document
  from ingest.person p
 where p.tenant_id = $1::uuid and p.connection_id = $2::uuid and p.id > $3::uuid order by p.id limit $4::integer;

-- name: groups
select g.id, g.version, g.search,
       case when exists (select from jsonb_object_keys(g.resource) k (urn), unnest($5::text[]) u (urn)
                          where starts_with(lower(k.urn collate "C"), u.urn)) then g.document end as document
  from ingest."group" g
 where g.tenant_id = $1::uuid and g.connection_id = $2::uuid and g.id > $3::uuid order by g.id limit $4::integer;

-- name: refit
select ingest.refit($1::uuid, $2::uuid, $3::text, $4::uuid[], $5::bigint[], $6::jsonb[], $7::jsonb[]);

-- name: transactions
select coalesce(array_agg(l.virtualxid), '{}') from pg_locks l join pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'virtualxid' and a.datname = current_database() and a.usename = 'vestibule_ingest';
