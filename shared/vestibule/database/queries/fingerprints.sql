-- What connections' identity providers do: counts by trait and code.

-- name: add
select ingest.add_fingerprints($1::text[], $2::bytea[], $3::jsonb);

-- name: read
select trait, code, requests, first_at, last_at from ingest.fingerprint
 where tenant_id = $1::uuid and connection_id = $2::uuid order by trait, requests desc, code;
