-- SCIM groups. Each statement authenticates, works and marks in one transaction (migration 0004).

-- name: create
select verdict, version, created_at, modified_at, unknown, members
  from ingest.create_group($1::text, $2::bytea, $3::uuid, $4::text, $5::text, $6::text, $7::jsonb, $8::uuid[], $9::text[],
                           $10::text[], $11::boolean, $12::text);

-- name: change
select verdict, version, created_at, modified_at, unknown, members
  from ingest.change_group($1::text, $2::bytea, $3::uuid, $4::bigint, $5::text, $6::text, $7::text, $8::jsonb, $9::boolean,
                           $10::uuid[], $11::text[], $12::text[], $13::uuid[], $14::text[], $15::boolean, $16::text);

-- name: remove
select ingest.remove_group($1::text, $2::bytea, $3::uuid, $4::bigint, $5::text);

-- name: read
select verdict, document, members, version, created_at, modified_at
  from ingest.read_group($1::text, $2::bytea, $3::uuid, $4::boolean);

-- name: find
select verdict, total, id, document, members, version, created_at, modified_at
  from ingest.find_groups($1::text, $2::bytea, $3::text, $4::text, $5::uuid, $6::boolean, $7::bigint, $8::integer);
