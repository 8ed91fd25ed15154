-- The tenants that have schemas of their own; `key` is that of the row that manages one.
CREATE TABLE IF NOT EXISTS sorbus_tenants (
    name text PRIMARY KEY,
    key text UNIQUE,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
