-- Reserve what a call may cost in every budget that holds for it, or in none of them.
-- $1 the call, $2 its tenant, $3 the run that pays, $4 its model, $5 USD, $6 tokens, $7 the node that makes it.
-- Answers with the budgets as they were found. Whoever locks several locks them in one order: runs' before tenants', by id.
WITH held AS MATERIALIZED (
    SELECT b.*
    FROM llm_budgets AS b
    WHERE (b.id = $3::uuid OR (b.run_id IS NULL AND b.tenant = $2::text)) AND b.model IN ('', $4::text)
    ORDER BY b.run_id IS NULL, b.id
    FOR NO KEY UPDATE
),
found AS MATERIALIZED (
    SELECT h.id, h.run_id, h.model, h.period, h.limit_usd, h.limit_tokens, h.reserved_usd, h.reserved_tokens,
           h.resets_at <= now() AS ended,
           CASE WHEN h.resets_at <= now() THEN 0 ELSE h.counted_usd END AS spent_usd,
           CASE WHEN h.resets_at <= now() THEN 0 ELSE h.counted_tokens END AS spent_tokens
    FROM held AS h
),
-- What needs nothing of a kind is not stopped by a limit of that kind.
judged AS MATERIALIZED (
    SELECT bool_and(
        (f.limit_usd IS NULL OR $5::numeric = 0 OR f.spent_usd + f.reserved_usd + $5::numeric <= f.limit_usd)
        AND (f.limit_tokens IS NULL OR $6::bigint = 0
             OR f.spent_tokens + f.reserved_tokens + $6::bigint <= f.limit_tokens)
    ) AS fits, array_agg(f.id) AS budgets
    FROM found AS f
),
made AS (
    INSERT INTO llm_reservations (id, tenant, run_id, node, budgets, usd, tokens, inserted_at)
    SELECT $1::uuid, $2::text, $3::uuid, $7::text, j.budgets, $5::numeric, $6::bigint, now() FROM judged AS j WHERE j.fits
),
moved AS (
    UPDATE llm_budgets AS b
    SET reserved_usd = b.reserved_usd + $5::numeric,
        reserved_tokens = b.reserved_tokens + $6::bigint,
        counted_usd = f.spent_usd,
        counted_tokens = f.spent_tokens,
        resets_at = CASE WHEN f.ended
            THEN (date_trunc(f.period, timezone('UTC', now())) + ('1 ' || f.period)::interval) AT TIME ZONE 'UTC'
            ELSE b.resets_at END
    FROM found AS f CROSS JOIN judged AS j
    WHERE b.id = f.id AND j.fits
)
SELECT f.id, f.run_id, f.model, f.period, f.limit_usd, f.limit_tokens, f.spent_usd, f.spent_tokens, f.reserved_usd,
       f.reserved_tokens, j.fits
FROM found AS f CROSS JOIN judged AS j
ORDER BY f.run_id IS NULL, f.id
