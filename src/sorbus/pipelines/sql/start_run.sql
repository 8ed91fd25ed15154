-- A run's stages and the job that advances it, in one statement inside the transaction of the run itself.
-- $1 run, $2 tenant, $3 stage ids, $4 names, $5 positions, $6 waits, $7 next as JSON lists, $8 queue, $9 max_attempts,
-- $10 the job's meta. No answer when the content is another tenant's. Stages that are there already keep what is done; failed and cancelled ones become ready again.
WITH stages AS (
    INSERT INTO stage_runs AS s (id, tenant, run_id, name, position, state, waits, next, attempt)
    SELECT u.id, $2::text, $1::uuid, u.name, u.position,
           CASE WHEN u.waits = 0 THEN 'ready' ELSE 'waiting' END,
           u.waits, ARRAY(SELECT jsonb_array_elements_text(u.next::jsonb)), 0
    FROM unnest($3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::text[]) AS u (id, name, position, waits, next)
    ON CONFLICT (run_id, name) DO UPDATE SET state = 'ready', attempt = 0, error = NULL
    WHERE s.state IN ('failed', 'cancelled')
)
INSERT INTO public.oban_jobs (worker, args, queue, max_attempts, meta, state)
SELECT 'pipelines.advance', jsonb_build_object('run_id', $1::uuid), $8::text, $9::int, $10::jsonb, 'available'
FROM pipeline_runs AS r JOIN contents AS c ON c.id = r.content_id AND c.tenant = r.tenant
WHERE r.id = $1::uuid
RETURNING id
