-- Lock a budget, so that what is counted behind this is exact. $1 budget.
SELECT id FROM llm_budgets WHERE id = $1::uuid FOR NO KEY UPDATE
