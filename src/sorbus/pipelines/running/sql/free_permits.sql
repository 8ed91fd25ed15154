-- Give back what some places hold or wait for. $1 the places as JSON; one without a stage is the whole run.
WITH free AS (
    SELECT * FROM json_to_recordset($1::text::json) AS f (run_id uuid, stage text, index bigint)
)
DELETE FROM public.sorbus_permits AS p
USING free AS f
WHERE p.run_id = f.run_id AND (f.stage IS NULL OR (p.stage = f.stage AND p.index = f.index))
