-- Discard waiting jobs without an attempt left: claims pass them by. $1 the error to record.
UPDATE public.oban_jobs
SET state = 'discarded',
    discarded_at = timezone('UTC', now()),
    errors = errors || ($1::text::jsonb || jsonb_build_object(
        'attempt', attempt, 'at', to_char(timezone('UTC', now()), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))
WHERE state = 'available' AND attempt >= max_attempts
