"""Steps about columns."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from sorbus.data_layers.postgres.migrations import ddl
from sorbus.data_layers.postgres.migrations.casts import Cast, Change
from sorbus.data_layers.postgres.migrations.ddl import alter, quoted
from sorbus.data_layers.postgres.migrations.operations.base import Need, Operation, Sql
from sorbus.data_layers.postgres.tables import Column


@dataclass(frozen=True, slots=True)
class RenameColumn(Operation):
    """Rename a column."""

    old: str
    new: str

    def forward(self) -> Sql:
        return (alter(self.table, f"RENAME COLUMN {quoted(self.old)} TO {quoted(self.new)}"),)

    def backward(self) -> Sql:
        return (alter(self.table, f"RENAME COLUMN {quoted(self.new)} TO {quoted(self.old)}"),)

    def describe(self) -> str:
        return f"rename column {self.table}.{self.old} to {self.new}"


def _add_column(table: str, column: Column, backfill: str | None) -> list[str]:
    made = [alter(table, f"ADD COLUMN {ddl.column(column, nullable=True if backfill else None)}")]
    if backfill:
        made.append(_fill(table, column.name, backfill))
        if not column.nullable:
            made.append(_close(table, column.name))
    if column.comment is not None:
        made.append(ddl.comment(table, column.name, column.comment))
    return made


def _fill(table: str, column: str, backfill: str) -> str:
    # Names are quoted, the expression is the developer's own SQL.
    return f"UPDATE {quoted(table)} SET {quoted(column)} = {backfill} WHERE {quoted(column)} IS NULL"  # noqa: S608


def _close(table: str, column: str) -> str:
    return alter(table, f"ALTER COLUMN {quoted(column)} SET NOT NULL")


def _drop_column(table: str, column: Column) -> str:
    return alter(table, f"DROP COLUMN {quoted(column.name)}")


@dataclass(frozen=True, slots=True)
class AddColumn(Operation):
    """Add a column. `backfill` is SQL that fills it in rows that exist; empty when there are none."""

    column: Column
    _: KW_ONLY
    backfill: str | None = None

    def forward(self) -> Sql:
        return tuple(_add_column(self.table, self.column, self.backfill))

    def backward(self) -> Sql:
        return (_drop_column(self.table, self.column),)

    def describe(self) -> str:
        return f"add column {self.table}.{self.column.name} {self.column.type}"

    @property
    def accepts(self) -> Need | None:
        column = self.column
        if column.identity or column.default is not None or column.generated is not None:
            return None
        why = "it is NOT NULL and has no default, so rows that exist would have no value"
        return Need("backfill", f"{self.table}.{column.name}", why)

    @property
    def need(self) -> Need | None:
        return None if self.column.nullable or self.backfill is not None else self.accepts


@dataclass(frozen=True, slots=True)
class DropColumn(Operation):
    """Drop a column. One whose values are computed loses nothing."""

    column: Column

    def forward(self) -> Sql:
        return (_drop_column(self.table, self.column),)

    def backward(self) -> Sql:
        return tuple(_add_column(self.table, self.column, None))

    def describe(self) -> str:
        return f"drop column {self.table}.{self.column.name}"

    @property
    def loses_data(self) -> bool:
        return self.column.generated is None


@dataclass(frozen=True, slots=True)
class DropExpression(Operation):
    """Turn a generated column into a stored one, keeping its values."""

    column: Column

    def forward(self) -> Sql:
        return (alter(self.table, f"ALTER COLUMN {quoted(self.column.name)} DROP EXPRESSION"),)

    def backward(self) -> Sql:
        return (_drop_column(self.table, self.column), *_add_column(self.table, self.column, None))

    def describe(self) -> str:
        return f"store {self.table}.{self.column.name} instead of generating it"


@dataclass(frozen=True, slots=True)
class AlterType(Operation):
    """Change the type of a column; `given` is the developer's own expression for it."""

    column: str
    old: str
    new: str
    there: Cast
    back: Cast
    _: KW_ONLY
    given: str | None = None

    @property
    def locks(self) -> str:
        return "rewrites the table under an exclusive lock"

    def forward(self) -> Sql:
        return (self._statement(self.new, self.there, self.given),)

    def backward(self) -> Sql:
        return (self._statement(self.old, self.back, None),)

    def _statement(self, target: str, cast: Cast, given: str | None) -> str:
        name = quoted(self.column)
        using = given or (cast.using.format(column=name) if cast.using else None)
        if using is None and cast.change is Change.UNKNOWN:
            using = f"{name}::text::{target}"
        clause = f" USING {using}" if using else ""
        return alter(self.table, f"ALTER COLUMN {name} TYPE {target}{clause}")

    def describe(self) -> str:
        return f"change type of {self.table}.{self.column} from {self.old} to {self.new}"

    @property
    def loses_data(self) -> bool:
        return self.given is None and self.there.change is Change.LOSSY

    @property
    def accepts(self) -> Need | None:
        why = f"there is no known cast from {self.old} to {self.new}"
        return Need("cast", f"{self.table}.{self.column}", why)

    @property
    def need(self) -> Need | None:
        return None if self.given is not None or self.there.change is not Change.UNKNOWN else self.accepts


