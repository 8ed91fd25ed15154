"""Selects as SQL. Sets of rows (combinations, distinct rows) are sets of keys, which the table is joined to."""

from __future__ import annotations

from dataclasses import dataclass

from sorbus.data_layers.postgres.compiler import Frame, SqlCompiler, quote
from sorbus.data_layers.postgres.writes import needs_cast, table_name
from sorbus.query.statements import (
    Combined,
    CombineKind,
    Lock,
    LockMode,
    LockWait,
    Output,
    Related,
    Select,
)
from sorbus.schema.resource import ApplicationSpec, ResourceSpec

_OPERATORS = {
    CombineKind.UNION: "UNION",
    CombineKind.UNION_ALL: "UNION ALL",
    CombineKind.INTERSECT: "INTERSECT",
    CombineKind.DIFFERENCE: "EXCEPT",
}
_MODES = {
    LockMode.UPDATE: "UPDATE",
    LockMode.NO_KEY_UPDATE: "NO KEY UPDATE",
    LockMode.SHARE: "SHARE",
    LockMode.KEY_SHARE: "KEY SHARE",
}
_WAITS = {LockWait.WAIT: "", LockWait.NOWAIT: " NOWAIT", LockWait.SKIP_LOCKED: " SKIP LOCKED"}


@dataclass(frozen=True, slots=True)
class Link:
    """Ties rows to their source rows: `= ANY(keys)`, or `= key` of one source row."""

    related: Related
    equals: str


