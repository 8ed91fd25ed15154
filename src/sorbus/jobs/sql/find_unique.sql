-- The jobs that hold unique keys. $1 keys, $2 scopes. One branch for each partial index, in the index's own words.
SELECT u.ord::int AS ord, j.id
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS u (key, scope, ord)
JOIN public.oban_jobs AS j ON (j.meta ->> 'unique_key') = u.key
WHERE u.scope = 'unfinished'
  AND (j.meta ->> 'unique_key') IS NOT NULL
  AND coalesce(j.meta ->> 'unique_scope', 'unfinished') = 'unfinished'
  AND j.state NOT IN ('completed', 'discarded', 'cancelled')
UNION ALL
SELECT u.ord::int AS ord, j.id
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS u (key, scope, ord)
JOIN public.oban_jobs AS j ON (j.meta ->> 'unique_key') = u.key
WHERE u.scope = 'always'
  AND (j.meta ->> 'unique_key') IS NOT NULL
  AND j.meta ->> 'unique_scope' = 'always'
