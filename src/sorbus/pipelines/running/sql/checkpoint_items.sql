-- The outcomes of many items, each committed once: its row's own state is the guard, the lease of its run is the fence.
-- $1 the outcomes as JSON, each with its lease.
WITH put AS (
    INSERT INTO stage_items AS t (id, tenant, run_id, stage, index, state, output, error, attempt, started_at, finished_at, wake_at,
                                 fingerprint, reused_from)
    SELECT i.id, r.tenant, i.run_id, i.name, i.index, i.state, i.output, i.error, i.failed, now() - make_interval(secs => i.took),
           CASE WHEN i.state IN ('done', 'failed') THEN now() END, now() + make_interval(secs => i.delay),
           i.fingerprint, i.reused_from
    FROM json_to_recordset($1::text::json) AS i (
        id uuid, run_id uuid, name text, index bigint, state text, output jsonb, error jsonb, failed bigint,
        took float8, delay float8, fingerprint text, reused_from uuid, job_id bigint, attempt int, attempted_at timestamptz, node text
    )
    JOIN public.oban_jobs AS j
      ON j.id = i.job_id AND j.state = 'executing' AND j.attempt = i.attempt
     AND j.attempted_at = timezone('UTC', i.attempted_at) AND j.attempted_by[1] = i.node
    JOIN pipeline_runs AS r ON r.id = i.run_id AND r.state IN ('running', 'paused')
    ON CONFLICT (run_id, stage, index) DO UPDATE
    SET state = excluded.state, output = excluded.output, error = excluded.error, attempt = excluded.attempt,
        started_at = excluded.started_at, finished_at = excluded.finished_at, wake_at = excluded.wake_at,
        fingerprint = excluded.fingerprint, reused_from = excluded.reused_from
    WHERE t.state NOT IN ('done', 'failed')
    RETURNING t.run_id, t.stage, t.index
)
SELECT p.run_id, p.stage, p.index, r.state, r.signals FROM put AS p JOIN pipeline_runs AS r ON r.id = p.run_id
