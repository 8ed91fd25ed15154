-- Complete one job inside the caller's transaction. $1 id, $2 attempt, $3 attempted_at, $4 node.
UPDATE public.oban_jobs
SET state = 'completed', completed_at = timezone('UTC', now())
WHERE id = $1::bigint
  AND state = 'executing'
  AND attempt = $2::int
  AND attempted_at = timezone('UTC', $3::timestamptz)
  AND attempted_by[1] = $4::text
RETURNING id
