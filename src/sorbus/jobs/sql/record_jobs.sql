-- Every outcome but Done, of many jobs of one node.
-- $1 node, $2 ids, $3 attempts, $4 attempted_at, $5 states, $6 seconds until due, $7 errors, $8 1 when the attempt counts.
-- A job that somebody wants cancelled does not go back to waiting. The wish is read from `j` itself, so that one which
-- was committed while this statement waited for the row is seen.
UPDATE public.oban_jobs AS j
SET state = CASE WHEN l.waits AND j.meta ? 'cancel_requested' THEN 'cancelled' ELSE l.state END::public.oban_job_state,
    scheduled_at = CASE WHEN l.delay IS NULL THEN j.scheduled_at
                        ELSE timezone('UTC', now()) + make_interval(secs => l.delay) END,
    attempt = j.attempt - (1 - l.counts),
    errors = CASE WHEN l.error IS NULL THEN j.errors ELSE j.errors || l.error::jsonb END,
    meta = CASE WHEN l.state = 'scheduled'
                THEN j.meta || jsonb_build_object('snoozed', coalesce((j.meta ->> 'snoozed')::int, 0) + 1)
                ELSE j.meta END,
    cancelled_at = CASE WHEN l.state = 'cancelled' OR (l.waits AND j.meta ? 'cancel_requested')
                        THEN timezone('UTC', now()) ELSE j.cancelled_at END,
    discarded_at = CASE WHEN l.state = 'discarded' THEN timezone('UTC', now()) ELSE j.discarded_at END
FROM (
    SELECT u.*, u.state IN ('available', 'scheduled', 'retryable') AS waits
    FROM unnest($2::bigint[], $3::int[], $4::timestamptz[], $5::text[], $6::float8[], $7::text[], $8::int[])
        AS u (id, attempt, attempted_at, state, delay, error, counts)
) AS l
WHERE j.id = l.id
  AND j.state = 'executing'
  AND j.attempt = l.attempt
  AND j.attempted_at = timezone('UTC', l.attempted_at)
  AND j.attempted_by[1] = $1::text
RETURNING j.id
