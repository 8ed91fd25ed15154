-- Unfinished runs that no job will advance: their job was pruned, deleted or used up. A run that waits for somebody needs
-- none. $1 at least this old (seconds).
SELECT r.id, r.tenant, r.pipeline, r.version, r.definition_id,
       EXISTS (
           SELECT FROM public.oban_jobs AS d
           WHERE d.worker = 'pipelines.advance' AND d.state = 'discarded' AND d.args ->> 'run_id' = r.id::text
       ) AS spent
FROM pipeline_runs AS r
WHERE (r.state IN ('pending', 'running') OR (r.state = 'waiting' AND r.wake_at < now() - make_interval(secs => $1::float8)))
  -- The time stands there by the clock of the node that started the run: one in the future tells nothing.
  AND (r.inserted_at < now() - make_interval(secs => $1::float8) OR r.inserted_at > now())
  AND NOT EXISTS (
      SELECT FROM public.oban_jobs AS j
      WHERE j.worker = 'pipelines.advance' AND j.args ->> 'run_id' = r.id::text
        AND j.state IN ('available', 'scheduled', 'executing', 'retryable', 'suspended')
  )
ORDER BY r.id
LIMIT 1000
