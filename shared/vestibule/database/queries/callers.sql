-- Who calls, where no resource is touched.

-- name: admit
select ingest.admit($1::text, $2::bytea);

-- name: refuse
select ingest.refuse($1::text, $2::bytea, $3::text, $4::smallint, $5::text, $6::text);
