-- What a run waits for under limits, and how each of those stands. $1 the run, $2 the most who wait that are counted.
SELECT m.stage, m.key, m.places, m.since, l.full_at, clock_timestamp() AS now,
    (SELECT count(*) FROM public.sorbus_permits AS p WHERE p.key = m.key AND p.held) AS held,
    (SELECT count(*) FROM (SELECT FROM public.sorbus_permits AS p WHERE p.key = m.key AND NOT p.held LIMIT $2::int) AS w) AS waiting
FROM (
    SELECT p.stage, p.key, count(*) AS places, min(p.asked_at) AS since
    FROM public.sorbus_permits AS p WHERE p.run_id = $1::uuid AND NOT p.held
    GROUP BY p.stage, p.key
) AS m
LEFT JOIN public.sorbus_limits AS l ON l.key = m.key
ORDER BY m.since, m.stage, m.key
