-- $1 queue, $2 state, $3 worker, $4 only ids below this one, $5 limit; NULL means any.
SELECT
    id, state::text AS state, queue, worker, attempt::int AS attempt, max_attempts::int AS max_attempts,
    priority::int AS priority, args::text AS args, meta::text AS meta, errors::text AS errors, tags, attempted_by,
    timezone('UTC', inserted_at) AS inserted_at, timezone('UTC', scheduled_at) AS scheduled_at,
    timezone('UTC', attempted_at) AS attempted_at,
    timezone('UTC', coalesce(completed_at, cancelled_at, discarded_at)) AS finished_at
FROM public.oban_jobs
WHERE ($1::text IS NULL OR queue = $1::text)
  AND ($2::text IS NULL OR state = $2::text::public.oban_job_state)
  AND ($3::text IS NULL OR worker = $3::text)
  AND ($4::bigint IS NULL OR id < $4::bigint)
ORDER BY id DESC
LIMIT $5::int
