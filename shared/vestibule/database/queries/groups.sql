-- SCIM groups. Each statement authenticates, works and marks in one transaction (migration 0004).

-- name: create
select verdict, version, created_at, modified_at, unknown
  from ingest.create_group($1::text, $2::bytea, $3::uuid, $4::text, $5::text, $6::jsonb, $7::uuid[], $8::text);

-- name: change
select verdict, version, created_at, modified_at, unknown
  from ingest.change_group($1::text, $2::bytea, $3::uuid, $4::bigint, $5::text, $6::text, $7::jsonb, $8::boolean,
                           $9::uuid[], $10::uuid[], $11::text);

-- name: remove
select ingest.remove_group($1::text, $2::bytea, $3::uuid, $4::bigint, $5::text);

-- name: read
select verdict, resource, members, version, created_at, modified_at
  from ingest.read_group($1::text, $2::bytea, $3::uuid, $4::boolean);

-- name: list
select verdict, total, id, resource, members, version, created_at, modified_at
  from ingest.list_groups($1::text, $2::bytea, $3::text, $4::uuid, $5::text, $6::text, $7::uuid, $8::boolean,
                          $9::bigint, $10::integer);
