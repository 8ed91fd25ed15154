-- What a fork keeps of the run that it comes from: the stages that have settled there, with some outputs edited.
-- $1 the fork, $2 the run, $3 the stages that are kept, $4 edited outputs by stage.
WITH kept AS (
    UPDATE stage_runs AS s
    SET state = o.state, attempt = o.attempt, error = o.error, started_at = o.started_at, finished_at = o.finished_at,
        given_at = o.given_at, output = CASE WHEN e.edits ? o.name THEN e.edits -> o.name ELSE o.output END
    FROM stage_runs AS o, (SELECT $4::text::jsonb AS edits) AS e
    WHERE s.run_id = $1::uuid AND o.run_id = $2::uuid AND o.name = s.name AND o.name = ANY($3::text[])
      AND (o.state IN ('done', 'skipped', 'failed') OR o.given_at IS NOT NULL)
)
INSERT INTO stage_items (id, tenant, run_id, stage, index, state, attempt, output, error, started_at, finished_at)
SELECT gen_random_uuid(), o.tenant, $1::uuid, o.stage, o.index, o.state, o.attempt, o.output, o.error, o.started_at,
       o.finished_at
FROM stage_items AS o
WHERE o.run_id = $2::uuid AND o.stage = ANY($3::text[])
