-- The relay's statements. It may see keys and codes only, and only through these functions.

-- name: pick
select kind, id, tenant_id, version, urgent, trace from chain.pick($1::text, $2::integer, $3::integer, $4::integer);

-- name: unpick
select chain.unpick($1::text[], $2::uuid[], $3::bigint[]);

-- name: sweep
select expired, woken from chain.sweep($1::interval, $2::interval);

-- name: expand_fanout
select touched, failure from chain.expand_fanout($1::integer);

-- name: backlog
select stage, dirty, in_flight, deferred, parked, oldest_seconds from chain.backlog();

-- name: desk_windows
select desk_id, in_flight, admitted from chain.desk_windows();
