-- Forget nodes that ended: those of $1 (their process is gone) at once, the others a day after their last beat, so that
-- one which was only paused finds its row and cannot claim jobs that nobody would rescue.
DELETE FROM public.sorbus_nodes AS n
WHERE (n.node = ANY ($1::text[]) OR n.beat < now() - interval '1 day')
  AND NOT EXISTS (
    SELECT FROM public.oban_jobs AS j WHERE j.state = 'executing' AND j.attempted_by[1] = n.node
  )
