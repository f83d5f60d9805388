-- The invariant: for each connection persons = applied + pending + held + shadow + refused + failed.

-- name: count
select connection_id, standing, detail, code, persons, removed, oldest
  from router.count_standings(array[$1::uuid]) order by connection_id, standing, detail, code;

-- name: count_every
select tenant_id, connection_id, standing, detail, code, persons, oldest from router.count_every_standing();

-- name: connections
select c.id, c.name, c.mode,
       (select count(*) from ingest.person p where p.tenant_id = c.tenant_id and p.connection_id = c.id) as persons,
       (select coalesce(sum(r.requests), 0)::bigint from ingest.refusal r
         where r.tenant_id = c.tenant_id and r.connection_id = c.id) as refusals
  from console.connection c where c.tenant_id = $1::uuid order by c.name;

-- name: refusals
select r.connection_id, r.operation, r.code, sum(r.requests)::bigint as requests, max(r.at) as newest
  from ingest.refusal r where r.tenant_id = $1::uuid
 group by r.connection_id, r.operation, r.code order by r.connection_id, requests desc, r.operation, r.code;

-- name: of_person
select s.connection_id, s.person_id, s.removed, s.account_id, s.standing, s.detail, s.code, s.since
  from router.standing s
 where s.tenant_id = $1::uuid and s.connection_id = $2::uuid and s.person_id = $3::uuid;
