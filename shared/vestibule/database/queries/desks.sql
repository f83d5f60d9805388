-- What the writer knows of the desks that it writes to.

-- name: read_desk
select d.id, d.kind, d.settings, d.state, d.sealed_credentials, d.sealing_key_id,
       f.faults > 0 or f.probing or f.blocked_until is not null as troubled,
       coalesce(extract(epoch from f.blocked_until - clock_timestamp()), 0)::double precision as blocked_seconds,
       f.code
  from console.desk d
  left join chain.desk_flow f on f.desk_id = d.id
 where d.id = $1::uuid;

-- name: desks_of
select distinct s.tenant_id, s.desk_id
  from unnest($1::text[], $2::uuid[]) as k (kind, id)
  join chain.sync s on s.kind = k.kind and s.id = k.id;
