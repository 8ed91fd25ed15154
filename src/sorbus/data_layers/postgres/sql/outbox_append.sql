-- Rows come in the order of the list, so that the messages of one transaction keep theirs.
INSERT INTO sorbus_outbox (id, resource, action, kind, key, topics, tenant, actor, at, data, previous)
SELECT (item->>'id')::uuid, item->>'resource', item->>'action', item->>'kind', item->>'key',
    ARRAY(SELECT jsonb_array_elements_text(item->'topics')), item->>'tenant', item->>'actor',
    (item->>'at')::timestamptz, item->'data', item->'previous'
FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS given (item, place)
ORDER BY place
