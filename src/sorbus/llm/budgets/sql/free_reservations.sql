-- Give back what nobody will settle. $1 this node, $2 its calls under way, $3 a call later than all of these, $4 nodes
-- without a beat, $5 nodes whose process provably ended. Nodes that have signed off, or were forgotten, hold nothing.
WITH lost AS MATERIALIZED (
    SELECT r.id
    FROM llm_reservations AS r LEFT JOIN public.sorbus_nodes AS n ON n.node = r.node
    WHERE (r.node = $1::text AND r.id < $3::uuid AND r.id <> ALL ($2::uuid[]))
       OR (r.node IS DISTINCT FROM $1::text
           AND (n.node IS NULL OR r.node = ANY ($5::text[])
                OR (r.node = ANY ($4::text[]) AND n.beat < now() - make_interval(secs => n.dead_after))))
    ORDER BY r.id
    -- A row locked now is about to be settled.
    FOR UPDATE OF r SKIP LOCKED
),
freed AS (
    DELETE FROM llm_reservations AS r USING lost WHERE r.id = lost.id
    RETURNING r.id, r.budgets, r.usd, r.tokens
),
sums AS MATERIALIZED (
    SELECT u.id, sum(f.usd) AS usd, sum(f.tokens)::bigint AS tokens
    FROM freed AS f CROSS JOIN unnest(f.budgets) AS u (id)
    GROUP BY u.id
),
held AS MATERIALIZED (
    SELECT b.id, s.usd, s.tokens
    FROM sums AS s JOIN llm_budgets AS b ON b.id = s.id
    ORDER BY b.run_id IS NULL, b.id
    FOR NO KEY UPDATE OF b
),
moved AS (
    UPDATE llm_budgets AS b
    SET reserved_usd = b.reserved_usd - h.usd, reserved_tokens = b.reserved_tokens - h.tokens
    FROM held AS h WHERE b.id = h.id
)
SELECT count(*) AS freed FROM freed
