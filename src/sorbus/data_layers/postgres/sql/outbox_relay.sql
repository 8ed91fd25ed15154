-- Positions follow each other without a gap, and become visible in their order, since relays take turns.
WITH waiting AS MATERIALIZED (
    SELECT sequence, row_number() OVER (ORDER BY sequence) AS place
    FROM (SELECT sequence FROM sorbus_outbox WHERE position IS NULL ORDER BY sequence LIMIT $1) AS first
), moved AS (
    UPDATE sorbus_outbox AS o SET position = $2 + w.place, relayed_at = now()
    FROM waiting w WHERE o.sequence = w.sequence
    RETURNING o.position, o.tenant, o.topics
), counted AS (
    UPDATE sorbus_outbox_state SET last = $2 + (SELECT count(*) FROM waiting)
    WHERE EXISTS (SELECT FROM waiting)
)
SELECT tenant, topics FROM moved ORDER BY position