@dataclass(slots=True)
class Rows:
    """The rows of a statement: the FROM clause, the conditions, and the frame that the caller pops.

    Attributes:
        link: the column that holds the key of the source row.
    """

    frame: Frame
    source: str
    conditions: list[str]
    link: str = ""

    @property
    def clause(self) -> str:
        """FROM and WHERE."""
        where = f" WHERE {' AND '.join(self.conditions)}" if self.conditions else ""
        return f"FROM {self.source}{where}"


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
        if output.type is not None and needs_cast(output.node):
            text += f"::{output.type.sql}"
        return text

    def select(self, statement: Select) -> str:
        """The SQL of a select."""
        related = statement.related
        if related is None:
            return self._plain(statement)
        if statement.cut or statement.distinct or statement.total or statement.earlier:
            return self._each(statement, related)
        own = related.source.attributes[related.relationship.source_attribute]
        keys = self.compiler.node(related.keys, f"{own.type.sql}[]")
        rows = self.rows(statement, Link(related, f"ANY({keys})"))
        self._seek(statement, rows)
        sql = f"SELECT {rows.link}, {self.outputs(statement.outputs)} {rows.clause}"
        return sql + self._ending(statement, rows.frame)

    def _plain(self, statement: Select) -> str:
        about = self._about(statement, None)
        rows = self.rows(statement)
        self._seek(statement, rows)
        columns = ", ".join([*about, self.outputs(statement.outputs)])
        sql = f"SELECT {columns} {rows.clause}" + self._ending(statement, rows.frame)
        self.compiler.frames.pop()
        return sql

    def _each(self, statement: Select, related: Related) -> str:
        """The rows of each source row on their own: an index on key and sort makes this the quickest way."""
        own = related.source.attributes[related.relationship.source_attribute]
        keys = self.compiler.node(related.keys, f"{own.type.sql}[]")
        source, alias = self.compiler.alias(), self.compiler.alias()
        link = Link(related, f"{source}.k")
        about = self._about(statement, link)
        rows = self.rows(statement, link)
        self._seek(statement, rows)
        outputs = [f"{self._output(each)} AS c{place}" for place, each in enumerate(statement.outputs)]
        inner = f"SELECT {', '.join(outputs) or '1'} {rows.clause}" + self._ending(statement, rows.frame)
        self.compiler.frames.pop()
        columns = [f"{source}.k", *about, *(f"{alias}.c{place}" for place in range(len(outputs)))]
        # A nested loop keeps the order of the inner rows.
        join, on = ("LEFT JOIN", " ON TRUE") if about else ("CROSS JOIN", "")
        return (
            f"SELECT {', '.join(columns)} FROM unnest({keys}) {source} (k) "
            f"{join} LATERAL ({inner}) {alias}{on}"
        )

    def _about(self, statement: Select, link: Link | None) -> list[str]:
        """What each row says about all of them: how many, and whether some come before the page."""
        about: list[str] = []
        if statement.total:
            about.append(f"(SELECT count(*) {self.rows(statement, link).clause})")
            self.compiler.frames.pop()
        if statement.earlier:
            # The first row of all is the first of the page, unless the page leaves rows out in front.
            rows = self.rows(statement, link)
            seek = self.compiler.node(statement.seek, "boolean") if statement.seek is not None else "TRUE"
            order = self._order(statement)
            about.append(f"coalesce((SELECT {seek} IS NOT TRUE {rows.clause}{order} LIMIT 1), FALSE)")
            self.compiler.frames.pop()
        return about

    def _seek(self, statement: Select, rows: Rows) -> None:
        if statement.seek is not None:
            rows.conditions.append(self.compiler.node(statement.seek, "boolean"))

    def _order(self, statement: Select) -> str:
        order = self.compiler.order(statement.order)
        return f" ORDER BY {order}" if order else ""

    def _ending(self, statement: Select, frame: Frame) -> str:
        """Sort, limit, offset and lock."""
        sql = self._order(statement)
        if statement.limit is not None:
            sql += f" LIMIT {self.compiler.node(statement.limit, 'bigint')}"
        if statement.offset is not None:
            sql += f" OFFSET {self.compiler.node(statement.offset, 'bigint')}"
        if statement.lock is not None:
            sql += _lock(statement.lock, frame)
        return sql

    def rows(self, statement: Select, link: Link | None = None) -> Rows:
        """Enter the rows of a statement, whatever its seek, sort and limit; the caller pops the frame."""
        rows = self._entered(statement, link)
        if statement.distinct is None:
            return rows
        on = ", ".join(map(self.compiler.node, statement.distinct.on))
        order = ", ".join(filter(None, (on, self.compiler.order(statement.distinct.order))))
        key = f"{rows.frame.alias}.{_key(statement.resource)}"
        self.compiler.frames.pop()
        return self._joined(
            statement.resource, f"SELECT DISTINCT ON ({on}) {key} AS k {rows.clause} ORDER BY {order}"
        )

    def _entered(self, statement: Select, link: Link | None) -> Rows:
        """The rows of a statement that are not yet distinct."""
        if statement.within is not None:
            rows = self._joined(statement.resource, self._combined(statement.within))
        else:
            frame = self.compiler.push(statement.resource)
            rows = Rows(frame, f"{table_name(statement.resource)} {frame.alias}", [])
        if link is not None:
            self._tie(link, rows)
        if statement.where is not None:
            rows.conditions.append(self.compiler.node(statement.where, "boolean"))
        return rows

    def _joined(self, spec: ResourceSpec, keys: str) -> Rows:
        """The rows that a SELECT of keys answers with."""
        alias = self.compiler.alias()
        frame = self.compiler.push(spec)
        condition = f"{frame.alias}.{_key(spec)} = {alias}.k"
        return Rows(frame, f"({keys}) {alias} JOIN {table_name(spec)} {frame.alias} ON {condition}", [])

    def _combined(self, combined: Combined) -> str:
        """The keys of a combination, from left to right: parentheses, since INTERSECT would bind tighter."""
        text = self._keys(combined.first)
        for kind, part in combined.steps:
            text = f"({text}) {_OPERATORS[kind]} ({self._keys(part)})"
        return text

    def _keys(self, statement: Select) -> str:
        """The keys of the rows of a statement."""
        rows = self.rows(statement)
        self._seek(statement, rows)
        sql = f"SELECT {rows.frame.alias}.{_key(statement.resource)} AS k {rows.clause}"
        if statement.cut:
            sql += self._ending(statement, rows.frame)
        self.compiler.frames.pop()
        return sql

    def _tie(self, link: Link, rows: Rows) -> None:
        """The conditions that rows belong to their source rows."""
        relationship = link.related.relationship
        far = rows.frame.spec.attributes[relationship.destination_attribute]
        column = f"{rows.frame.alias}.{quote(far.column)}"
        join = self.application.join(relationship)
        if join is not None and relationship.join is not None:
            between = self.compiler.alias()
            to = join.attributes[relationship.join.destination_attribute].column
            back = join.attributes[relationship.join.source_attribute].column
            rows.source += f" JOIN {table_name(join)} {between} ON {between}.{quote(to)} = {column}"
            column = f"{between}.{quote(back)}"
        rows.link = column
        rows.conditions.append(f"{column} = {link.equals}")
        if relationship.where is not None:
            rows.conditions.append(self.compiler.node(relationship.where, "boolean"))


def _lock(lock: Lock, frame: Frame) -> str:
    return f" FOR {_MODES[lock.mode]} OF {frame.alias}{_WAITS[lock.wait]}"


def _key(spec: ResourceSpec) -> str:
    return quote(spec.primary_key.column)
