-- SCIM users. Each statement authenticates, works and marks in one transaction (migration 0004).

-- name: write
select verdict, id, version, created_at, modified_at, document
  from ingest.write_persons($1::integer, $2::text[], $3::bytea[], $4::uuid[], $5::bigint[], $6::text[], $7::text[],
                            $8::text[], $9::text[], $10::boolean[], $11::text[], $12::jsonb[], $13::text[], $14::text[]);

-- name: remove
select ingest.remove_person($1::text, $2::bytea, $3::uuid, $4::bigint, $5::text);

-- name: read
select verdict, id, document, groups, version, created_at, modified_at
  from ingest.read_persons($1::text[], $2::bytea[], $3::text[], $4::text[], $5::boolean[]);

-- name: find
select verdict, total, id, document, groups, version, created_at, modified_at
  from ingest.find_persons($1::text, $2::bytea, $3::text, $4::text, $5::boolean, $6::bigint, $7::integer);
