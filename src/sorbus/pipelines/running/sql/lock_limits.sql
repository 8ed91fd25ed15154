-- Lock some limits in the order of their keys, so that two who ask for the same ones wait for each other and no more.
-- $1 the keys, sorted.
INSERT INTO public.sorbus_limits AS l (key)
SELECT u.key FROM unnest($1::text[]) WITH ORDINALITY AS u (key, place) ORDER BY u.place
ON CONFLICT (key) DO UPDATE SET full_at = l.full_at
RETURNING key, full_at, last_tenant, clock_timestamp() AS now
