WITH gone AS (
    DELETE FROM sorbus_outbox WHERE relayed_at < $1 AND position IS NOT NULL RETURNING position
), noted AS (
    UPDATE sorbus_outbox_state SET pruned = greatest(pruned, (SELECT max(position) FROM gone))
    WHERE EXISTS (SELECT FROM gone)
)
SELECT count(*) FROM gone
