-- Lock an unfinished run, so that one node at a time gives it a job. $1 run.
SELECT id FROM pipeline_runs WHERE id = $1::uuid AND state IN ('pending', 'running', 'waiting') FOR NO KEY UPDATE
