-- The pace that all replicas of the writer keep together at a desk.

-- name: take_permits
select granted, wait, code
  from writer.take_permits($1::uuid, $2::text, $3::text, $4::integer, $5::boolean, $6::double precision,
                           $7::double precision, $8::double precision);

-- name: block_permits
select writer.block_permits($1::uuid, $2::text, $3::text, $4::double precision, $5::text);

-- name: report_desk
select chain.report_desk($1::uuid, $2::boolean, $3::interval, $4::text);
