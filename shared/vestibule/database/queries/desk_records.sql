-- Desks as the operator sets them up. Sealed credentials can be written here and never be read.

-- name: list
select d.id, d.name, d.kind, d.settings, d.capabilities, d.state, d.sealing_key_id, d.credentials_expire_at, d.created_at,
       f.admitted, f.faults, f.probing, f.blocked_until, f.code, f.since
  from console.desk d left join chain.desk_flow f on f.desk_id = d.id order by d.name;

-- name: insert
insert into console.desk (id, name, kind, settings, capabilities, sealed_credentials, sealing_key_id, credentials_expire_at)
values ($1::uuid, $2::text, $3::text, $4::jsonb, $5::jsonb, $6::bytea, $7::text, $8::timestamptz);

-- name: insert_flow
insert into chain.desk_flow (desk_id) values ($1::uuid);

-- name: set_state
update console.desk set state = $2::text where id = $1::uuid and state <> $2::text;

-- name: renew
update console.desk set sealed_credentials = $2::bytea, sealing_key_id = $3::text, credentials_expire_at = $4::timestamptz
 where id = $1::uuid;
