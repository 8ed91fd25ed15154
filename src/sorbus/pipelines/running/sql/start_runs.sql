-- The stages of new runs and the jobs that advance them, in one statement inside the transaction of the runs themselves.
-- $1 the runs as JSON, with the ids of their stages and the place of their pipeline in $2. $2 the pipelines as JSON.
-- $3 max_attempts. Answers with the number of jobs; a run whose content is another tenant's gets none.
WITH pipelines AS MATERIALIZED (
    SELECT * FROM json_to_recordset($2::text::json)
        AS p (pipeline int, queue text, priority int, names text[], states text[])
),
runs AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::text::json)
        AS r (id uuid, tenant text, content_id uuid, pipeline int, stages uuid[])
),
stages AS (
    INSERT INTO stage_runs (id, tenant, run_id, name, position, state, attempt)
    SELECT s.id, r.tenant, r.id, s.name, s.place - 1, s.state, 0
    FROM runs AS r
    JOIN pipelines AS p ON p.pipeline = r.pipeline
    CROSS JOIN LATERAL unnest(r.stages, p.names, p.states) WITH ORDINALITY AS s (id, name, state, place)
),
jobs AS (
    INSERT INTO public.oban_jobs (worker, args, queue, max_attempts, meta, priority, state)
    SELECT 'pipelines.advance', jsonb_build_object('run_id', r.id), p.queue, $3::int,
           jsonb_build_object('tenant', r.tenant), p.priority, 'available'
    FROM runs AS r
    JOIN pipelines AS p ON p.pipeline = r.pipeline
    -- Not a join: it would be planned for a hundred runs, and one alone would pay for a look at the whole table.
    WHERE (SELECT c.tenant FROM contents AS c WHERE c.id = r.content_id) = r.tenant
    ORDER BY r.id
    RETURNING id
)
SELECT count(*) FROM jobs
