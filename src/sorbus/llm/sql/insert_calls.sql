-- Many calls in one statement; a call that is there already (written before a reply was lost) stays as it is.
-- $1 the calls as JSON: in arrays, the driver would look at every item of every column. $2 their tenants, $3 the runs that pay.
-- Where a budget holds for any of them nothing is written: `settle_calls` writes them together with what follows.
WITH guard AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM llm_budgets AS b WHERE b.run_id IS NULL AND b.tenant = ANY ($2::text[]))
        OR EXISTS (SELECT FROM llm_budgets AS b WHERE b.id = ANY ($3::uuid[])) AS budgeted
),
written AS (
    INSERT INTO llm_calls (
        id, tenant, run_id, payer_id, stage, kind, provider, model, status, tokens_in, tokens_out, latency_ms, cost_usd, priced,
        attempts, error_code, request_hash, request, response, inserted_at
    )
    SELECT id, tenant, run_id, payer_id, stage, kind, provider, model, status, tokens_in, tokens_out, latency_ms, cost_usd, priced,
           attempts, error_code, request_hash, request, response, inserted_at
    FROM json_to_recordset($1::text::json) AS c (
        id uuid, tenant text, run_id uuid, payer_id uuid, stage text, kind text, provider text, model text, status text, tokens_in bigint,
        tokens_out bigint, latency_ms bigint, cost_usd numeric, priced boolean, attempts bigint, error_code text,
        request_hash text, request jsonb, response text, inserted_at timestamptz
    )
    WHERE NOT (SELECT budgeted FROM guard)
    ON CONFLICT (id) DO NOTHING
)
SELECT budgeted FROM guard
