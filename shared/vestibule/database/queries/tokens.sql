-- Bearer tokens of connections: hashes and hints only. The connection is locked by whoever adds one.

-- name: list
select t.name as id, t.hint, t.created_at, t.expires_at, t.revoked_at, t.last_used_at,
       t.revoked_at is null and (t.expires_at is null or t.expires_at > now()) as active
  from console.token t where t.tenant_id = $1::uuid and t.connection_id = $2::uuid order by t.created_at, t.name;

-- name: insert
insert into console.token (hash, tenant_id, connection_id, hint, expires_at)
values ($1::bytea, $2::uuid, $3::uuid, $4::text, $5::timestamptz);

-- name: limit
update console.token t set expires_at = least(t.expires_at, now() + $3::interval)
 where t.tenant_id = $1::uuid and t.connection_id = $2::uuid
   and t.revoked_at is null and (t.expires_at is null or t.expires_at > now());

-- name: revoke
update console.token t set revoked_at = now()
 where t.tenant_id = $1::uuid and t.connection_id = $2::uuid and t.name = $3::text
   and t.revoked_at is null;
