-- Claim jobs of a queue for a node: the most urgent ones, and among equally urgent ones those of tenants that have the fewest
-- in hand here, in turn. The tenants are found by steps through the index, `tenants` of them at most in one claim,
-- from the one on that was let in last.
WITH RECURSIVE lowest AS MATERIALIZED (
    SELECT j.priority FROM public.oban_jobs AS j
    WHERE j.state = 'available' AND j.queue = %(queue)s
    ORDER BY j.priority
    LIMIT 1
),
further AS (
    SELECT l.priority, 1 AS place, (
        SELECT coalesce(j.meta ->> 'tenant', '') FROM public.oban_jobs AS j
        WHERE j.state = 'available' AND j.queue = %(queue)s AND j.priority = l.priority AND coalesce(j.meta ->> 'tenant', '') > %(last)s
        ORDER BY coalesce(j.meta ->> 'tenant', '') LIMIT 1
    ) AS tenant
    FROM lowest AS l
    UNION ALL
    SELECT f.priority, f.place + 1, (
        SELECT coalesce(j.meta ->> 'tenant', '') FROM public.oban_jobs AS j
        WHERE j.state = 'available' AND j.queue = %(queue)s AND j.priority = f.priority AND coalesce(j.meta ->> 'tenant', '') > f.tenant
        ORDER BY coalesce(j.meta ->> 'tenant', '') LIMIT 1
    )
    FROM further AS f WHERE f.tenant IS NOT NULL AND f.place < %(tenants)s
),
earlier AS (
    SELECT l.priority, 1 + %(tenants)s AS place, (
        SELECT coalesce(j.meta ->> 'tenant', '') FROM public.oban_jobs AS j
        WHERE j.state = 'available' AND j.queue = %(queue)s AND j.priority = l.priority
        ORDER BY coalesce(j.meta ->> 'tenant', '') LIMIT 1
    ) AS tenant
    FROM lowest AS l WHERE (SELECT count(f.tenant) FROM further AS f) < %(tenants)s
    UNION ALL
    SELECT e.priority, e.place + 1, (
        SELECT coalesce(j.meta ->> 'tenant', '') FROM public.oban_jobs AS j
        WHERE j.state = 'available' AND j.queue = %(queue)s AND j.priority = e.priority AND coalesce(j.meta ->> 'tenant', '') > e.tenant
        ORDER BY coalesce(j.meta ->> 'tenant', '') LIMIT 1
    )
    FROM earlier AS e WHERE e.tenant IS NOT NULL AND e.tenant <= %(last)s AND e.place < 2 * %(tenants)s
),
tenants AS (
    SELECT f.priority, f.place, f.tenant FROM further AS f WHERE f.tenant IS NOT NULL
    UNION ALL
    SELECT e.priority, e.place, e.tenant FROM earlier AS e WHERE e.tenant <= %(last)s
),
candidates AS MATERIALIZED (
    SELECT c.id, c.turn + coalesce((%(busy)s::jsonb ->> t.tenant)::int, 0) AS turn, t.place
    FROM tenants AS t
    CROSS JOIN LATERAL (
        SELECT j.id, row_number() OVER (ORDER BY j.scheduled_at, j.id) AS turn
        FROM public.oban_jobs AS j
        WHERE j.state = 'available' AND j.queue = %(queue)s AND j.priority = t.priority AND coalesce(j.meta ->> 'tenant', '') = t.tenant
        ORDER BY j.scheduled_at, j.id
        LIMIT %(demand)s + 2
    ) AS c
    ORDER BY turn, place
    LIMIT %(look)s
),
-- What another node locks at this moment is left to it: that is why more are looked at than are wanted.
locked AS MATERIALIZED (
    SELECT j.id
    FROM candidates AS c JOIN public.oban_jobs AS j ON j.id = c.id
    WHERE j.state = 'available'
    ORDER BY c.turn, c.place
    LIMIT %(demand)s
    FOR UPDATE OF j SKIP LOCKED
)
UPDATE public.oban_jobs AS j
SET attempt = j.attempt + 1, attempted_at = timezone('UTC', now()), attempted_by = %(attempted_by)s, state = 'executing'
FROM locked AS l
WHERE j.id = l.id AND j.attempt < j.max_attempts
RETURNING j.id, j.state, j.queue, j.worker, j.attempt, j.max_attempts, j.priority, j.args, j.meta, j.errors, j.tags,
          j.attempted_by, j.inserted_at, j.attempted_at, j.cancelled_at, j.completed_at, j.discarded_at, j.scheduled_at
