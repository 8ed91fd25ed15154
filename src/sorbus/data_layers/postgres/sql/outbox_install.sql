-- What was published by transactions that committed. A row has no position until a relay has given it one.
CREATE TABLE IF NOT EXISTS sorbus_outbox (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    position bigint,
    id uuid NOT NULL,
    resource text NOT NULL,
    action text NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    topics text[] NOT NULL,
    tenant text,
    actor text,
    at timestamptz NOT NULL,
    data jsonb NOT NULL,
    previous jsonb NOT NULL,
    relayed_at timestamptz
);
CREATE UNIQUE INDEX IF NOT EXISTS sorbus_outbox_position ON sorbus_outbox (position);
CREATE INDEX IF NOT EXISTS sorbus_outbox_waiting ON sorbus_outbox (sequence) WHERE position IS NULL;
CREATE INDEX IF NOT EXISTS sorbus_outbox_relayed ON sorbus_outbox (relayed_at);
-- One row: the last position given, and the last one pruned. Whoever relays locks it.
CREATE TABLE IF NOT EXISTS sorbus_outbox_state (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    last bigint NOT NULL DEFAULT 0,
    pruned bigint NOT NULL DEFAULT 0
);
INSERT INTO sorbus_outbox_state DEFAULT VALUES ON CONFLICT DO NOTHING
