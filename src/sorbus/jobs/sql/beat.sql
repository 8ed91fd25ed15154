-- One beat; answers with the nodes whose beats are late.
-- $1 node, $2 host, $3 pid, $4 process start, $5 queues, $6 dead_after, $7 beat_every.
-- A node may judge others only after an unbroken series of its own beats: when the database was away for everyone,
-- nobody is taken for dead. Two beats are the longest gap that is safe: after it, the age of another node's beat is at
-- most three beats, which `dead_after` is never below.
WITH me AS (
    INSERT INTO public.sorbus_nodes AS n (node, host, pid, process_start, queues, dead_after)
    VALUES ($1::text, $2::text, $3::bigint, $4::text, $5::text[], $6::float8)
    ON CONFLICT (node) DO UPDATE
    SET beat = now(),
        since = CASE WHEN n.beat < now() - make_interval(secs => 2 * $7::float8) THEN now() ELSE n.since END
    RETURNING since
)
SELECT
    other.node, other.host, other.pid, other.process_start,
    other.beat < now() - make_interval(secs => other.dead_after)
        AND me.since <= now() - make_interval(secs => other.dead_after) AS dead
FROM public.sorbus_nodes AS other CROSS JOIN me
WHERE other.node <> $1::text
  AND other.beat < now() - make_interval(secs => least($7::float8, other.dead_after / 3))
