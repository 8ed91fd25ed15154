-- Take back jobs that the database thinks this living node runs, and that it does not: the answer to its claim was lost.
-- $1 node, $2 ids, $3 attempts, $4 attempted_at, $5 the error to record.
UPDATE public.oban_jobs AS j
SET state = CASE WHEN j.meta ? 'cancel_requested' THEN 'cancelled'
                 WHEN j.attempt >= j.max_attempts THEN 'discarded'
                 ELSE 'available' END::public.oban_job_state,
    cancelled_at = CASE WHEN j.meta ? 'cancel_requested' THEN timezone('UTC', now()) ELSE j.cancelled_at END,
    discarded_at = CASE WHEN j.attempt >= j.max_attempts AND NOT j.meta ? 'cancel_requested'
                        THEN timezone('UTC', now()) ELSE j.discarded_at END,
    errors = j.errors || ($5::text::jsonb || jsonb_build_object(
        'attempt', j.attempt, 'at', to_char(timezone('UTC', now()), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))),
    meta = j.meta || jsonb_build_object('rescued', coalesce((j.meta ->> 'rescued')::int, 0) + 1)
FROM unnest($2::bigint[], $3::int[], $4::timestamptz[]) AS l (id, attempt, attempted_at)
WHERE j.id = l.id
  AND j.state = 'executing'
  AND j.attempt = l.attempt
  AND j.attempted_at = timezone('UTC', l.attempted_at)
  AND j.attempted_by[1] = $1::text
RETURNING j.id, j.queue
