-- $1 id.
SELECT
    id, state::text AS state, queue, worker, attempt::int AS attempt, max_attempts::int AS max_attempts,
    priority::int AS priority, args::text AS args, meta::text AS meta, errors::text AS errors, tags, attempted_by,
    timezone('UTC', inserted_at) AS inserted_at, timezone('UTC', scheduled_at) AS scheduled_at,
    timezone('UTC', attempted_at) AS attempted_at,
    timezone('UTC', coalesce(completed_at, cancelled_at, discarded_at)) AS finished_at
FROM public.oban_jobs
WHERE id = $1::bigint
