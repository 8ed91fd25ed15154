SELECT
    n.node, n.queues, n.started_at, n.beat, n.beat >= now() - make_interval(secs => n.dead_after) AS alive,
    (SELECT count(*) FROM public.oban_jobs AS j WHERE j.state = 'executing' AND j.attempted_by[1] = n.node) AS running
FROM public.sorbus_nodes AS n
ORDER BY n.started_at, n.node
