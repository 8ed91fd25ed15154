-- The stages in hand of a cancelled run: what they give is not taken. $1 run.
UPDATE stage_runs SET state = 'cancelled', finished_at = now() WHERE run_id = $1::uuid AND state = 'running'
