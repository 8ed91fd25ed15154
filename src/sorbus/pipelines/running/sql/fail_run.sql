-- A run that cannot go on at all. $1 run, $2 error.
UPDATE pipeline_runs SET state = 'failed', error = $2::jsonb, finished_at = now(), wake_at = NULL
WHERE id = $1::uuid AND state IN ('pending', 'running', 'waiting', 'paused')
