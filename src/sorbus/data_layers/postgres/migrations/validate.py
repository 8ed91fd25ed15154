"""Faults of a described schema that PostgreSQL would report late, unclearly or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from sorbus.data_layers.postgres.migrations.casts import parse_type
from sorbus.data_layers.postgres.tables import ForeignKey, Schema, Table, named_parts
from sorbus.errors.hints import did_you_mean
from sorbus.errors.migrations import InvalidSchema

_SERIALS = {"serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"}
_IDENTITIES = {"smallint", "integer", "bigint"}


def validate(schema: Schema) -> None:
    """Check names, references between parts and lengths. Raises `InvalidSchema` with every fault."""
    faults = [*_names(schema)]
    for table in schema.tables:
        faults += _columns(table)
        faults += _mentioned(table)
        for key in table.foreign_keys:
            faults += _foreign_key(schema, table, key)
    if faults:
        raise InvalidSchema(sorted(set(faults)))


def _names(schema: Schema) -> Iterator[str]:
    relations = [table.name for table in schema.tables]
    for table in schema.tables:
        parts = list(named_parts(table))
        relations += [name for kind, name in parts if kind in {"unique", "index"}]
        constraints = [name for kind, name in parts if kind in {"foreign key", "check"}]
        columns = [name for kind, name in parts if kind == "column"]
        yield from (f"{table.name} has two columns `{each}`" for each in _twice(columns))
        yield from (f"{table.name} has two constraints `{each}`" for each in _twice(constraints))
        for kind, name in [("table", table.name), *parts]:
            if not name or len(name.encode()) > 63 or "\0" in name:
                yield f"the name of the {kind} `{name}` of {table.name} is not 1 to 63 bytes long"
    yield from (f"two tables or indexes are called `{each}`" for each in _twice(relations))


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _columns(table: Table) -> Iterator[str]:
    for each in table.columns:
        place = f"{table.name}.{each.name}"
        if each.type.strip().lower() in _SERIALS:
            yield f"{place} has the pseudo type {each.type}; use an integer type with identity=True"
        if each.identity and parse_type(each.type).base not in _IDENTITIES:
            yield f"{place} is an identity but its type {each.type} is no integer"
        if each.identity and each.nullable and each.name not in table.primary_key:
            yield f"{place} is an identity and nullable"
        if sum((each.identity, each.default is not None, each.generated is not None)) > 1:
            yield f"{place} has more than one of default, generated and identity"


def _mentioned(table: Table) -> Iterator[str]:
    known = [each.name for each in table.columns]
    uses = [("the primary key", table.primary_key)]
    uses += [(f"the unique `{each.name}`", each.columns) for each in table.uniques]
    uses += [(f"the foreign key `{each.name}`", each.columns) for each in table.foreign_keys]
    for index in table.indexes:
        bare = tuple(key for key in index.columns if isinstance(key, str))
        uses.append((f"the index `{index.name}`", (*bare, *index.include)))
    for what, names in uses:
        for name in names:
            if name not in known:
                near = did_you_mean(name, known)
                yield f"{what} of {table.name} names `{name}`, no column{f'. {near}' if near else ''}"


def _foreign_key(schema: Schema, table: Table, key: ForeignKey) -> Iterator[str]:
    place = f"the foreign key `{key.name}` of {table.name}"
    if not key.columns or len(key.columns) != len(key.keys):
        yield f"{place} pairs {len(key.columns)} columns with {len(key.keys)}"
    if key.references not in schema.names:
        return  # a table that others keep, such as the job queue's
    target = schema.table(key.references)
    whole = [frozenset(each.columns) for each in target.uniques if each.where is None]
    if frozenset(key.keys) not in [frozenset(target.primary_key), *whole]:
        keys = ", ".join(key.keys)
        yield f"{place} refers to {key.references} ({keys}), which is neither its key nor unique"
