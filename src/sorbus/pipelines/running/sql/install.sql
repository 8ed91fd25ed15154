-- How a run's unfinished job is found, to cancel it and to see whether there is one.
CREATE INDEX IF NOT EXISTS oban_jobs_pipeline_run_idx ON public.oban_jobs ((args ->> 'run_id'))
WHERE worker = 'pipelines.advance'
  AND state IN ('available', 'scheduled', 'executing', 'retryable', 'suspended')
