-- What follows for locked limits. $1 the new rows as JSON, $2 the ids of the rows that are held from now on, $3 the limits
-- as JSON, with the moments at which they are full again and the tenants that were let in last.
WITH new AS (
    INSERT INTO public.sorbus_permits (key, tenant, run_id, stage, index, held, priority)
    SELECT n.key, n.tenant, n.run_id, n.stage, n.index, n.held, n.priority
    FROM json_to_recordset($1::text::json) AS n (
        key text, tenant text, run_id uuid, stage text, index bigint, held boolean, priority smallint
    )
    ON CONFLICT (run_id, stage, index, key) DO NOTHING
),
held AS (
    UPDATE public.sorbus_permits SET held = true WHERE id = ANY($2::bigint[])
)
UPDATE public.sorbus_limits AS l SET full_at = f.full_at, last_tenant = f.last_tenant
FROM json_to_recordset($3::text::json) AS f (key text, full_at timestamptz, last_tenant text)
WHERE l.key = f.key
