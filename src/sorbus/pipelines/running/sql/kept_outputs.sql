-- One output for each fingerprint that a tenant has kept one for. $1 the fingerprints as JSON, each with its tenant.
-- Answers with the row that has done the work, where the one that is found has only taken it over.
WITH wanted AS MATERIALIZED (
    SELECT DISTINCT w.tenant, w.fingerprint FROM json_to_recordset($1::text::json) AS w (tenant text, fingerprint text)
)
SELECT w.tenant, w.fingerprint, k.output, k.source
FROM wanted AS w
CROSS JOIN LATERAL (
    SELECT s.output, coalesce(s.reused_from, s.id) AS source
    FROM stage_runs AS s
    WHERE s.tenant = w.tenant AND s.fingerprint = w.fingerprint AND s.fingerprint IS NOT NULL
      AND s.state = 'done' AND s.output IS NOT NULL
    UNION ALL
    SELECT t.output, coalesce(t.reused_from, t.id)
    FROM stage_items AS t
    WHERE t.tenant = w.tenant AND t.fingerprint = w.fingerprint AND t.fingerprint IS NOT NULL
      AND t.state = 'done' AND t.output IS NOT NULL
    LIMIT 1
) AS k
