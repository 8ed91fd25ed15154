-- The checkpoint of many stages, each of another run: output, stage done, successors counted down, and for a last
-- stage the run completed, its result written and its job completed. All of it or nothing.
-- $1 runs, $2 stages, $3 outputs, $4 started, $5 last, $6 result ids, $7 results, $8 jobs, $9 attempts,
-- $10 attempted_at, $11 nodes. A stage is done once only: its row's own state is the guard, the lease is the fence.
WITH input AS MATERIALIZED (
    SELECT i.*
    FROM unnest(
        $1::uuid[], $2::text[], $3::jsonb[], $4::timestamptz[], $5::boolean[], $6::uuid[], $7::jsonb[], $8::bigint[],
        $9::int[], $10::timestamptz[], $11::text[]
    ) AS i (run_id, stage, output, started_at, last, result_id, result, job_id, attempt, attempted_at, node)
    JOIN public.oban_jobs AS j
      ON j.id = i.job_id AND j.state = 'executing' AND j.attempt = i.attempt
     AND j.attempted_at = timezone('UTC', i.attempted_at) AND j.attempted_by[1] = i.node
    JOIN pipeline_runs AS r ON r.id = i.run_id AND r.state = 'running'
),
-- A last stage is done only together with its run: this lock keeps a cancel out, or finds it committed.
ending AS MATERIALIZED (
    SELECT r.id
    FROM input AS i JOIN pipeline_runs AS r ON r.id = i.run_id
    WHERE i.last AND r.state = 'running'
    FOR NO KEY UPDATE OF r
),
done AS (
    UPDATE stage_runs AS s
    SET state = 'done', output = i.output, error = NULL, started_at = i.started_at, finished_at = now()
    FROM input AS i
    WHERE s.run_id = i.run_id AND s.name = i.stage AND s.state = 'ready'
      AND (NOT i.last OR EXISTS (SELECT FROM ending AS e WHERE e.id = i.run_id))
    RETURNING s.run_id, s.next
),
successors AS (
    UPDATE stage_runs AS n
    SET waits = n.waits - c.count, state = CASE WHEN n.waits <= c.count THEN 'ready' ELSE n.state END
    FROM (
        SELECT d.run_id, x.name, count(*) AS count
        FROM done AS d CROSS JOIN LATERAL unnest(d.next) AS x (name)
        GROUP BY d.run_id, x.name
    ) AS c
    WHERE n.run_id = c.run_id AND n.name = c.name AND n.state = 'waiting'
),
finished AS (
    UPDATE pipeline_runs AS r
    SET state = 'completed', finished_at = now(), error = NULL
    FROM done AS d
    JOIN input AS i ON i.run_id = d.run_id AND i.last
    WHERE r.id = d.run_id AND r.state = 'running'
    RETURNING r.id, r.tenant, r.content_id, r.pipeline, i.job_id, i.attempt, i.result_id, i.result
),
results AS (
    INSERT INTO results (id, tenant, run_id, content_id, pipeline, data, inserted_at)
    SELECT f.result_id, f.tenant, f.id, f.content_id, f.pipeline, f.result, now() FROM finished AS f
    ON CONFLICT (run_id) DO UPDATE SET data = excluded.data, inserted_at = excluded.inserted_at
),
acked AS (
    UPDATE public.oban_jobs AS j
    SET state = 'completed', completed_at = timezone('UTC', now())
    FROM finished AS f
    WHERE j.id = f.job_id AND j.state = 'executing' AND j.attempt = f.attempt
)
SELECT d.run_id, f.id IS NOT NULL AS finished
FROM done AS d LEFT JOIN finished AS f ON f.id = d.run_id
