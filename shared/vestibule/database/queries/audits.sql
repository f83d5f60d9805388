-- Who changed what: written in the transaction of the change itself.

-- name: insert
insert into console.audit (tenant_id, actor, action, subject_id, detail)
values ($1::uuid, $2::text, $3::text, $4::uuid, $5::jsonb);
