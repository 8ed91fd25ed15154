-- Let runs know that they may go on, and make their sleeping jobs due. $1 the runs. Answers with the queue of each job.
WITH run AS MATERIALIZED (
    SELECT id FROM pipeline_runs
    WHERE id = ANY($1::uuid[]) AND state IN ('pending', 'running', 'waiting')
    ORDER BY id FOR NO KEY UPDATE
),
said AS (
    UPDATE pipeline_runs AS r SET signals = r.signals + 1 FROM run WHERE r.id = run.id
    RETURNING r.id, r.tenant
),
woken AS (
    UPDATE public.oban_jobs AS j
    SET state = 'available', scheduled_at = timezone('UTC', now())
    FROM said
    WHERE j.worker = 'pipelines.advance' AND j.args ->> 'run_id' = said.id::text
      AND j.state IN ('scheduled', 'retryable', 'suspended')
    RETURNING said.id, j.queue
)
SELECT said.id, said.tenant, woken.queue FROM said LEFT JOIN woken ON woken.id = said.id
