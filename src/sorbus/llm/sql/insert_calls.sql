-- Many calls in one statement; a call that is there already (written before a reply was lost) stays as it is.
INSERT INTO llm_calls (
    id, tenant, run_id, stage, kind, provider, model, status, tokens_in, tokens_out, latency_ms, cost_usd, priced,
    attempts, error_code, request_hash, response, inserted_at
)
SELECT * FROM unnest(
    $1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[],
    $10::bigint[], $11::bigint[], $12::numeric[], $13::boolean[], $14::bigint[], $15::text[], $16::text[],
    $17::text[], $18::timestamptz[]
)
ON CONFLICT (id) DO NOTHING
