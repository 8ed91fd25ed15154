-- The checkpoints of many runs: what has settled, what follows from it, and for a run that ends or falls asleep its own
-- row, its result and its job. All of it or nothing.
-- $1 the runs as JSON: their leases, how each ends or null, its number of rows, and what it has seen of its signals.
-- $2 what has become of their stages. They travel as JSON, since the driver looks at every item of an array.
-- Of a run that would fall asleep although something was said to it, what has settled is taken all the same.
-- A stage settles once only: its row's own state is the guard, the lease is the fence.
WITH input AS MATERIALIZED (
    SELECT i.*, r.state AS run_state, r.signals AS run_signals
    FROM json_to_recordset($1::text::json) AS i (
        run_id uuid, job_id bigint, attempt int, attempted_at timestamptz, node text, ends text, rows bigint,
        error jsonb, result_id uuid, result jsonb, sleep float8, signals bigint
    )
    JOIN public.oban_jobs AS j
      ON j.id = i.job_id AND j.state = 'executing' AND j.attempt = i.attempt
     AND j.attempted_at = timezone('UTC', i.attempted_at) AND j.attempted_by[1] = i.node
    JOIN pipeline_runs AS r ON r.id = i.run_id AND r.state IN ('running', 'paused')
),
-- The last stage settles only together with its run: this lock keeps a cancel and a given value out, or finds them.
ending AS MATERIALIZED (
    SELECT r.id
    FROM input AS i JOIN pipeline_runs AS r ON r.id = i.run_id
    WHERE i.ends IS NOT NULL AND r.state IN ('running', 'paused')
      -- Who falls asleep must have seen everything that was said to the run.
      AND (i.ends NOT IN ('running', 'waiting', 'paused')
           OR (r.signals = i.signals AND r.state = CASE i.ends WHEN 'paused' THEN 'paused' ELSE 'running' END))
    FOR NO KEY UPDATE OF r
),
stages AS (
    UPDATE stage_runs AS s
    SET state = c.state,
        output = CASE WHEN c.state = 'done' THEN c.output ELSE s.output END,
        error = c.error,
        fingerprint = c.fingerprint,
        reused_from = c.reused_from,
        attempt = c.attempt,
        started_at = CASE WHEN c.state = 'running' THEN coalesce(s.started_at, now())
                          WHEN c.state IN ('done', 'failed') THEN coalesce(
                              now() - make_interval(secs => c.took), s.started_at,
                              -- A stage of items that was let in late began with the first of them.
                              (SELECT min(t.started_at) FROM stage_items AS t WHERE t.run_id = s.run_id AND t.stage = s.name)
                          )
                          ELSE coalesce(now() - make_interval(secs => c.took), s.started_at) END,
        finished_at = CASE WHEN c.state IN ('done', 'failed', 'skipped') THEN now() END,
        wake_at = now() + make_interval(secs => c.delay)
    FROM json_to_recordset($2::text::json) AS c (
        run_id uuid, name text, state text, output jsonb, error jsonb, attempt bigint, took float8, delay float8,
        fingerprint text, reused_from uuid
    )
    JOIN input AS i ON i.run_id = c.run_id
    WHERE s.run_id = c.run_id AND s.name = c.name AND s.state IN ('waiting', 'ready', 'running')
      -- All runs are locked before the first stage: who gives a value takes the two in that order, too.
      AND (SELECT count(*) FROM ending) >= 0
      AND (i.ends IS NULL OR i.ends IN ('running', 'waiting', 'paused')
           OR EXISTS (SELECT FROM ending AS e WHERE e.id = i.run_id))
      -- Who was given a value in time does not fail for want of it.
      AND (c.state <> 'failed' OR s.given_at IS NULL)
    RETURNING s.run_id
),
taken AS (
    SELECT i.*, i.ends IS NULL OR e.id IS NOT NULL AS ending
    FROM input AS i
    LEFT JOIN (SELECT s.run_id, count(*) AS rows FROM stages AS s GROUP BY s.run_id) AS s ON s.run_id = i.run_id
    LEFT JOIN ending AS e ON e.id = i.run_id
    WHERE i.rows = coalesce(s.rows, 0)
      AND (i.ends IS NULL OR i.ends IN ('running', 'waiting', 'paused') OR e.id IS NOT NULL)
),
ended AS (
    UPDATE pipeline_runs AS r
    SET state = t.ends, error = t.error,
        finished_at = CASE WHEN t.ends NOT IN ('running', 'waiting', 'paused') THEN now() END,
        wake_at = now() + make_interval(secs => t.sleep)
    FROM taken AS t
    WHERE t.ends IS NOT NULL AND t.ending AND r.id = t.run_id
    RETURNING r.id, r.tenant, r.content_id, r.pipeline, t.ends, t.job_id, t.attempt, t.result_id, t.result, t.sleep
),
results AS (
    INSERT INTO results (id, tenant, run_id, content_id, pipeline, data, inserted_at)
    SELECT e.result_id, e.tenant, e.id, e.content_id, e.pipeline, e.result, now() FROM ended AS e
    WHERE e.ends = 'completed'
    ON CONFLICT (run_id) DO UPDATE SET data = excluded.data, inserted_at = excluded.inserted_at
),
acked AS (
    UPDATE public.oban_jobs AS j
    SET state = CASE WHEN e.sleep IS NULL THEN 'completed' ELSE 'scheduled' END::public.oban_job_state,
        completed_at = CASE WHEN e.sleep IS NULL THEN timezone('UTC', now()) END,
        scheduled_at = CASE WHEN e.sleep IS NULL THEN j.scheduled_at
                            ELSE timezone('UTC', now()) + make_interval(secs => e.sleep) END,
        attempt = CASE WHEN e.sleep IS NULL THEN j.attempt ELSE j.attempt - 1 END
    FROM ended AS e
    WHERE j.id = e.job_id AND e.ends IN ('running', 'completed', 'waiting', 'paused') AND j.state = 'executing' AND j.attempt = e.attempt
)
SELECT t.run_id, t.run_state AS state, t.run_signals AS signals, e.id IS NOT NULL AS ended
FROM taken AS t LEFT JOIN ended AS e ON e.id = t.run_id
