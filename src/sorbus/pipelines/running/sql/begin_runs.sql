-- Take many runs in hand: each becomes running if its job's lease holds and it has not ended. A paused one stays so.
-- The signals are counted as in the snapshot that the stages are read from: a word that is committed while this statement
-- waits for the row is then one that has not been seen.
-- $1 the runs with their leases as JSON. Answers with what the stages need.
WITH input AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::text::json)
        AS i (run_id uuid, job_id bigint, attempt int, attempted_at timestamptz, node text)
),
begun AS (
    UPDATE pipeline_runs AS r
    SET state = CASE r.state WHEN 'paused' THEN 'paused' ELSE 'running' END, started_at = coalesce(r.started_at, now()), wake_at = NULL
    FROM input AS i
    JOIN pipeline_runs AS old ON old.id = i.run_id
    JOIN public.oban_jobs AS j
      ON j.id = i.job_id AND j.state = 'executing' AND j.attempt = i.attempt
     AND j.attempted_at = timezone('UTC', i.attempted_at) AND j.attempted_by[1] = i.node
    WHERE r.id = i.run_id AND r.state IN ('pending', 'running', 'waiting', 'paused')
    RETURNING r.id, r.tenant, r.pipeline, r.version, r.definition_id, r.model, r.reuse, r.content_id, r.parent_id, r.payer_id, r.input, old.signals, r.state = 'paused' AS paused, old.started_at IS NULL AS fresh
)
SELECT clock_timestamp() AS looked_at, b.id, b.tenant, b.pipeline, b.version, b.definition_id, b.model, b.reuse, b.parent_id, b.payer_id, b.input, b.signals, b.paused, b.fresh,
       -- The budget of a run bears its id.
       own.budget AS own_budget,
       own.budget OR EXISTS (SELECT FROM llm_budgets AS g WHERE g.run_id IS NULL AND g.tenant = b.tenant) AS budgeted,
       c.id AS content_id, c.source_type, c.title, c.text, c.metadata, s.stages, t.items, h.children
FROM begun AS b
JOIN contents AS c ON c.id = b.content_id
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM llm_budgets AS g WHERE g.id = coalesce(b.payer_id, b.id)) AS budget
) AS own
CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(s.name, s.state, s.attempt, s.output, s.wake_at, s.given_at IS NOT NULL, s.error)
                     ORDER BY s.finished_at, s.position) AS stages
    FROM stage_runs AS s
    WHERE s.run_id = b.id
) AS s
CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(t.stage, t.index, t.state, t.attempt,
                                       CASE t.state WHEN 'failed' THEN t.error ELSE t.output END, t.wake_at)) AS items
    FROM stage_items AS t
    WHERE t.run_id = b.id
) AS t
CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(k.parent_stage, k.parent_index, k.id, k.state, d.data, k.error)) AS children
    FROM pipeline_runs AS k LEFT JOIN results AS d ON d.run_id = k.id
    WHERE k.parent_id = b.id
) AS h
