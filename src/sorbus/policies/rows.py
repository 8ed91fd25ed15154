"""Where conditions of policies find their values in memory."""

from __future__ import annotations

from typing import Any

from sorbus.expressions.evaluate import Environment, Unevaluable
from sorbus.expressions.nodes import Aggregated, Exists, Ref


class NoRows:
    """No row at all: whatever needs one cannot be evaluated."""

    def value(self, row: Any, ref: Ref) -> Any:
        """Always `Unevaluable`."""
        del row
        raise Unevaluable(ref.name)

    def enclosing(self, row: Any) -> Any:
        """Always `Unevaluable`."""
        del row
        raise Unevaluable("an enclosing row")

    def exists(self, row: Any, node: Exists, environment: Environment) -> bool:
        """Always `Unevaluable`."""
        del row, environment
        raise Unevaluable(node.relationship)

    def aggregate(self, row: Any, node: Aggregated, environment: Environment) -> Any:
        """Always `Unevaluable`."""
        del row, environment
        raise Unevaluable(node.relationship)


class DictRow(NoRows):
    """One row as a dictionary of its own attributes."""

    def value(self, row: Any, ref: Ref) -> Any:
        """The attribute's value; `Unevaluable` behind a relationship or when it is not at hand."""
        if ref.path or ref.outer or ref.name not in row:
            raise Unevaluable(ref.name)
        return row[ref.name]


NO_ROWS = NoRows()
DICT_ROW = DictRow()
