-- A definition. $1 id.
SELECT owner, name, version, stages, description FROM definitions WHERE id = $1::uuid
