-- How many of the declared columns the database does not have.
SELECT count(*)
FROM unnest($1::text[], $2::text[]) AS declared (table_name, column_name)
WHERE NOT EXISTS (
    SELECT FROM pg_attribute
    WHERE attrelid = to_regclass(quote_ident(declared.table_name))
      AND attname = declared.column_name
      AND NOT attisdropped
)
