-- Which leases are still held? FOR SHARE keeps a rescue out until the caller commits.
-- $1 ids, $2 attempts, $3 attempted_at, $4 nodes.
SELECT j.id
FROM unnest($1::bigint[], $2::int[], $3::timestamptz[], $4::text[]) AS l (id, attempt, attempted_at, node)
JOIN public.oban_jobs AS j ON
    j.id = l.id
    AND j.state = 'executing'
    AND j.attempt = l.attempt
    AND j.attempted_at = timezone('UTC', l.attempted_at)
    AND j.attempted_by[1] = l.node
FOR SHARE OF j
