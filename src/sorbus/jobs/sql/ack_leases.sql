-- Complete many jobs inside the caller's transaction. $1 ids, $2 attempts, $3 attempted_at, $4 nodes.
UPDATE public.oban_jobs AS j
SET state = 'completed', completed_at = timezone('UTC', now())
FROM unnest($1::bigint[], $2::int[], $3::timestamptz[], $4::text[]) AS l (id, attempt, attempted_at, node)
WHERE j.id = l.id
  AND j.state = 'executing'
  AND j.attempt = l.attempt
  AND j.attempted_at = timezone('UTC', l.attempted_at)
  AND j.attempted_by[1] = l.node
RETURNING j.id
