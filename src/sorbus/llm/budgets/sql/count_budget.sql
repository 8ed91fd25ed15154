-- Count anew what a budget has spent, from the calls of its period. $1 budget, $2 seconds after which to do so once more, or
-- null. Its row is locked by the caller's transaction, so a call that commits meanwhile adds itself behind this count; but
-- one that was being written while the budget was set has not seen it, and is found the second time.
UPDATE llm_budgets AS b
SET counted_usd = s.usd, counted_tokens = s.tokens, recount_at = now() + make_interval(secs => $2::float8),
    resets_at = CASE WHEN b.period <> 'total'
        THEN (date_trunc(b.period, timezone('UTC', now())) + ('1 ' || b.period)::interval) AT TIME ZONE 'UTC' END
FROM (
    SELECT o.id, coalesce(sum(c.cost_usd), 0) AS usd, coalesce(sum(c.tokens_in + c.tokens_out), 0)::bigint AS tokens
    FROM llm_budgets AS o
    LEFT JOIN llm_calls AS c
      ON c.tenant = o.tenant AND (o.run_id IS NULL OR c.run_id = o.run_id OR c.payer_id = o.run_id)
     AND (o.model = '' OR o.model = c.provider || ':' || c.model)
     AND CASE WHEN o.period = 'total' THEN true
              ELSE c.inserted_at >= date_trunc(o.period, timezone('UTC', now())) AT TIME ZONE 'UTC' END
    WHERE o.id = $1::uuid
    GROUP BY o.id
) AS s
WHERE b.id = s.id
