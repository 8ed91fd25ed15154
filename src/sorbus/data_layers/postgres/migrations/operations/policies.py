"""Steps about row-level security."""

from __future__ import annotations

from dataclasses import dataclass

from sorbus.data_layers.postgres.migrations import ddl
from sorbus.data_layers.postgres.migrations.operations.base import Operation, Sql
from sorbus.data_layers.postgres.tables import RowPolicy


@dataclass(frozen=True, slots=True)
class EnforcePolicies(Operation):
    """Switch row-level security on for a table, with these policies."""

    policies: tuple[RowPolicy, ...]

    def forward(self) -> Sql:
        return tuple(ddl.enforce(self.table, self.policies))

    def backward(self) -> Sql:
        return tuple(ddl.release(self.table, self.policies))

    def describe(self) -> str:
        return f"enforce row-level security of {self.table} by {_names(self.policies)}"


@dataclass(frozen=True, slots=True)
class ReleasePolicies(Operation):
    """Switch row-level security off for a table and drop its policies."""

    policies: tuple[RowPolicy, ...]

    def forward(self) -> Sql:
        return tuple(ddl.release(self.table, self.policies))

    def backward(self) -> Sql:
        return tuple(ddl.enforce(self.table, self.policies))

    def describe(self) -> str:
        return f"release row-level security of {self.table} by {_names(self.policies)}"


def _names(policies: tuple[RowPolicy, ...]) -> str:
    return ", ".join(each.name for each in policies)
