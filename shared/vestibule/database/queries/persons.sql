-- SCIM users. Each statement authenticates, works and marks in one transaction (migration 0004).

-- name: create
select verdict, id, version, created_at, modified_at
  from ingest.create_persons($1::integer, $2::text[], $3::bytea[], $4::uuid[], $5::text[], $6::text[], $7::text[],
                             $8::text[], $9::boolean[], $10::jsonb[], $11::jsonb[], $12::text[]);

-- name: replace
select verdict, version, modified_at, resource
  from ingest.replace_person($1::text, $2::bytea, $3::uuid, $4::bigint, $5::text, $6::text, $7::text, $8::text,
                             $9::boolean, $10::jsonb, $11::jsonb, $12::text, $13::text);

-- name: remove
select ingest.remove_person($1::text, $2::bytea, $3::uuid, $4::bigint, $5::text);

-- name: read
select verdict, resource, groups, version, created_at, modified_at
  from ingest.read_person($1::text, $2::bytea, $3::uuid);

-- name: find
select verdict, total, id, resource, groups, version, created_at, modified_at
  from ingest.find_persons($1::text, $2::bytea, $3::text, $4::text, $5::boolean, $6::bigint, $7::integer);
