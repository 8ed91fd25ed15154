-- The newest answered call for the same request in the same stage of the same run.
SELECT id, kind, provider, model, status, tokens_in, tokens_out, latency_ms, cost_usd, priced, error_code, response,
       attempts, inserted_at
FROM llm_calls
WHERE run_id = $1::uuid AND stage IS NOT DISTINCT FROM $2::text AND request_hash = $3::text
  AND status IN ('ok', 'invalid')
ORDER BY id DESC
LIMIT 1
