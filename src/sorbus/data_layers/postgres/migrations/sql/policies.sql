SELECT t.relname AS table_name,
       p.polname AS name,
       pg_get_expr(p.polqual, p.polrelid) AS using_sql,
       coalesce(pg_get_expr(p.polwithcheck, p.polrelid), pg_get_expr(p.polqual, p.polrelid)) AS check_sql,
       t.relrowsecurity AND t.relforcerowsecurity
         AND p.polpermissive AND p.polcmd = '*' AND p.polroles = '{0}'::oid[] AS enforced
FROM pg_policy AS p
JOIN pg_class AS t ON t.oid = p.polrelid
WHERE t.relnamespace = $1::oid
  AND ($2::text[] IS NULL OR t.relname = ANY ($2))
ORDER BY t.relname, p.polname
