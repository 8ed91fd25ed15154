"""Values over many rows as SQL."""

from __future__ import annotations

from dataclasses import dataclass

from sorbus.data_layers.postgres.compiler import SqlCompiler
from sorbus.data_layers.postgres.selects import SelectWriter
from sorbus.query.statements import Combined, Select, Summarize, Summary, SummaryKind

# PostgreSQL knows the least of these only; of other types that have an order it is the first in it.
_LEAST = frozenset(
    {"bigint", "double precision", "numeric", "text", "date", "interval"}
    | {"timestamp with time zone", "time without time zone"}
)


@dataclass(frozen=True, slots=True)
class SummaryWriter:
    """Writes summaries over the rows that a `SelectWriter` gives."""

    selects: SelectWriter
    compiler: SqlCompiler

    def summarize(self, statement: Summarize) -> str:
        """The SQL of values over rows."""
        asked = statement.rows
        if asked.cut or asked.seek is not None:
            asked = Select(resource=asked.resource, outputs=(), within=Combined(first=asked))
        rows = self.selects.rows(asked)
        columns = ", ".join(map(self._summary, statement.summaries))
        self.compiler.frames.pop()
        return f"SELECT {columns} {rows.clause}"

    def _summary(self, summary: Summary) -> str:
        of = self.compiler.node(summary.of) if summary.of is not None else "*"
        kind = summary.type.sql
        distinct = "DISTINCT " if summary.unique else ""
        only = ""
        if summary.where is not None:
            only = f" FILTER (WHERE {self.compiler.node(summary.where, 'boolean')})"
        match summary.kind:
            case SummaryKind.COUNT:
                return f"count({distinct}{of}){only}"
            case SummaryKind.EXISTS:
                return f"count(*){only} > 0"
            case SummaryKind.SUM:
                return f"coalesce(sum({distinct}{of}){only}, '0')::{kind}"
            case SummaryKind.AVG:
                return f"(avg({distinct}{of}){only})::{kind}"
            case SummaryKind.FIRST:
                order = self.compiler.order(summary.order) or of
                return f"(array_agg({of} ORDER BY {order}){only})[1]::{kind}"
            case SummaryKind.LIST:
                # DISTINCT allows no other order than that of the values.
                order = of if summary.unique else self.compiler.order(summary.order) or of
                return f"coalesce(array_agg({distinct}{of} ORDER BY {order}){only}, '{{}}')::{kind}[]"
            case _:
                return self._extreme(summary, of, only)

    def _extreme(self, summary: Summary, of: str, only: str) -> str:
        kind = summary.type.sql
        if kind in _LEAST:
            return f"({summary.kind.value}({of}){only})::{kind}"
        direction = " DESC NULLS LAST" if summary.kind is SummaryKind.MAX else ""
        return f"(array_agg({of} ORDER BY {of}{direction}){only})[1]::{kind}"