@dataclass(frozen=True, slots=True)
class SetNotNull(Operation):
    """Forbid NULL in a column that allowed it, filling the rows that have none."""

    column: str
    _: KW_ONLY
    backfill: str | None = None

    @property
    def locks(self) -> str:
        return "reads the whole table under an exclusive lock"

    def forward(self) -> Sql:
        fill = (_fill(self.table, self.column, self.backfill),) if self.backfill else ()
        return (*fill, _close(self.table, self.column))

    def backward(self) -> Sql:
        return (alter(self.table, f"ALTER COLUMN {quoted(self.column)} DROP NOT NULL"),)

    def describe(self) -> str:
        return f"forbid NULL in {self.table}.{self.column}"

    @property
    def accepts(self) -> Need | None:
        why = "rows that exist may hold NULL there, and the column has no default to give them"
        return Need("backfill", f"{self.table}.{self.column}", why)

    @property
    def need(self) -> Need | None:
        return self.accepts if self.backfill is None else None


@dataclass(frozen=True, slots=True)
class DropNotNull(Operation):
    """Allow NULL in a column."""

    column: str

    def forward(self) -> Sql:
        return (alter(self.table, f"ALTER COLUMN {quoted(self.column)} DROP NOT NULL"),)

    def backward(self) -> Sql:
        return (alter(self.table, f"ALTER COLUMN {quoted(self.column)} SET NOT NULL"),)

    def describe(self) -> str:
        return f"allow NULL in {self.table}.{self.column}"


@dataclass(frozen=True, slots=True)
class SetDefault(Operation):
    """Change, set or drop (None) a default."""

    column: str
    old: str | None
    new: str | None

    def forward(self) -> Sql:
        return (self._statement(self.new),)

    def backward(self) -> Sql:
        return (self._statement(self.old),)

    def _statement(self, value: str | None) -> str:
        action = "DROP DEFAULT" if value is None else f"SET DEFAULT {value}"
        return alter(self.table, f"ALTER COLUMN {quoted(self.column)} {action}")

    def describe(self) -> str:
        if self.new is None:
            return f"drop default of {self.table}.{self.column}"
        return f"set default of {self.table}.{self.column} to {self.new}"


@dataclass(frozen=True, slots=True)
class SetIdentity(Operation):
    """Let the database count a column up (`on`), or stop it."""

    column: str
    on: bool

    def forward(self) -> Sql:
        return self._add() if self.on else self._drop()

    def backward(self) -> Sql:
        return self._drop() if self.on else self._add()

    def _add(self) -> Sql:
        name = quoted(self.column)
        sequence = f"pg_get_serial_sequence({ddl.literal(quoted(self.table))}, {ddl.literal(self.column)})"
        return (
            alter(self.table, f"ALTER COLUMN {name} ADD GENERATED BY DEFAULT AS IDENTITY"),
            f"SELECT setval({sequence}, coalesce(max({name}), 0) + 1, false) FROM {quoted(self.table)}",  # noqa: S608
        )

    def _drop(self) -> Sql:
        return (alter(self.table, f"ALTER COLUMN {quoted(self.column)} DROP IDENTITY"),)

    def describe(self) -> str:
        return f"{'count' if self.on else 'stop counting'} {self.table}.{self.column} up in the database"


@dataclass(frozen=True, slots=True)
class SetComment(Operation):
    """Change the comment of a table (`column` None) or of a column."""

    column: str | None
    old: str | None
    new: str | None

    def forward(self) -> Sql:
        return (ddl.comment(self.table, self.column, self.new),)

    def backward(self) -> Sql:
        return (ddl.comment(self.table, self.column, self.old),)

    def describe(self) -> str:
        return f"change comment of {self.table}{'' if self.column is None else '.' + self.column}"
