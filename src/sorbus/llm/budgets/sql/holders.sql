-- The other nodes that hold reservations and whose beats are late, and whether they are dead by those alone.
-- $1 this node. Only who has beaten without a gap for long enough may judge others by their beats, as in the jobs' own.
SELECT DISTINCT n.node, n.host, n.pid, n.process_start,
       coalesce(n.beat < now() - make_interval(secs => n.dead_after)
                AND me.since <= now() - make_interval(secs => n.dead_after), false) AS dead
FROM llm_reservations AS r
JOIN public.sorbus_nodes AS n ON n.node = r.node
LEFT JOIN public.sorbus_nodes AS me ON me.node = $1::text
WHERE r.node IS DISTINCT FROM $1::text
