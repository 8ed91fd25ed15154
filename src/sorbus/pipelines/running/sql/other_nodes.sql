-- Whether another living node runs jobs. $1 this node, or an empty text.
SELECT EXISTS (
    SELECT FROM public.sorbus_nodes AS n
    WHERE n.node <> $1::text AND n.beat >= now() - make_interval(secs => n.dead_after)
) AS found
