-- Groups as an operator sees them: how many are in each, and whom they name that nobody is yet.

-- name: list
select c.name as connection, g.id, g.resource ->> 'displayName' as name,
       (select count(*) from ingest.group_member m
         where m.tenant_id = g.tenant_id and m.connection_id = g.connection_id and m.group_id = g.id
           and m.removed_at is null) as users,
       (select count(*) from ingest.subgroup s
         where s.tenant_id = g.tenant_id and s.connection_id = g.connection_id and s.group_id = g.id) as groups,
       k.unknown, k.oldest, k.first
  from ingest."group" g
  join console.connection c on c.tenant_id = g.tenant_id and c.id = g.connection_id
 cross join lateral (
       select count(*) as unknown, min(p.parked_at) as oldest, coalesce((array_agg(p.value order by p.value))[:20], '{}') as first
         from ingest.parked_member p
        where p.tenant_id = g.tenant_id and p.connection_id = g.connection_id and p.group_id = g.id) k
 where g.tenant_id = $1::uuid and g.removed_at is null and (k.unknown > 0 or not $2::boolean)
 order by k.unknown > 0 desc, c.name, g.display_name_ci limit $3::integer;

-- name: count_unknown
select tenant_id, members, groups, oldest from ingest.count_parked($1::uuid[]);
