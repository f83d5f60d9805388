-- The writer's accounts: claimed, carried out, recorded; one round trip per batch.

-- name: claim_accounts
select verdict, id, tenant_id, version, attempts, urgent, desk_id, email, display_name, access, wanted_hash,
       identity_id, identity_state, desk_account_id, identity_email, identity_display_name, identity_at_desk,
       applied_form, held, waited
  from writer.claim_accounts($1::text, $2::uuid[], $3::uuid[], $4::interval);

-- name: save_intents
select id, identity_id from writer.save_intents($1::text, $2::jsonb, $3::interval);

-- name: save_steps
select id from writer.save_steps($1::text, $2::jsonb, $3::interval);

-- name: renew_accounts
select id from writer.renew_accounts($1::text, $2::uuid[], $3::uuid[], $4::bigint[], $5::interval);

-- name: record_accounts
select id, owned_by_another from writer.record_accounts($1::text, $2::jsonb);

-- name: postpone
select chain.postpone($1::text[], $2::uuid[], $3::uuid[], $4::bigint[], $5::double precision[], $6::text[], $7::boolean[],
                      $8::boolean[]);
