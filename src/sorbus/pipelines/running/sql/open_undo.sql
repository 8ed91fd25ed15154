-- The rows of what undoes a failed run's stages. $1 run, $2 tenant, $3 ids, $4 names, $5 positions, $6 job, $7 attempt,
-- $8 attempted_at, $9 node. Answers with a row if the lease holds.
WITH held AS MATERIALIZED (
    SELECT r.id
    FROM pipeline_runs AS r
    JOIN public.oban_jobs AS j
      ON j.id = $6::bigint AND j.state = 'executing' AND j.attempt = $7::int
     AND j.attempted_at = timezone('UTC', $8::timestamptz) AND j.attempted_by[1] = $9::text
    WHERE r.id = $1::uuid AND r.state IN ('running', 'paused')
),
made AS (
    INSERT INTO stage_runs (id, tenant, run_id, name, position, state, attempt)
    SELECT u.id, $2::text, held.id, u.name, u.position, 'ready', 0
    FROM held, unnest($3::uuid[], $4::text[], $5::bigint[]) AS u (id, name, position)
    ON CONFLICT (run_id, name) DO NOTHING
)
SELECT id FROM held
