-- How locked limits stand. $1 their keys, $2 the most who wait that are read of each tenant, $3 the places that ask, as JSON.
-- Answers with kinds of rows: what each tenant holds ('held', index is how many), who waits ('waiting'), and what the
-- places that ask have got already ('mine', held or not).
WITH RECURSIVE tenants AS (
    SELECT k.key, (SELECT min(p.tenant) FROM public.sorbus_permits AS p WHERE p.key = k.key AND NOT p.held) AS tenant
    FROM unnest($1::text[]) AS k (key)
    UNION ALL
    SELECT t.key, (SELECT min(p.tenant) FROM public.sorbus_permits AS p WHERE p.key = t.key AND NOT p.held AND p.tenant > t.tenant)
    FROM tenants AS t WHERE t.tenant IS NOT NULL
)
SELECT 'held' AS kind, p.key, p.tenant, NULL::bigint AS id, NULL::uuid AS run_id, NULL::text AS stage, count(*) AS index, true AS held, NULL::smallint AS priority
FROM public.sorbus_permits AS p WHERE p.key = ANY($1::text[]) AND p.held GROUP BY p.key, p.tenant
UNION ALL
(SELECT 'waiting', t.key, t.tenant, w.id, w.run_id, w.stage, w.index, false, w.priority
FROM tenants AS t
CROSS JOIN LATERAL (
    SELECT p.id, p.run_id, p.stage, p.index, p.priority
    FROM public.sorbus_permits AS p
    JOIN pipeline_runs AS r ON r.id = p.run_id AND r.state IN ('pending', 'running', 'waiting')
    WHERE p.key = t.key AND p.tenant = t.tenant AND NOT p.held
    ORDER BY p.priority, p.id
    LIMIT $2::int
) AS w
WHERE t.tenant IS NOT NULL)
UNION ALL
SELECT 'mine', p.key, p.tenant, p.id, p.run_id, p.stage, p.index, p.held, p.priority
FROM json_to_recordset($3::text::json) AS f (run_id uuid, stage text, index bigint)
JOIN public.sorbus_permits AS p ON p.run_id = f.run_id AND p.stage = f.stage AND p.index = f.index
