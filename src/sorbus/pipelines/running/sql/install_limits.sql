-- Who may work under a limit: a row for each limit that was ever asked for, and one for each place that holds it or waits.
CREATE TABLE IF NOT EXISTS public.sorbus_limits (
    key text PRIMARY KEY,
    full_at timestamptz,
    last_tenant text NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS public.sorbus_permits (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL,
    tenant text NOT NULL,
    run_id uuid NOT NULL,
    stage text NOT NULL,
    index bigint NOT NULL,
    held boolean NOT NULL,
    priority smallint NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (run_id, stage, index, key)
);
CREATE INDEX IF NOT EXISTS sorbus_permits_waiting_idx ON public.sorbus_permits (key, tenant, priority, id) WHERE NOT held;
CREATE INDEX IF NOT EXISTS sorbus_permits_held_idx ON public.sorbus_permits (key, tenant) WHERE held;
