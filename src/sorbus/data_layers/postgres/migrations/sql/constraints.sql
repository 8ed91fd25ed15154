SELECT t.relname AS table_name,
       c.conname AS name,
       c.contype AS kind,
       pg_get_expr(c.conbin, c.conrelid) AS expression,
       c.confdeltype AS on_delete,
       c.confupdtype AS on_update,
       c.condeferrable AND c.condeferred AS is_deferred,
       f.relname AS references_table,
       ARRAY(
         SELECT a.attname::text
         FROM unnest(c.conkey) WITH ORDINALITY AS k (number, place)
         JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.number
         ORDER BY k.place
       ) AS columns,
       ARRAY(
         SELECT a.attname::text
         FROM unnest(c.confkey) WITH ORDINALITY AS k (number, place)
         JOIN pg_attribute AS a ON a.attrelid = c.confrelid AND a.attnum = k.number
         ORDER BY k.place
       ) AS keys,
       ARRAY(
         SELECT a.attname::text
         FROM unnest(c.confdelsetcols) WITH ORDINALITY AS k (number, place)
         JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.number
         ORDER BY k.place
       ) AS nilified
FROM pg_constraint AS c
JOIN pg_class AS t ON t.oid = c.conrelid
LEFT JOIN pg_class AS f ON f.oid = c.confrelid
WHERE t.relnamespace = $1::oid
  AND c.contype IN ('c', 'f', 'p')
  AND c.conparentid = 0
  AND ($2::text[] IS NULL OR t.relname = ANY ($2))
ORDER BY t.relname, c.conname
