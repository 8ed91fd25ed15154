-- $1 workers, $2 args, $3 queues, $4 priorities, $5 max_attempts, $6 scheduled_at, $7 schedule_in, $8 tags as JSON
-- lists, $9 metas, $10 unique keys, $11 unique scopes, $12 unique periods in seconds.
-- Ids are drawn first, so that every answer can be told to its input whatever the conflicts were.
WITH input AS MATERIALIZED (
    SELECT
        nextval((SELECT pg_get_serial_sequence('public.oban_jobs', 'id')::regclass)) AS id,
        u.ord, u.worker, u.args, u.queue, u.priority, u.max_attempts, u.tags, u.meta, u.scope,
        coalesce(u.scheduled_at, now() + make_interval(secs => coalesce(u.schedule_in, 0))) AS at,
        CASE WHEN u.period IS NULL THEN u.key
             ELSE u.key || ':' || floor(extract(epoch FROM now()) / u.period)::bigint END AS key
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::int[], $5::int[], $6::timestamptz[], $7::float8[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::float8[]
    ) WITH ORDINALITY AS u (
        worker, args, queue, priority, max_attempts, scheduled_at, schedule_in, tags, meta, key, scope, period, ord
    )
),
inserted AS (
    INSERT INTO public.oban_jobs
        (id, worker, args, queue, priority, max_attempts, state, scheduled_at, tags, meta)
    OVERRIDING SYSTEM VALUE
    SELECT
        id, worker, args::jsonb, queue, priority, max_attempts,
        CASE WHEN at > now() THEN 'scheduled' ELSE 'available' END::public.oban_job_state,
        timezone('UTC', at),
        CASE WHEN tags = '[]' THEN '{}'::text[] ELSE ARRAY(SELECT jsonb_array_elements_text(tags::jsonb)) END,
        CASE WHEN key IS NULL THEN meta::jsonb
             ELSE meta::jsonb || jsonb_build_object('unique_key', key, 'unique_scope', scope) END
    FROM input
    ORDER BY ord
    ON CONFLICT DO NOTHING
    RETURNING id
)
SELECT input.id, inserted.id IS NOT NULL AS inserted, input.key
FROM input LEFT JOIN inserted ON inserted.id = input.id
ORDER BY input.ord
