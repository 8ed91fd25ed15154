-- Make the sleeping jobs of runs due that have been let know. $1 the runs. Answers with the queue of each job.
-- It is a statement of its own: the one before may have waited for a run that was falling asleep at that moment, and
-- what it saw of the run's job is from before that.
UPDATE public.oban_jobs AS j
SET state = 'available', scheduled_at = timezone('UTC', now())
WHERE j.worker = 'pipelines.advance' AND j.args ->> 'run_id' = ANY($1::text[])
  AND j.state IN ('scheduled', 'retryable', 'suspended')
RETURNING j.queue
