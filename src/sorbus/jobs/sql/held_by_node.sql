-- What the database thinks a node runs. $1 node.
SELECT id, attempt::int AS attempt, timezone('UTC', attempted_at) AS attempted_at, meta ? 'cancel_requested' AS cancelled,
       attempted_at < timezone('UTC', now()) - make_interval(secs => $2::float8) AS settled
FROM public.oban_jobs
WHERE state = 'executing' AND attempted_by[1] = $1::text
