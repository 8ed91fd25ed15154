-- One relay at a time. The next statement sees what the one before has committed.
SELECT last FROM sorbus_outbox_state FOR UPDATE
