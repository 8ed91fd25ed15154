-- The budget of a run; its id is the run's. $1 run, $2 tenant, $3 USD, $4 tokens.
INSERT INTO llm_budgets AS b (
    id, tenant, run_id, model, period, limit_usd, limit_tokens, counted_usd, counted_tokens, reserved_usd, reserved_tokens,
    inserted_at
)
VALUES ($1::uuid, $2::text, $1::uuid, '', 'total', $3::numeric, $4::bigint, 0, 0, 0, 0, now())
ON CONFLICT (id) DO UPDATE SET limit_usd = excluded.limit_usd, limit_tokens = excluded.limit_tokens
