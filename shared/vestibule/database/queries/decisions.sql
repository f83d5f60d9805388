-- The router's statements: a whole batch in one round trip each; tenants are entered inside.

-- name: read_work
select kind, id, tenant_id, seen_version, attempts, prio, waited, desk_id, capabilities, tenant_state,
       connection_id, mode, mapping_version, document, active, removed, groups,
       account_id, account_email, account_login, account_display_name, account_access, account_hash, account_at_desk
  from router.read_work($1::uuid[], $2::text[], $3::uuid[]);

-- name: read_mapping
select router.read_mapping($1::uuid, $2::uuid, $3::integer);

-- name: decide
select kind, id, result, verdict, reason from router.decide($1::jsonb, $2::jsonb);

-- name: postpone
select chain.postpone($1::text[], $2::uuid[], $3::uuid[], $4::bigint[], $5::double precision[], $6::text[], $7::boolean[],
                      $8::boolean[]);
