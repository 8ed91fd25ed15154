-- Is the lease still held? FOR SHARE keeps a rescue out until the caller commits. $1 id, $2 attempt, $3 attempted_at, $4 node.
SELECT id
FROM public.oban_jobs
WHERE id = $1::bigint
  AND state = 'executing'
  AND attempt = $2::int
  AND attempted_at = timezone('UTC', $3::timestamptz)
  AND attempted_by[1] = $4::text
FOR SHARE
