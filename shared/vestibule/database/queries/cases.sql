-- Decisions that wait for a human.

-- name: list
select k.id, k.kind, k.subject_id, k.connection_id, k.items, k.opened_at, k.closed_at, k.decision,
       c.name as connection,
       coalesce(p.user_name_ci, a.login, g.desk_name, g.wanted_name) as subject,
       case when p.id is not null then 'person' when a.id is not null then 'account'
            when g.id is not null then 'organization' end as subject_kind
  from router."case" k
  left join console.connection c on c.tenant_id = k.tenant_id and c.id = k.connection_id
  left join ingest.person p on p.tenant_id = k.tenant_id and p.connection_id = k.connection_id and p.id = k.subject_id
  left join router.account a on a.tenant_id = k.tenant_id and a.id = k.subject_id
  left join router.organization g on g.tenant_id = k.tenant_id and g.id = k.subject_id
 where k.tenant_id = $1::uuid and ($2::boolean or k.closed_at is null)
 order by k.closed_at is not null, k.opened_at, k.id limit $3::integer;

-- name: get
select k.id, k.kind, k.subject_id, k.connection_id, k.items, k.opened_at, k.closed_at, k.decision,
       c.name as connection,
       coalesce(p.user_name_ci, a.login, g.desk_name, g.wanted_name) as subject,
       case when p.id is not null then 'person' when a.id is not null then 'account'
            when g.id is not null then 'organization' end as subject_kind
  from router."case" k
  left join console.connection c on c.tenant_id = k.tenant_id and c.id = k.connection_id
  left join ingest.person p on p.tenant_id = k.tenant_id and p.connection_id = k.connection_id and p.id = k.subject_id
  left join router.account a on a.tenant_id = k.tenant_id and a.id = k.subject_id
  left join router.organization g on g.tenant_id = k.tenant_id and g.id = k.subject_id
 where k.tenant_id = $1::uuid and k.id = $2::uuid;
