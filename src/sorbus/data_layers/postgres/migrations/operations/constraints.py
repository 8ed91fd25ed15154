"""Steps about keys, indexes, checks and foreign keys."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from sorbus.data_layers.postgres.migrations import ddl
from sorbus.data_layers.postgres.migrations.ddl import alter, quoted
from sorbus.data_layers.postgres.migrations.operations.base import Operation, Sql
from sorbus.data_layers.postgres.tables import Check, ForeignKey, Index, Table, Unique


@dataclass(frozen=True, slots=True)
class AddPrimaryKey(Operation):
    """Make columns the primary key."""

    columns: tuple[str, ...]

    @property
    def locks(self) -> str:
        return "builds an index under an exclusive lock"

    def forward(self) -> Sql:
        return (_add_primary_key(self.table, self.columns),)

    def backward(self) -> Sql:
        return (_drop_primary_key(self.table),)

    def describe(self) -> str:
        return f"make ({', '.join(self.columns)}) the primary key of {self.table}"


@dataclass(frozen=True, slots=True)
class DropPrimaryKey(Operation):
    """Drop the primary key, not its columns."""

    columns: tuple[str, ...]

    def forward(self) -> Sql:
        return (_drop_primary_key(self.table),)

    def backward(self) -> Sql:
        return (_add_primary_key(self.table, self.columns),)

    def describe(self) -> str:
        return f"drop the primary key of {self.table}"


def _add_primary_key(table: str, columns: tuple[str, ...]) -> str:
    name = quoted(Table(table, columns=()).primary_key_name)
    return alter(table, f"ADD CONSTRAINT {name} PRIMARY KEY ({ddl.listed(columns)})")


def _drop_primary_key(table: str) -> str:
    return _drop_constraint(table, Table(table, columns=()).primary_key_name)


def _drop_constraint(table: str, name: str) -> str:
    return alter(table, f"DROP CONSTRAINT {quoted(name)}")


@dataclass(frozen=True, slots=True)
class CreateIndex(Operation):
    """Create an index or a uniqueness rule, `concurrently` outside a transaction, not blocking writers."""

    index: Index | Unique
    _: KW_ONLY
    concurrently: bool = False

    @property
    def locks(self) -> str:
        return "" if self.concurrently else "keeps writers waiting while the index is built"

    def forward(self) -> Sql:
        create = ddl.create_index(self.table, self.index, concurrently=self.concurrently)
        if self.concurrently:
            # An interrupted concurrent build leaves an invalid index of that name behind.
            return (f"DROP INDEX CONCURRENTLY IF EXISTS {quoted(self.index.name)}", create)
        return (create,)

    def backward(self) -> Sql:
        return (_drop_index(self.index.name, concurrently=self.concurrently),)

    def describe(self) -> str:
        return f"create {_kind(self.index)} {self.index.name} on {self.table}"


@dataclass(frozen=True, slots=True)
class DropIndex(Operation):
    """Drop an index or a uniqueness rule."""

    index: Index | Unique

    def forward(self) -> Sql:
        return (_drop_index(self.index.name),)

    def backward(self) -> Sql:
        return (ddl.create_index(self.table, self.index),)

    def describe(self) -> str:
        return f"drop {_kind(self.index)} {self.index.name} on {self.table}"


def _drop_index(name: str, *, concurrently: bool = False) -> str:
    return f"DROP INDEX {'CONCURRENTLY IF EXISTS ' if concurrently else ''}{quoted(name)}"


def _kind(index: Index | Unique) -> str:
    return "index" if isinstance(index, Index) else "unique index"


@dataclass(frozen=True, slots=True)
class RenameIndex(Operation):
    """Rename an index."""

    old: str
    new: str

    def forward(self) -> Sql:
        return (f"ALTER INDEX {quoted(self.old)} RENAME TO {quoted(self.new)}",)

    def backward(self) -> Sql:
        return (f"ALTER INDEX {quoted(self.new)} RENAME TO {quoted(self.old)}",)

    def describe(self) -> str:
        return f"rename index {self.old} to {self.new}"


@dataclass(frozen=True, slots=True)
class RenameConstraint(Operation):
    """Rename a check or a foreign key."""

    old: str
    new: str

    def forward(self) -> Sql:
        return (alter(self.table, f"RENAME CONSTRAINT {quoted(self.old)} TO {quoted(self.new)}"),)

    def backward(self) -> Sql:
        return (alter(self.table, f"RENAME CONSTRAINT {quoted(self.new)} TO {quoted(self.old)}"),)

    def describe(self) -> str:
        return f"rename constraint {self.old} of {self.table} to {self.new}"


@dataclass(frozen=True, slots=True)
class AddConstraint(Operation):
    """Add a check or a foreign key; the rows that exist have to satisfy it."""

    constraint: Check | ForeignKey

    @property
    def locks(self) -> str:
        return "reads the whole table while writers wait"

    def forward(self) -> Sql:
        return (_add_constraint(self.table, self.constraint),)

    def backward(self) -> Sql:
        return (_drop_constraint(self.table, self.constraint.name),)

    def describe(self) -> str:
        return f"add {_constraint_kind(self.constraint)} {self.constraint.name} to {self.table}"


@dataclass(frozen=True, slots=True)
class DropConstraint(Operation):
    """Drop a check or a foreign key."""

    constraint: Check | ForeignKey

    def forward(self) -> Sql:
        return (_drop_constraint(self.table, self.constraint.name),)

    def backward(self) -> Sql:
        return (_add_constraint(self.table, self.constraint),)

    def describe(self) -> str:
        return f"drop {_constraint_kind(self.constraint)} {self.constraint.name} of {self.table}"


def _add_constraint(table: str, constraint: Check | ForeignKey) -> str:
    clause = ddl.check(constraint) if isinstance(constraint, Check) else ddl.foreign_key(constraint)
    return alter(table, f"ADD {clause}")


def _constraint_kind(constraint: Check | ForeignKey) -> str:
    return "check" if isinstance(constraint, Check) else f"foreign key to {constraint.references},"
