-- Give back what is held or waited for by places that have settled and by runs that have ended or are paused: their process
-- died in between. Answers with the limits. $1 at least this old (seconds).
DELETE FROM public.sorbus_permits AS p
WHERE p.asked_at < now() - make_interval(secs => $1::float8)
  AND (
      NOT EXISTS (
          SELECT FROM pipeline_runs AS r
          WHERE r.id = p.run_id AND (r.state IN ('pending', 'running', 'waiting') OR (r.state = 'paused' AND p.held))
      )
      OR EXISTS (
          SELECT FROM stage_runs AS s
          WHERE s.run_id = p.run_id AND s.name = p.stage AND s.state NOT IN ('waiting', 'ready', 'running')
      )
      OR EXISTS (
          SELECT FROM stage_items AS t
          WHERE t.run_id = p.run_id AND t.stage = p.stage AND t.index = p.index AND t.state IN ('done', 'failed')
      )
  )
RETURNING p.key
