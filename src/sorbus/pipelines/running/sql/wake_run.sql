-- Make the sleeping job of a run due now. $1 run. Answers with the queue of each.
UPDATE public.oban_jobs AS j
SET state = 'available', scheduled_at = timezone('UTC', now())
WHERE j.worker = 'pipelines.advance' AND j.args ->> 'run_id' = $1::text
  AND j.state IN ('scheduled', 'retryable', 'suspended')
RETURNING j.queue
