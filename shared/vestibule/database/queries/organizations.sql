-- The writer's organizations and their memberships: claimed, saved between steps, recorded.

-- name: claim_organizations
select verdict, id, tenant_id, version, attempts, urgent, desk_id, source, organization_prefix, wanted_name,
       source_removed, intent_name, desk_organization_id, desk_name, applied_name, marked_at_desk, linked, code, claimed_at, refused,
       waited, names_taken
  from writer.claim_organizations($1::text, $2::uuid[], $3::uuid[], $4::interval);

-- name: renew_organization
select writer.renew_organization($1::text, $2::uuid, $3::uuid, $4::interval);

-- name: save_organization
select writer.save_organization($1::text, $2::uuid, $3::uuid, $4::interval, $5::text, $6::text, $7::text, $8::text,
                                $9::boolean, $10::boolean);

-- name: adopt_memberships
select writer.adopt_memberships($1::text, $2::uuid, $3::uuid, $4::interval, $5::text[]);

-- name: read_memberships
select verdict, account_id, desk_account_id, wanted
  from writer.read_memberships($1::text, $2::uuid, $3::uuid, $4::interval, $5::timestamptz, $6::integer);

-- name: record_memberships
select mine, remaining
  from writer.record_memberships($1::text, $2::uuid, $3::uuid, $4::uuid[], $5::boolean[], $6::text[]);

-- name: record_organization
select writer.record_organization($1::text, $2::uuid, $3::uuid, $4::bigint, $5::text, $6::double precision, $7::boolean,
                                  $8::text, $9::text, $10::text, $11::text, $12::double precision,
                                  $13::boolean, $14::text);
