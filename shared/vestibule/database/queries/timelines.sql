-- What happened to one person, in order.

-- name: find_persons
select c.name as connection, p.connection_id, p.id, p.active, p.removed_at, p.created_at
  from ingest.person p
  join console.connection c on c.tenant_id = p.tenant_id and c.id = p.connection_id
 where p.tenant_id = $1::uuid and p.user_name_ci = $2::text
 order by p.removed_at is not null, p.created_at desc, c.name;

-- name: at_desk
select i.desk_account_id, i.state from writer.desk_identity i
 where i.tenant_id = $1::uuid and i.account_id = $2::uuid and i.role = 'live';

-- name: organizations
select g.source, g.desk_name, g.wanted_name, m.wanted, coalesce(m.applied, not m.wanted) as applied, m.origin,
       coalesce(m.code, g.code) as code
  from router.membership m
  join router.organization g on g.tenant_id = m.tenant_id and g.id = m.organization_id
 where m.tenant_id = $1::uuid and m.account_id = $2::uuid and (m.wanted or m.applied is not false)
 order by g.source desc, g.desk_name;

-- name: events
select e.at, e.subject_id, e.stage, e.code, e.reason, e.trace
  from (select t.id, t.at, t.subject_id, t.stage, t.code, t.reason, t.trace
          from chain.timeline t
         where t.tenant_id = $1::uuid and t.subject_id = any ($2::uuid[])
         order by t.at desc, t.id desc limit $3::integer) e
 order by e.at, e.id;

-- name: append
insert into chain.timeline (tenant_id, subject_id, stage, code, reason, trace)
select $1::uuid, s.id, 'operator', $3::text, null, $4::text from unnest($2::uuid[]) as s (id);
