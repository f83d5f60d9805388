-- Where each person is: a view over the router's decision and the writer's outcome, never a stored state (design: The invariant).
-- Every join is an outer one and the ladder ends without a condition, so no person can fall out of the count.
set local role vestibule_owner;

-- `detail`: a stage (pending), a form (applied), a reason (held, refused) or a code (failed). `code`: why it still waits.
create type router.place as (word text, detail text, code text, since timestamptz);

-- What an account still has to join or leave; without access it is to be in none, whatever is kept for its return.
-- Stuck: nobody tries any more, or the desk refused this one and the organization has no other work.
create view router.unfinished_membership with (security_invoker = true) as
select m.tenant_id, m.account_id, min(m.wanted_at) as since,
       bool_or(so.parked_at is not null or sg.parked_at is not null and g.wanted_name is null
               or m.code is not null and so.done_version = so.version) as stuck,
       max(coalesce(m.code, so.code, g.code, sg.code)) as code
  from router.membership m
  join router.account a on a.tenant_id = m.tenant_id and a.id = m.account_id
  join router.organization g on g.tenant_id = m.tenant_id and g.id = m.organization_id
  left join chain.sync so on so.kind = 'organization' and so.id = m.organization_id
  left join chain.sync sg on sg.kind = 'group' and sg.id = g.group_id
 where (m.wanted and a.access) is distinct from m.applied
 group by m.tenant_id, m.account_id;

-- Members whom an open fan-out of a group has not reached yet.
create view router.untold_member with (security_invoker = true) as
select u.tenant_id, u.connection_id, u.person_id, min(u.since) as since
  from (select m.tenant_id, m.connection_id, m.person_id, f.created_at as since
          from chain.fanout f
          join ingest.group_member m on m.tenant_id = f.tenant_id and m.connection_id = f.connection_id
                                    and m.group_id = f.target_id and m.person_id > f.cursor
         where f.finished_at is null and f.scope = 'group_members' and f.phase = 'persons'
        union all
        select m.tenant_id, m.connection_id, m.person_id, f.created_at
          from chain.fanout f
         cross join unnest(f.further) as t (group_id)
          join ingest.group_member m on m.tenant_id = f.tenant_id and m.connection_id = f.connection_id
                                    and m.group_id = t.group_id
         where f.finished_at is null and f.scope = 'group_members') u
 group by u.tenant_id, u.connection_id, u.person_id;

-- security_invoker: a view would otherwise run as its owner and show every tenant.
create view router.standing with (security_invoker = true) as
select w.tenant_id, w.connection_id, w.person_id, w.removed, w.account_id,
       (w.place).word as standing, (w.place).detail, (w.place).code, (w.place).since
  from (
    select p.tenant_id, p.connection_id, p.id as person_id, p.removed_at is not null as removed, d.account_id,
    case
        -- 'lost': a state that the chain never leaves behind. Nobody works on such a person: the invariant is broken.
        when s.id is null then row('failed', 'lost', 'unmarked', p.modified_at)::router.place
        when s.done_version < s.version and s.parked_at is not null
            then row('failed', coalesce(s.code, 'unknown'), s.code, s.parked_at)::router.place
        when s.done_version < s.version then row('pending', 'deciding', s.code, s.marked_at)::router.place
        when d.person_id is null then row('failed', 'lost', 'undecided', s.done_at)::router.place
        when f.since is not null or u.since is not null
            then row('pending', 'deciding', 'fanout', least(f.since, u.since))::router.place
        when d.verdict = 'hold' then row('held', d.reason, null, d.changed_at)::router.place
        when d.verdict = 'refuse' then row('refused', d.reason, null, d.changed_at)::router.place
        when d.verdict = 'shadow' then row('shadow', null, null, d.changed_at)::router.place
        when d.account_id is null then row('applied', 'absent', null, d.decided_at)::router.place
        when a.id is null or sa.id is null then row('failed', 'lost', 'unmarked', d.changed_at)::router.place
        when o.held is not null and (sa.done_version = sa.version or sa.parked_at is not null)
            then row('held', o.held, sa.code, o.updated_at)::router.place
        when sa.parked_at is not null and sa.code like 'refused:%'
            then row('refused', substr(sa.code, 9), sa.code, sa.parked_at)::router.place
        when sa.parked_at is not null
            then row('failed', coalesce(sa.code, 'unknown'), sa.code, sa.parked_at)::router.place
        when (sa.done_version < sa.version or m.since is not null)
             and (n.state <> 'active' or k.state <> 'active' or ca.mode <> 'live')
            then row(case when n.state = 'active' and k.state = 'active' and ca.mode = 'shadow' then 'shadow' else 'held' end,
                     case when n.state <> 'active' then 'tenant_suspended' when k.state <> 'active' then 'desk_disabled'
                          when ca.mode = 'paused' then 'paused' end,
                     sa.code, coalesce(m.since, sa.marked_at))::router.place
        when sa.done_version < sa.version then row('pending', 'writing', sa.code, sa.marked_at)::router.place
        when o.applied_hash is distinct from a.wanted_hash or o.form is null
            then row('failed', 'lost', 'unconfirmed', coalesce(o.updated_at, sa.done_at))::router.place
        when m.stuck and m.code like 'refused:%' then row('refused', substr(m.code, 9), m.code, m.since)::router.place
        when m.stuck then row('failed', coalesce(m.code, 'unknown'), m.code, m.since)::router.place
        when m.since is not null then row('pending', 'joining', m.code, m.since)::router.place
        else row('applied', o.form, null, o.confirmed_at)::router.place
    end as place
      from ingest.person p
      left join console.tenant n on n.id = p.tenant_id
      left join console.desk k on k.id = n.desk_id
      left join chain.sync s on s.kind = 'person' and s.id = p.id
      left join router.decision d on d.tenant_id = p.tenant_id and d.person_id = p.id
      left join router.account a on a.tenant_id = p.tenant_id and a.id = d.account_id
      left join console.connection ca on ca.tenant_id = p.tenant_id and ca.id = a.connection_id
      left join chain.sync sa on sa.kind = 'account' and sa.id = d.account_id
      left join writer.outcome o on o.tenant_id = p.tenant_id and o.account_id = d.account_id
      left join router.unfinished_membership m on m.tenant_id = p.tenant_id and m.account_id = d.account_id
      left join router.untold_member u
             on u.tenant_id = p.tenant_id and u.connection_id = p.connection_id and u.person_id = p.id
      left join lateral (
          select min(x.created_at) as since from chain.fanout x
           where x.tenant_id = p.tenant_id and x.connection_id = p.connection_id and x.finished_at is null
             and x.scope = 'connection' and (x.phase <> 'persons' or p.id > x.cursor)
      ) f on true
  ) w;

