-- A failed attempt at a stage. $1 run, $2 stage, $3 error, $4 whether the run fails with it, $5 job, $6 attempt,
-- $7 attempted_at, $8 node. Answers with a row if the lease held and the stage was still to be done.
WITH failed AS (
    UPDATE stage_runs AS s
    SET attempt = s.attempt + 1, error = $3::jsonb, state = CASE WHEN $4::boolean THEN 'failed' ELSE s.state END,
        finished_at = CASE WHEN $4::boolean THEN now() END
    FROM public.oban_jobs AS j
    WHERE s.run_id = $1::uuid AND s.name = $2::text AND s.state = 'ready'
      AND j.id = $5::bigint AND j.state = 'executing' AND j.attempt = $6::int
      AND j.attempted_at = timezone('UTC', $7::timestamptz) AND j.attempted_by[1] = $8::text
    RETURNING s.run_id
),
run AS (
    UPDATE pipeline_runs AS r
    SET state = 'failed', error = $3::jsonb, finished_at = now()
    FROM failed AS f
    WHERE $4::boolean AND r.id = f.run_id AND r.state = 'running'
)
SELECT run_id FROM failed
