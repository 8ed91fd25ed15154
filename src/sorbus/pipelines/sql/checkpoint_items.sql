-- The outcomes of many items, each committed once: its row's own state is the guard, the lease of its run is the fence.
-- $1 ids, $2 runs, $3 stages, $4 indexes, $5 states, $6 outputs, $7 errors, $8 attempts, $9 started_at, $10 seconds until
-- the next attempt, $11 jobs, $12 attempts of the jobs, $13 attempted_at, $14 nodes.
INSERT INTO stage_items AS t (id, tenant, run_id, stage, index, state, output, error, attempt, started_at, finished_at, wake_at)
SELECT i.id, r.tenant, i.run_id, i.stage, i.index, i.state, i.output::jsonb, i.error::jsonb, i.failed, i.started_at,
       CASE WHEN i.state IN ('done', 'failed') THEN now() END, now() + make_interval(secs => i.delay)
FROM unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[],
    $9::timestamptz[], $10::float8[], $11::bigint[], $12::int[], $13::timestamptz[], $14::text[]
) AS i (id, run_id, stage, index, state, output, error, failed, started_at, delay, job_id, attempt, attempted_at, node)
JOIN public.oban_jobs AS j
  ON j.id = i.job_id AND j.state = 'executing' AND j.attempt = i.attempt
 AND j.attempted_at = timezone('UTC', i.attempted_at) AND j.attempted_by[1] = i.node
JOIN pipeline_runs AS r ON r.id = i.run_id AND r.state IN ('running', 'paused')
ON CONFLICT (run_id, stage, index) DO UPDATE
SET state = excluded.state, output = excluded.output, error = excluded.error, attempt = excluded.attempt,
    started_at = excluded.started_at, finished_at = excluded.finished_at, wake_at = excluded.wake_at
WHERE t.state NOT IN ('done', 'failed')
RETURNING t.run_id, t.stage, t.index
