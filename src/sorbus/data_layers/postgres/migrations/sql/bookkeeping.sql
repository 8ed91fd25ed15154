CREATE TABLE IF NOT EXISTS sorbus_migrations (
    id text PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    adopted boolean NOT NULL DEFAULT false,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    duration interval NOT NULL
);
CREATE TABLE IF NOT EXISTS sorbus_system_scripts (
    name text NOT NULL,
    version bigint NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    duration interval NOT NULL,
    PRIMARY KEY (name, version)
);
CREATE TABLE IF NOT EXISTS sorbus_pushed_schema (
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    snapshot text NOT NULL,
    catalog text NOT NULL,
    pushed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
