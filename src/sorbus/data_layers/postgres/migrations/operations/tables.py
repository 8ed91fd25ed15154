"""Steps about extensions and whole tables."""

from __future__ import annotations

from dataclasses import dataclass

from sorbus.data_layers.postgres.migrations import ddl
from sorbus.data_layers.postgres.migrations.ddl import alter, quoted
from sorbus.data_layers.postgres.migrations.operations.base import Operation, Sql
from sorbus.data_layers.postgres.tables import Table


@dataclass(frozen=True, slots=True)
class CreateExtension(Operation):
    """Install an extension. It stays when the step is undone: other schemas may use it."""

    def forward(self) -> Sql:
        return (f"CREATE EXTENSION IF NOT EXISTS {quoted(self.table)}",)

    def backward(self) -> Sql:
        return ()

    def describe(self) -> str:
        return f"install extension {self.table}"


@dataclass(frozen=True, slots=True)
class ReleaseExtension(Operation):
    """The declarations no longer need an extension. It stays installed: other schemas may use it."""

    def forward(self) -> Sql:
        return ()

    def backward(self) -> Sql:
        return (f"CREATE EXTENSION IF NOT EXISTS {quoted(self.table)}",)

    def describe(self) -> str:
        return f"no longer need extension {self.table} (it stays installed)"


@dataclass(frozen=True, slots=True)
class CreateTable(Operation):
    """Create a table with everything but its foreign keys."""

    definition: Table

    def forward(self) -> Sql:
        return tuple(ddl.create_table(self.definition))

    def backward(self) -> Sql:
        return (f"DROP TABLE {quoted(self.table)}",)

    def describe(self) -> str:
        return f"create table {self.table}"


@dataclass(frozen=True, slots=True)
class DropTable(Operation):
    """Drop a table."""

    definition: Table

    @property
    def loses_data(self) -> bool:
        return True

    def forward(self) -> Sql:
        return (f"DROP TABLE {quoted(self.table)}",)

    def backward(self) -> Sql:
        return tuple(ddl.create_table(self.definition))

    def describe(self) -> str:
        return f"drop table {self.table}"


@dataclass(frozen=True, slots=True)
class RenameTable(Operation):
    """Rename a table, and with it the constraint of its primary key if it has one (`keyed`)."""

    new: str
    keyed: bool

    def forward(self) -> Sql:
        return self._statements(self.table, self.new)

    def backward(self) -> Sql:
        return self._statements(self.new, self.table)

    def _statements(self, old: str, new: str) -> Sql:
        rename = alter(old, f"RENAME TO {quoted(new)}")
        if not self.keyed:
            return (rename,)
        keys = (Table(each, columns=()).primary_key_name for each in (old, new))
        before, after = (quoted(each) for each in keys)
        return (rename, alter(new, f"RENAME CONSTRAINT {before} TO {after}"))

    def describe(self) -> str:
        return f"rename table {self.table} to {self.new}"
