-- The outcome Done of many jobs of one node. $1 node, $2 ids, $3 attempts, $4 attempted_at.
UPDATE public.oban_jobs AS j
SET state = 'completed', completed_at = timezone('UTC', now())
FROM unnest($2::bigint[], $3::int[], $4::timestamptz[]) AS l (id, attempt, attempted_at)
WHERE j.id = l.id
  AND j.state = 'executing'
  AND j.attempt = l.attempt
  AND j.attempted_at = timezone('UTC', l.attempted_at)
  AND j.attempted_by[1] = $1::text
RETURNING j.id
