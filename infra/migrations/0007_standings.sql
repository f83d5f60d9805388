-- Where each person is: a view over the router's decision and the writer's outcome, never a stored state (design: The invariant).
-- security_invoker: a view would otherwise run as its owner and show every tenant.
set local role vestibule_owner;

create view router.standing with (security_invoker = true) as
select p.tenant_id, p.connection_id, p.id as person_id, p.user_name_ci, p.removed_at is not null as removed,
       d.account_id,
       w.word as standing, w.detail, w.since
  from ingest.person p
  join console.connection c on c.tenant_id = p.tenant_id and c.id = p.connection_id
  join chain.sync s on s.kind = 'person' and s.id = p.id
  left join router.decision d on d.tenant_id = p.tenant_id and d.person_id = p.id
  left join router.account a on a.tenant_id = p.tenant_id and a.id = d.account_id
  left join chain.sync sa on sa.kind = 'account' and sa.id = d.account_id
  left join writer.outcome o on o.tenant_id = p.tenant_id and o.account_id = d.account_id
  left join lateral (
      select min(m.wanted_at) as since, max(coalesce(m.code, g.code, sg.code)) as code,
             bool_or(sg.parked_at is not null or m.code is not null) as parked
        from router.membership m
        join router.organization g on g.tenant_id = m.tenant_id and g.id = m.organization_id
        join chain.sync sg on sg.kind = 'organization' and sg.id = m.organization_id
       where m.tenant_id = p.tenant_id and m.account_id = d.account_id and m.wanted <> m.applied
         and not (m.wanted and not a.access)
  ) m on true
  left join lateral (
      select min(f.created_at) as since from chain.fanout f
       where f.tenant_id = p.tenant_id and f.connection_id = p.connection_id and f.finished_at is null
         and (f.scope = 'connection' and (f.phase <> 'persons' or p.id > f.cursor)
              or f.phase = 'persons' and exists (
                  select from ingest.group_member gm
                   where gm.tenant_id = p.tenant_id and gm.connection_id = p.connection_id
                     and gm.group_id = f.target_id and gm.person_id = p.id and p.id > f.cursor))
  ) f on true
  cross join lateral (
      select * from (values
          (1, s.done_version < s.version and s.parked_at is not null, 'failed', coalesce(s.code, 'unknown'), s.parked_at),
          (2, s.done_version < s.version or d.person_id is null, 'pending', coalesce(s.code, 'decide'), s.marked_at),
          (3, f.since is not null, 'pending', 'fanout', f.since),
          (4, d.verdict = 'hold', 'held', d.reason, d.changed_at),
          (5, d.verdict = 'refuse', 'refused', d.reason, d.changed_at),
          (6, d.verdict = 'shadow', 'shadow', d.reason, d.changed_at),
          (7, d.account_id is null, 'applied', 'absent', d.decided_at),
          (8, c.mode = 'paused' and (sa.done_version < sa.version or m.since is not null), 'held', 'paused', coalesce(sa.marked_at, m.since)),
          (9, o.held is not null and (sa.done_version = sa.version or sa.parked_at is not null), 'held', o.held, o.updated_at),
          (10, sa.parked_at is not null, 'failed', coalesce(sa.code, 'unknown'), sa.parked_at),
          (11, sa.done_version < sa.version or o.applied_hash is distinct from a.wanted_hash, 'pending', coalesce(sa.code, 'write'), sa.marked_at),
          (12, m.since is not null and m.parked, 'failed', coalesce(m.code, 'memberships'), m.since),
          (13, m.since is not null, 'pending', coalesce(m.code, 'memberships'), m.since),
          (14, true, 'applied', o.form, o.confirmed_at)
      ) as rule (rank, holds, word, detail, since)
      where rule.holds
      order by rule.rank limit 1
  ) w;

-- Each entered in turn, so that the invariant is counted under row level security.
create function router.count_standings(tenants uuid[])
    returns table (tenant_id uuid, connection_id uuid, standing text, detail text, persons bigint, removed bigint, oldest timestamptz)
    language plpgsql volatile
as $$
declare
    one uuid;
begin
    foreach one in array tenants loop
        perform chain.enter_tenant(one);
        return query
        select s.tenant_id, s.connection_id, s.standing, s.detail, count(*), count(*) filter (where s.removed), min(s.since)
          from router.standing s group by s.tenant_id, s.connection_id, s.standing, s.detail;
    end loop;
end
$$;

grant select on router.standing to vestibule_console;
grant execute on function router.count_standings(uuid[]) to vestibule_console;
