-- Whether any budget holds for a call. $1 tenant, $2 run.
SELECT EXISTS (SELECT FROM llm_budgets AS b WHERE b.id = $2::uuid)
    OR EXISTS (SELECT FROM llm_budgets AS b WHERE b.run_id IS NULL AND b.tenant = $1::text) AS budgeted
