UPDATE sorbus_outbox SET tenant = $2 WHERE tenant = $1 AND resource = ANY($3::text[])
