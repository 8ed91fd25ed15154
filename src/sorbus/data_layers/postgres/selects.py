"""Selects and counts as SQL."""

from __future__ import annotations

from dataclasses import dataclass

from sorbus.data_layers.postgres.compiler import Frame, SqlCompiler, quote
from sorbus.expressions.nodes import Node
from sorbus.query.statements import Count, Output, Related, Select
from sorbus.schema.resource import ApplicationSpec, ResourceSpec


@dataclass(frozen=True, slots=True)
class SelectWriter:
    """Writes what reads rows, with a compiler that gathers the parameters."""

    application: ApplicationSpec
    compiler: SqlCompiler

    def outputs(self, outputs: tuple[Output, ...]) -> str:
        """The columns of a SELECT or RETURNING."""
        # Labels are never needed: rows are read by position.
        return ", ".join(map(self._output, outputs)) or "1"

    def _output(self, output: Output) -> str:
        text = self.compiler.node(output.node)
        if _needs_cast(output.node):
            text += f"::{output.type.sql}"
        return text

    def select(self, statement: Select) -> str:
        """The SQL of a select."""
        frame = self.compiler.push(statement.resource)
        columns = [self._output(each) for each in statement.outputs]
        source = f"{table_name(statement.resource)} {frame.alias}"
        conditions: list[str] = []
        if statement.related is not None:
            key, source, condition = self._related(statement.related, frame, source)
            columns.insert(0, key)
            conditions.append(condition)
        if statement.where is not None:
            conditions.append(self.compiler.node(statement.where))
        order = self.compiler.order(statement.order)
        if statement.related is not None and (statement.limit or statement.offset):
            return self._windowed(statement, columns, source, conditions, order)
        sql = f"SELECT {', '.join(columns) or '1'} FROM {source}"
        if conditions:
            sql += f" WHERE {' AND '.join(conditions)}"
        if order:
            sql += f" ORDER BY {order}"
        if statement.limit is not None:
            sql += f" LIMIT {self.compiler.node(statement.limit, 'bigint')}"
        if statement.offset is not None:
            sql += f" OFFSET {self.compiler.node(statement.offset, 'bigint')}"
        if statement.lock:
            sql += f" FOR UPDATE OF {frame.alias}"
        return sql

    def _windowed(
        self, statement: Select, columns: list[str], source: str, conditions: list[str], order: str
    ) -> str:
        """Limit and offset for each source row: number the rows of each and keep a range."""
        names = [f"c{number}" for number in range(len(columns))]
        labelled = ", ".join(f"{text} AS {name}" for text, name in zip(columns, names, strict=True))
        window = f"PARTITION BY {columns[0]}" + (f" ORDER BY {order}" if order else "")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        inner = f"SELECT {labelled}, row_number() OVER ({window}) AS rank FROM {source}{where}"
        bounds: list[str] = []
        offset = self.compiler.node(statement.offset, "bigint") if statement.offset is not None else "0"
        if statement.offset is not None:
            bounds.append(f"rank > {offset}")
        if statement.limit is not None:
            bounds.append(f"rank <= {offset} + {self.compiler.node(statement.limit, 'bigint')}")
        return f"SELECT {', '.join(names)} FROM ({inner}) ranked WHERE {' AND '.join(bounds)} ORDER BY rank"

    def _related(self, related: Related, frame: Frame, source: str) -> tuple[str, str, str]:
        """The source row's key, the FROM clause and the condition of a related read."""
        relationship = related.relationship
        own = related.source.attributes[relationship.source_attribute]
        far = frame.spec.attributes[relationship.destination_attribute]
        keys = self.compiler.node(related.keys, f"{own.type.sql}[]")
        column = f"{frame.alias}.{quote(far.column)}"
        join = self.application.join(relationship)
        if join is not None and relationship.join is not None:
            between = self.compiler.alias()
            to = join.attributes[relationship.join.destination_attribute].column
            back = join.attributes[relationship.join.source_attribute].column
            source += f" JOIN {table_name(join)} {between} ON {between}.{quote(to)} = {column}"
            column = f"{between}.{quote(back)}"
        condition = f"{column} = ANY({keys})"
        if relationship.where is not None:
            condition += f" AND ({self.compiler.node(relationship.where)})"
        return column, source, condition

    def count(self, statement: Count) -> str:
        """The SQL of a count."""
        frame = self.compiler.push(statement.resource)
        sql = f"SELECT count(*) FROM {table_name(statement.resource)} {frame.alias}"
        return sql + (f" WHERE {self.compiler.node(statement.where)}" if statement.where is not None else "")


def table_name(spec: ResourceSpec) -> str:
    """The quoted name of a resource's table."""
    return quote(spec.table or spec.name)


def _needs_cast(node: Node) -> bool:
    """Whether a value's SQL type may differ from its declared one: sums of bigint are numeric in PostgreSQL."""
    return not hasattr(node, "path")
