-- A definition. $1 id.
SELECT name, version, stages, description FROM definitions WHERE id = $1::uuid
