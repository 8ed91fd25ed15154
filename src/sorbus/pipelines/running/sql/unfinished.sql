-- How many runs have work that is due within a minute, by tenant. $1 the most that are looked at: beyond them it does not
-- matter how many there are. The worker and the states are those of the partial index by which a run finds its job, so
-- that what has ended is never touched.
SELECT w.tenant, count(*) AS runs
FROM (
    SELECT j.meta ->> 'tenant' AS tenant
    FROM public.oban_jobs AS j
    WHERE j.worker = 'pipelines.advance'
      AND j.state IN ('available', 'scheduled', 'executing', 'retryable', 'suspended')
      AND (j.state <> 'scheduled' OR j.scheduled_at < timezone('UTC', now()) + interval '1 minute')
    LIMIT $1::bigint
) AS w
GROUP BY w.tenant
