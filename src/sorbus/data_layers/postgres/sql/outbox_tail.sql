SELECT last, EXISTS (SELECT FROM sorbus_outbox WHERE position IS NULL) AS waiting FROM sorbus_outbox_state
