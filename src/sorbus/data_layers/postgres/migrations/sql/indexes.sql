SELECT t.relname AS table_name,
       i.relname AS name,
       x.indisunique AS is_unique,
       x.indisvalid AS is_valid,
       NOT x.indnullsnotdistinct AS nulls_distinct,
       m.amname AS method,
       pg_get_expr(x.indpred, x.indrelid) AS predicate,
       coalesce(i.reloptions, '{}') AS parameters,
       ARRAY(
         SELECT pg_get_indexdef(x.indexrelid, k, false)
                || CASE WHEN k > x.indnkeyatts OR o.opcdefault THEN ''
                        ELSE ' ' || quote_ident(o.opcname) END
                || CASE WHEN k > x.indnkeyatts THEN ''
                        WHEN x.indoption[k - 1] & 3 = 3 THEN ' DESC'
                        WHEN x.indoption[k - 1] & 3 = 1 THEN ' DESC NULLS LAST'
                        WHEN x.indoption[k - 1] & 3 = 2 THEN ' NULLS FIRST'
                        ELSE '' END
         FROM generate_series(1, x.indnatts) AS k
         LEFT JOIN pg_opclass AS o ON o.oid = x.indclass[k - 1]
         ORDER BY k
       ) AS keys,
       ARRAY(
         SELECT a.attname::text
         FROM generate_series(1, x.indnatts) AS k
         LEFT JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[k - 1] AND a.attnum > 0
         ORDER BY k
       ) AS names,
       ARRAY(
         SELECT coalesce(o.opcdefault AND x.indoption[k - 1] = 0, true)
         FROM generate_series(1, x.indnatts) AS k
         LEFT JOIN pg_opclass AS o ON o.oid = x.indclass[k - 1]
         ORDER BY k
       ) AS plain,
       x.indnkeyatts AS key_count
FROM pg_index AS x
JOIN pg_class AS t ON t.oid = x.indrelid
JOIN pg_class AS i ON i.oid = x.indexrelid
JOIN pg_am AS m ON m.oid = i.relam
WHERE t.relnamespace = $1::oid
  AND NOT x.indisprimary
  AND ($2::text[] IS NULL OR t.relname = ANY ($2))
ORDER BY t.relname, i.relname
