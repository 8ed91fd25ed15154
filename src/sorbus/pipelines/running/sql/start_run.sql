-- A run's stages and the job that advances it, in one statement inside the transaction of the run itself.
-- $1 run, $2 tenant, $3 stage ids, $4 names, $5 positions, $6 states, $7 queue, $8 max_attempts, $9 the job's meta,
-- $10 priority, $11 the stages that are taken up again where they have failed, $12 whether anything is taken up again. No answer when the content is another tenant's.
-- Stages that are there already keep what they are, but for those that are taken up again. Where a run was being undone,
-- that is what is taken up.
WITH undoing AS MATERIALIZED (
    SELECT u.id, u.state FROM stage_runs AS u WHERE u.run_id = $1::uuid AND u.name LIKE '%.undo'
),
undo AS (
    UPDATE stage_runs AS u SET state = 'ready', attempt = 0, error = NULL, wake_at = NULL, finished_at = NULL
    FROM undoing WHERE $12::boolean AND u.id = undoing.id AND undoing.state IN ('failed', 'cancelled')
),
stages AS (
    INSERT INTO stage_runs AS s (id, tenant, run_id, name, position, state, attempt)
    SELECT u.id, $2::text, $1::uuid, u.name, u.position, u.state, 0
    FROM unnest($3::uuid[], $4::text[], $5::bigint[], $6::text[]) AS u (id, name, position, state)
    ON CONFLICT (run_id, name) DO UPDATE
    SET state = excluded.state, attempt = 0, error = NULL, wake_at = NULL, finished_at = NULL
    WHERE $12::boolean AND NOT EXISTS (SELECT FROM undoing)
      AND (s.state = 'cancelled' OR (s.state = 'failed' AND s.name = ANY($11::text[])))
),
items AS (
    UPDATE stage_items AS t
    SET state = 'ready', attempt = 0, error = NULL, wake_at = NULL, finished_at = NULL
    FROM stage_runs AS s
    WHERE $12::boolean AND NOT EXISTS (SELECT FROM undoing)
      AND t.run_id = $1::uuid AND t.state = 'failed'
      AND s.run_id = t.run_id AND s.name = t.stage AND s.state = 'failed' AND s.name = ANY($11::text[])
)
INSERT INTO public.oban_jobs (worker, args, queue, max_attempts, meta, priority, state)
SELECT 'pipelines.advance', jsonb_build_object('run_id', $1::uuid), $7::text, $8::int, $9::jsonb, $10::int, 'available'
FROM pipeline_runs AS r JOIN contents AS c ON c.id = r.content_id AND c.tenant = r.tenant
WHERE r.id = $1::uuid
RETURNING id
