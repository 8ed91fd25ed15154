-- Cancel a job: at once when it waits; when it runs, store the wish in its row and tell the node that runs it.
-- $1 id, $2 reason, $3 channel.
WITH found AS MATERIALIZED (
    SELECT id, state FROM public.oban_jobs WHERE id = $1::bigint FOR UPDATE
),
changed AS (
    UPDATE public.oban_jobs AS j
    SET state = CASE WHEN found.state = 'executing' THEN j.state ELSE 'cancelled' END,
        cancelled_at = CASE WHEN found.state = 'executing' THEN j.cancelled_at ELSE timezone('UTC', now()) END,
        meta = j.meta || jsonb_build_object('cancel_requested', jsonb_build_object(
            'at', to_char(timezone('UTC', now()), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'reason', $2::text))
    FROM found
    WHERE j.id = found.id AND found.state NOT IN ('completed', 'discarded', 'cancelled')
    RETURNING found.state
)
SELECT
    found.state::text AS was,
    CASE WHEN changed.state = 'executing'
         THEN pg_notify($3::text, json_build_object('action', 'pkill', 'job_id', found.id)::text) END
FROM found LEFT JOIN changed ON true
