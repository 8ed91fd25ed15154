SELECT queue, state::text AS state, count(*) AS count
FROM public.oban_jobs
GROUP BY queue, state
ORDER BY queue, state
