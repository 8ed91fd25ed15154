-- $1 worker, $2 args, $3 queue, $4 priority, $5 max_attempts, $6 scheduled_at, $7 schedule_in seconds, $8 tags, $9 meta
INSERT INTO public.oban_jobs (worker, args, queue, priority, max_attempts, state, scheduled_at, tags, meta)
SELECT
    $1::text, $2::text::jsonb, $3::text, $4::int, $5::int,
    CASE WHEN due.at > now() THEN 'scheduled' ELSE 'available' END::public.oban_job_state,
    timezone('UTC', due.at), $8::text[], $9::text::jsonb
FROM (SELECT coalesce($6::timestamptz, now() + make_interval(secs => coalesce($7::float8, 0))) AS at) AS due
RETURNING id
