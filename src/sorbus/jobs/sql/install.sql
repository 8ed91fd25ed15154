-- What Sorbus adds to Oban's schema. Idempotent; runs on PostgreSQL 15 and newer.

-- One row per running process that claims jobs. Logged on purpose: an unlogged table is empty after a server crash,
-- and every healthy job would then look abandoned.
CREATE TABLE IF NOT EXISTS public.sorbus_nodes (
    node text PRIMARY KEY,
    host text NOT NULL DEFAULT '',          -- the machine and pid namespace, '' when unknown
    pid bigint NOT NULL DEFAULT 0,
    process_start text NOT NULL DEFAULT '',
    queues text[] NOT NULL DEFAULT '{}',
    dead_after double precision NOT NULL,   -- seconds without a beat after which others take its jobs
    started_at timestamptz NOT NULL DEFAULT now(),
    since timestamptz NOT NULL DEFAULT now(), -- the start of its present unbroken series of beats
    beat timestamptz NOT NULL DEFAULT now()
);

-- Uniqueness is decided by the database alone. The key lies in `meta`, so that any language can set it.
CREATE UNIQUE INDEX IF NOT EXISTS sorbus_jobs_unique_unfinished
ON public.oban_jobs ((meta ->> 'unique_key'))
WHERE (meta ->> 'unique_key') IS NOT NULL
  AND coalesce(meta ->> 'unique_scope', 'unfinished') = 'unfinished'
  AND state NOT IN ('completed', 'discarded', 'cancelled');

CREATE UNIQUE INDEX IF NOT EXISTS sorbus_jobs_unique_always
ON public.oban_jobs ((meta ->> 'unique_key'))
WHERE (meta ->> 'unique_key') IS NOT NULL
  AND meta ->> 'unique_scope' = 'always';

-- Waiting jobs without an attempt left: nothing claims them, the rescuer discards them. Nearly always empty.
CREATE INDEX IF NOT EXISTS sorbus_jobs_spent
ON public.oban_jobs (id)
WHERE state = 'available' AND attempt >= max_attempts;

-- How claims let tenants take turns. It holds waiting jobs only.
CREATE INDEX IF NOT EXISTS sorbus_jobs_turns
ON public.oban_jobs (queue, priority, (coalesce(meta ->> 'tenant', '')), scheduled_at, id)
WHERE state = 'available';
