DELETE FROM sorbus_outbox WHERE tenant = $1 AND resource = ANY($2::text[])
