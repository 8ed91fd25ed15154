-- Let runs know that they may go on. $1 the runs. Answers with those that are not over.
WITH run AS MATERIALIZED (
    SELECT id FROM pipeline_runs
    WHERE id = ANY($1::uuid[]) AND state IN ('pending', 'running', 'waiting')
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE pipeline_runs AS r SET signals = r.signals + 1 FROM run WHERE r.id = run.id
RETURNING r.id, r.tenant
