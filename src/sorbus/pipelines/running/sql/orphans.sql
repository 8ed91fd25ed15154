-- The runs that have ended although runs inside them are open: their process died before it cancelled those.
SELECT DISTINCT p.id, p.tenant
FROM pipeline_runs AS k JOIN pipeline_runs AS p ON p.id = k.parent_id
WHERE k.parent_id IS NOT NULL AND k.state IN ('pending', 'running', 'waiting', 'paused')
  AND p.state IN ('completed', 'failed', 'compensated', 'cancelled')
LIMIT 1000
