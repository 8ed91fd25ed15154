-- What a run still waits for. $1 run, $2 the stages that wait for a value.
SELECT r.state, ARRAY(
    SELECT s.name FROM stage_runs AS s
    WHERE s.run_id = r.id AND s.name = ANY($2::text[]) AND s.given_at IS NULL AND s.state IN ('waiting', 'ready')
    ORDER BY s.position
) AS open
FROM pipeline_runs AS r WHERE r.id = $1::uuid
