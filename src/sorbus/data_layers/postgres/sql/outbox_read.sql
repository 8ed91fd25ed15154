-- One row at least: without messages it tells how far the order goes, in the same snapshot.
SELECT s.last, s.pruned, o.position, o.id, o.resource, o.action, o.kind, o.key, o.topics, o.tenant, o.actor, o.at,
    o.data, o.previous
FROM sorbus_outbox_state s
LEFT JOIN LATERAL (
    SELECT * FROM sorbus_outbox o
    WHERE o.position > $1
    AND ((o.tenant = $2 AND o.topics && $3::text[]) OR (o.tenant IS NULL AND o.topics && $4::text[]))
    ORDER BY o.position LIMIT $5
) o ON true
ORDER BY o.position
