-- Work that was given to a human.

-- name: list
select s.kind, s.id, s.code, s.attempts, s.parked_at, s.trace
  from chain.sync s
 where s.tenant_id = $1::uuid and s.parked_at is not null
   and ($2::text is null or s.kind = $2::text) and ($3::uuid is null or s.id = $3::uuid)
 order by s.kind, s.id;

-- name: replay
select chain.replay($1::uuid, $2::text, $3::uuid);
