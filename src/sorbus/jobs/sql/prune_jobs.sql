-- Delete finished jobs. $1 least age in seconds, $2 limit.
WITH old AS MATERIALIZED (
    SELECT id
    FROM public.oban_jobs
    WHERE (state = 'completed' AND completed_at <= timezone('UTC', now()) - make_interval(secs => $1::float8))
       OR (state = 'cancelled' AND cancelled_at <= timezone('UTC', now()) - make_interval(secs => $1::float8))
       OR (state = 'discarded' AND discarded_at <= timezone('UTC', now()) - make_interval(secs => $1::float8))
    LIMIT $2::int
    FOR UPDATE SKIP LOCKED
)
DELETE FROM public.oban_jobs AS j USING old WHERE j.id = old.id RETURNING j.id