-- Each tenant is entered in turn, so that the invariant is counted under row level security.
create function router.count_standings(tenants uuid[])
    returns table (tenant_id uuid, connection_id uuid, standing text, detail text, code text,
                   persons bigint, removed bigint, oldest timestamptz)
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    one uuid;
begin
    foreach one in array tenants loop
        perform chain.enter_tenant(one);
        return query
        select s.tenant_id, s.connection_id, s.standing, s.detail, s.code, count(*), count(*) filter (where s.removed), min(s.since)
          from router.standing s
         where s.tenant_id = one
         group by s.tenant_id, s.connection_id, s.standing, s.detail, s.code;
    end loop;
end
$$;

-- Members that groups name and nobody is, of each tenant that has any; each is entered in turn.
create function ingest.count_parked(tenants uuid[])
    returns table (tenant_id uuid, members bigint, groups bigint, oldest timestamptz)
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    one uuid;
begin
    foreach one in array tenants loop
        perform chain.enter_tenant(one);
        return query
        select one, count(*), count(distinct k.group_id), min(k.parked_at)
          from ingest.parked_member k where k.tenant_id = one having count(*) > 0;
    end loop;
end
$$;
grant execute on function ingest.count_parked(uuid[]) to vestibule_console;

-- For metrics: numbers and ids of every tenant, without the right to read anything else of theirs.
create function router.count_every_standing()
    returns table (tenant_id uuid, connection_id uuid, standing text, detail text, code text,
                   persons bigint, removed bigint, oldest timestamptz)
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    before constant text := current_setting('app.tenant', true);
begin
    return query select c.* from router.count_standings((select coalesce(array_agg(n.id), '{}') from console.tenant n)) c;
    perform set_config('app.tenant', coalesce(before, ''), true);
end
$$;

grant select on router.standing, router.unfinished_membership, router.untold_member to vestibule_console, vestibule_definer;
grant execute on function router.count_standings(uuid[]) to vestibule_console, vestibule_definer;
grant select (removed_at, modified_at) on ingest.person to vestibule_definer;
grant select (tenant_id, person_id, account_id, verdict, reason, changed_at, decided_at) on router.decision to vestibule_definer;
grant select (access, wanted_hash) on router.account to vestibule_definer;
grant select (wanted_at, code) on router.membership to vestibule_definer;
grant select (group_id, wanted_name, code) on router.organization to vestibule_definer;
grant select (tenant_id, account_id, applied_hash, form, held, updated_at, confirmed_at) on writer.outcome to vestibule_definer;

reset role;
grant create on schema router to vestibule_definer;
alter function router.count_every_standing() owner to vestibule_definer;
revoke create on schema router from vestibule_definer;
grant usage on schema router to vestibule_relay;
grant execute on function router.count_every_standing() to vestibule_relay;
