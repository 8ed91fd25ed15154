-- The budgets that are to be counted once more.
SELECT id FROM llm_budgets WHERE recount_at <= now() ORDER BY recount_at LIMIT 100
