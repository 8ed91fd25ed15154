-- One transaction at a time gives a tenant's pipeline a version. $1 owner, $2 name.
SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(E'\x1f', 'sorbus definition', $1::text, $2::text), 0))
