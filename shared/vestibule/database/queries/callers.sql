-- Who calls, where no resource is touched.

-- name: admit
select ingest.admit($1::text, $2::bytea);

-- name: schemas
select verdict, version, document from console.read_schemas($1, $2);

-- name: refuse
select ingest.refuse($1::text, $2::bytea, $3::text, $4::smallint, $5::text, $6::text);
