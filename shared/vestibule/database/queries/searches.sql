-- Lists of SCIM resources. The statement authenticates, counts and reads in one transaction (migration 0004).

-- name: search
select verdict, total, kind, id, sort_key, document, groups, members, version, created_at, modified_at
  from ingest.search($1::text, $2::bytea, $3::text, $4::text, $5::text[], $6::text, $7::text, $8::boolean, $9::boolean,
                     $10::text, $11::uuid, $12::bigint, $13::integer, $14::boolean);
