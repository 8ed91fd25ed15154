-- Make a finished or waiting job due now, with at least one attempt left. $1 id.
WITH found AS MATERIALIZED (
    SELECT id, state, coalesce(j.state IN ('completed', 'discarded', 'cancelled')
        AND coalesce(j.meta ->> 'unique_scope', 'unfinished') = 'unfinished'
        AND EXISTS (
            SELECT FROM public.oban_jobs AS o
            WHERE o.meta ->> 'unique_key' = j.meta ->> 'unique_key'
              AND (o.meta ->> 'unique_key') IS NOT NULL
              AND coalesce(o.meta ->> 'unique_scope', 'unfinished') = 'unfinished'
              AND o.state NOT IN ('completed', 'discarded', 'cancelled')
        ), false) AS duplicate
    FROM public.oban_jobs AS j WHERE id = $1::bigint FOR UPDATE
),
changed AS (
    UPDATE public.oban_jobs AS j
    SET state = 'available',
        max_attempts = greatest(j.max_attempts, j.attempt + 1),
        scheduled_at = timezone('UTC', now()),
        completed_at = NULL, cancelled_at = NULL, discarded_at = NULL,
        meta = j.meta - 'cancel_requested'
    FROM found
    WHERE j.id = found.id AND NOT found.duplicate AND found.state NOT IN ('executing', 'available')
    RETURNING j.queue
)
SELECT found.duplicate, changed.queue FROM found LEFT JOIN changed ON true
