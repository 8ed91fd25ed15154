-- The unfinished jobs of a run. $1 run.
SELECT id FROM public.oban_jobs
WHERE worker = 'pipelines.advance' AND args ->> 'run_id' = $1::text
  AND state IN ('available', 'scheduled', 'executing', 'retryable', 'suspended')
