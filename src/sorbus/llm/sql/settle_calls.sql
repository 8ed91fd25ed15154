-- Many calls in one statement, each with what follows for the budgets: what was reserved for it is given back, what it has
-- cost is spent. A call that is there already (written before a reply was lost) stays as it is, and is counted once.
-- $1 the calls as JSON: in arrays, the driver would look at every item of every column.
-- Answers with the calls for which some budget holds, reserved or not.
WITH calls AS MATERIALIZED (
    SELECT *
    FROM json_to_recordset($1::text::json) AS c (
        id uuid, tenant text, run_id uuid, payer_id uuid, stage text, kind text, provider text, model text, status text, tokens_in bigint,
        tokens_out bigint, latency_ms bigint, cost_usd numeric, priced boolean, attempts bigint, error_code text,
        request_hash text, request jsonb, response text, inserted_at timestamptz
    )
),
written AS (
    INSERT INTO llm_calls (
        id, tenant, run_id, payer_id, stage, kind, provider, model, status, tokens_in, tokens_out, latency_ms, cost_usd, priced,
        attempts, error_code, request_hash, request, response, inserted_at
    )
    SELECT id, tenant, run_id, payer_id, stage, kind, provider, model, status, tokens_in, tokens_out, latency_ms, cost_usd, priced,
           attempts, error_code, request_hash, request, response, inserted_at
    FROM calls
    ON CONFLICT (id) DO NOTHING
    RETURNING id
),
bound AS MATERIALIZED (
    SELECT c.id AS call, b.id, b.model IN ('', c.provider || ':' || c.model) AS counts, c.cost_usd,
           c.tokens_in + c.tokens_out AS tokens
    FROM calls AS c JOIN llm_budgets AS b ON b.run_id IS NULL AND b.tenant = c.tenant
    UNION ALL
    SELECT c.id, b.id, true, c.cost_usd, c.tokens_in + c.tokens_out
    FROM calls AS c JOIN llm_budgets AS b ON b.id = coalesce(c.payer_id, c.run_id)
),
freed AS (
    DELETE FROM llm_reservations AS r USING calls AS c WHERE r.id = c.id
    RETURNING r.budgets, r.usd, r.tokens
),
sums AS MATERIALIZED (
    SELECT e.id, sum(e.usd) AS usd, sum(e.tokens)::bigint AS tokens, sum(e.back_usd) AS back_usd,
           sum(e.back_tokens)::bigint AS back_tokens
    FROM (
        SELECT b.id, b.cost_usd AS usd, b.tokens, 0::numeric AS back_usd, 0::bigint AS back_tokens
        FROM bound AS b JOIN written AS w ON w.id = b.call
        WHERE b.counts
        UNION ALL
        SELECT u.id, 0, 0, f.usd, f.tokens FROM freed AS f CROSS JOIN unnest(f.budgets) AS u (id)
    ) AS e
    GROUP BY e.id
),
-- Whoever locks several budgets locks them in one order: runs' before tenants', by id.
held AS MATERIALIZED (
    SELECT b.id, s.usd, s.tokens, s.back_usd, s.back_tokens
    FROM sums AS s JOIN llm_budgets AS b ON b.id = s.id
    ORDER BY b.run_id IS NULL, b.id
    FOR NO KEY UPDATE OF b
),
moved AS (
    UPDATE llm_budgets AS b
    SET counted_usd = CASE WHEN b.resets_at <= now() THEN 0 ELSE b.counted_usd END + h.usd,
        counted_tokens = CASE WHEN b.resets_at <= now() THEN 0 ELSE b.counted_tokens END + h.tokens,
        reserved_usd = b.reserved_usd - h.back_usd,
        reserved_tokens = b.reserved_tokens - h.back_tokens,
        resets_at = CASE WHEN b.resets_at <= now()
            THEN (date_trunc(b.period, timezone('UTC', now())) + ('1 ' || b.period)::interval) AT TIME ZONE 'UTC'
            ELSE b.resets_at END
    FROM held AS h WHERE b.id = h.id
)
SELECT DISTINCT b.call AS id FROM bound AS b
