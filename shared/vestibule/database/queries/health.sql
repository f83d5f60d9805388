-- What the doctor asks the database. Ids, codes and numbers only; nothing here needs a tenant.

-- name: migrations
select number, checksum from public.vestibule_migration;

-- name: backlog
select stage, dirty, in_flight, deferred, parked, oldest_seconds from chain.backlog();

-- name: parked
select s.tenant_id, s.kind, coalesce(s.code, 'unknown') as code, count(*) as items, min(s.parked_at) as oldest
  from chain.sync s where s.parked_at is not null group by s.tenant_id, s.kind, coalesce(s.code, 'unknown')
 order by s.tenant_id, s.kind, coalesce(s.code, 'unknown');

-- name: fanouts
select f.tenant_id, f.connection_id, f.scope, f.phase, f.marked, f.created_at, f.advanced_at
  from chain.fanout f where f.finished_at is null order by f.created_at;

-- name: expiring_tokens
select t.tenant_id, t.connection_id, t.hint, t.expires_at
  from console.token t
 where t.revoked_at is null and t.expires_at between now() and now() + $1::interval
   and not exists (select from console.token o
                    where o.tenant_id = t.tenant_id and o.connection_id = t.connection_id and o.revoked_at is null
                      and (o.expires_at is null or o.expires_at > now() + $1::interval))
 order by t.expires_at;

-- name: held
select tenant_id, standing, detail, sum(persons)::bigint as persons, min(oldest) as oldest
  from router.count_standings($1::uuid[])
 where standing in ('held', 'failed') and oldest < now() - $2::interval
 group by tenant_id, standing, detail order by oldest;
