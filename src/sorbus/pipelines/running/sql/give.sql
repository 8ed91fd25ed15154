-- Give a stage its value, once, and let the run know. $1 run, $2 stage, $3 value. Answers with a row if it was taken.
WITH run AS MATERIALIZED (
    SELECT id FROM pipeline_runs
    WHERE id = $1::uuid AND state IN ('pending', 'running', 'waiting', 'paused')
    FOR NO KEY UPDATE
),
given AS (
    UPDATE stage_runs AS s
    SET output = $3::jsonb, given_at = now()
    FROM run
    WHERE s.run_id = run.id AND s.name = $2::text AND s.given_at IS NULL AND s.state IN ('waiting', 'ready', 'running')
    RETURNING s.run_id
)
UPDATE pipeline_runs AS r SET signals = r.signals + 1 FROM given AS g WHERE r.id = g.run_id
RETURNING r.state
