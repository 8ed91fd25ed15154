-- Take the jobs of dead nodes back. Any node may run this at any time: each job is taken once.
-- $1 nodes without a beat, $2 nodes whose process provably ended, $3 the error to record.
WITH dead AS MATERIALIZED (
    SELECT node
    FROM public.sorbus_nodes
    WHERE node = ANY ($2::text[])
       OR (node = ANY ($1::text[]) AND beat < now() - make_interval(secs => dead_after))
),
held AS MATERIALIZED (
    SELECT j.id
    FROM public.oban_jobs AS j JOIN dead ON j.attempted_by[1] = dead.node
    WHERE j.state = 'executing'
    ORDER BY j.id
    -- a row locked now belongs to a transaction that is about to complete it
    FOR UPDATE OF j SKIP LOCKED
)
UPDATE public.oban_jobs AS j
SET state = CASE WHEN j.meta ? 'cancel_requested' THEN 'cancelled'
                 WHEN j.attempt >= j.max_attempts THEN 'discarded'
                 ELSE 'available' END::public.oban_job_state,
    cancelled_at = CASE WHEN j.meta ? 'cancel_requested' THEN timezone('UTC', now()) ELSE j.cancelled_at END,
    discarded_at = CASE WHEN j.attempt >= j.max_attempts AND NOT j.meta ? 'cancel_requested'
                        THEN timezone('UTC', now()) ELSE j.discarded_at END,
    errors = j.errors || ($3::text::jsonb || jsonb_build_object(
        'attempt', j.attempt, 'at', to_char(timezone('UTC', now()), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'node', j.attempted_by[1])),
    meta = j.meta || jsonb_build_object('rescued', coalesce((j.meta ->> 'rescued')::int, 0) + 1)
FROM held
WHERE j.id = held.id AND j.state = 'executing'
RETURNING j.id, j.queue, j.state::text AS state
