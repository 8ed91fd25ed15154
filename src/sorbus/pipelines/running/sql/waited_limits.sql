-- The limits that somebody waits for.
WITH RECURSIVE keys AS (
    SELECT (SELECT min(p.key) FROM public.sorbus_permits AS p WHERE NOT p.held) AS key
    UNION ALL
    SELECT (SELECT min(p.key) FROM public.sorbus_permits AS p WHERE NOT p.held AND p.key > k.key) FROM keys AS k WHERE k.key IS NOT NULL
)
SELECT k.key FROM keys AS k WHERE k.key IS NOT NULL
