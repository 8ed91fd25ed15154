-- The limits that some places hold or wait for. $1 the places as JSON; one without a stage is the whole run.
SELECT DISTINCT p.key
FROM json_to_recordset($1::text::json) AS f (run_id uuid, stage text, index bigint)
JOIN public.sorbus_permits AS p
  ON p.run_id = f.run_id AND (f.stage IS NULL OR (p.stage = f.stage AND p.index = f.index))
