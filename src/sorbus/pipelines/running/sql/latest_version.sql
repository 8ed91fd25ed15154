-- The latest version of a tenant's pipeline. $1 owner, $2 name.
SELECT coalesce(max(version), 0) FROM definitions WHERE owner = $1::text AND name = $2::text
