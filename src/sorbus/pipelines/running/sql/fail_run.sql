-- A run that cannot go on at all. $1 run, $2 error; $3 job, $4 attempt, $5 attempted_at, $6 node: the lease of who says so, or nulls
-- of a run that nobody holds. Answers with a row if it was taken.
UPDATE pipeline_runs AS r SET state = 'failed', error = $2::jsonb, finished_at = now(), wake_at = NULL
WHERE r.id = $1::uuid AND r.state IN ('pending', 'running', 'waiting', 'paused')
  AND ($3::bigint IS NULL OR EXISTS (
      SELECT FROM public.oban_jobs AS j
      WHERE j.id = $3::bigint AND j.state = 'executing' AND j.attempt = $4::int
        AND j.attempted_at = timezone('UTC', $5::timestamptz) AND j.attempted_by[1] = $6::text
  ))
RETURNING r.id
