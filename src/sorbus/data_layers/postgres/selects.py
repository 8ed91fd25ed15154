"""Selects as SQL. Sets of rows (combinations, distinct rows) are sets of keys, which the table is joined to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import cast

from sorbus.data_layers.postgres.compiler import SqlCompiler
from sorbus.data_layers.postgres.frames import Frame, literal, quote
from sorbus.data_layers.postgres.joins import Joins, Keys, Reached
from sorbus.data_layers.postgres.json_texts import between, chosen, concatenated, json_of, once, or_null
from sorbus.data_layers.postgres.writes import output_cast, table_name
from sorbus.errors.framework import NotCompilable
from sorbus.expressions.nodes import Call, Const, Ref
from sorbus.query.statements import (
    Chosen,
    Combined,
    CombineKind,
    Filled,
    Lock,
    LockMode,
    LockWait,
    NestedText,
    Output,
    Related,
    Select,
    TextPart,
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
    """Ties rows to their source rows: to all of them, or to one of another row in the statement."""

    related: Related
    keys: Keys


@dataclass(slots=True)
class Rows:
    """The rows of a statement: the FROM clause, the conditions, and the frame that the caller pops.

    Attributes:
        link: the column that holds the key of the source row.
        reached: how the rows are tied to their source rows, when they are.
    """

    frame: Frame
    source: str
    conditions: list[str]
    link: str = ""
    reached: Reached | None = None

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
        return text if output.type is None else text + output_cast(output.node, output.type)

    def _text(self, parts: Iterable[TextPart]) -> str:
        return concatenated([self._part(each) for each in parts])

    def _part(self, part: TextPart) -> str:
        match part:
            case str():
                return literal(part)
            case NestedText():
                raise NotCompilable("related texts without related rows")
            case Filled(before=before, output=output, after=after):
                return between(before, self._output(output), after)
            case Chosen(output=output, cases=cases):
                return or_null(chosen(self._output(output), cases))
            case Output():
                return or_null(self._json(part))

    def _json(self, output: Output) -> str:
        match output.node:
            case Call(
                "if", (condition, node, Const(None))
            ):  # a mask, outside of what may name its value twice
                inner = self._json(replace(output, node=node))
                return f"(CASE WHEN {self.compiler.node(condition, 'boolean')} THEN {inner} END)"
            case node:
                write = json_of(output.type) if output.type is not None else None
                if write is None:
                    raise NotCompilable(f"{output.name} as JSON")
                text = self._output(output)
                plain = isinstance(node, Ref) and node.name in self.compiler.frames[-1].spec.attributes
                return write(text) if plain else once(text, write)

    def select(self, statement: Select) -> str:
        """The SQL of a select."""
        related = statement.related
        if related is None:
            return self._plain(statement)
        if statement.gathered:
            return self._gathered(statement, related)
        if statement.cut or statement.distinct or statement.total or statement.earlier:
            return self._each(statement, related)
        rows = self.rows(statement, Link(related, Keys(array=self._array(related))))
        return self._selected(statement, rows, [rows.link], self._carried(related, rows))

    def _array(self, related: Related) -> str:
        assert related.keys is not None
        own = related.source.attributes[related.key]
        return self.compiler.node(related.keys, f"{own.type.sql}[]")

    def _carried(self, related: Related, rows: Rows) -> list[str]:
        """The columns of the row between."""
        if rows.reached is None or not related.carried:
            return []
        with Joins(self.compiler).seeing(rows.reached.stack[:-1]):
            return [self._output(each) for each in related.carried]

    def _plain(self, statement: Select) -> str:
        about = self._about(statement, None)
        return self._selected(statement, self.rows(statement), about)

    def _selected(
        self,
        statement: Select,
        rows: Rows,
        before: Sequence[str],
        after: Sequence[str] = (),
        *,
        named: bool = False,
    ) -> str:
        """The SELECT of rows whose frame is on top, and which it takes away.

        Args:
            before, after: columns around the statement's own.
            named: whether the columns are called `c0`, `c1` and so on.
        """
        self._seek(statement, rows)
        columns = [*before, *map(self._output, statement.outputs)]
        if statement.nested:
            sql = self._around(statement, rows, columns, after)
        else:
            columns += [*map(self._text, statement.texts), *after]
            sql = self._cut(statement, rows, _named(columns) if named else columns)
            self.compiler.frames.pop()
        return sql

    def _cut(self, statement: Select, rows: Rows, columns: Sequence[str]) -> str:
        return f"SELECT {', '.join(columns) or '1'} {rows.clause}" + self._ending(statement, rows)

    def _around(self, statement: Select, rows: Rows, columns: list[str], after: Sequence[str]) -> str:
        """The same with the texts of nested rows, which are read when the rows are known, and for no others."""
        outer = self.compiler.alias()
        starts = [self.compiler.node(each.start.node) for each in statement.nested]
        inner = [*columns, *after, *starts]
        first = len(inner)
        texts: list[list[str | NestedText]] = []
        for text in statement.texts:
            pieces: list[str | NestedText] = []
            for nested, parts in groupby(text, lambda each: isinstance(each, NestedText)):
                if nested:
                    pieces += cast("Iterator[NestedText]", parts)
                else:
                    pieces.append(f"{outer}.c{len(inner)}")
                    inner.append(self._text(parts))
            texts.append(pieces)
        source = self._cut(statement, rows, _named(inner))
        self.compiler.frames.pop()
        aliases: list[str] = []
        laterals: list[str] = []
        for place, each in enumerate(statement.nested, first - len(starts)):
            aliases.append(self.compiler.alias())
            together = self._together(each.rows, Keys(one=f"{outer}.c{place}"))
            laterals.append(f" CROSS JOIN LATERAL ({together}) {aliases[-1]}")
        found = [f"{outer}.c{place}" for place in range(len(columns))]
        found += [concatenated([_nested(each, aliases) for each in pieces]) for pieces in texts]
        found += [f"{outer}.c{len(columns) + place}" for place in range(len(after))]
        found += [f"{alias}.n" for alias in aliases]
        # A nested loop keeps the order of the rows.
        return f"SELECT {', '.join(_named(found))} FROM ({source}) {outer}{''.join(laterals)}"

    def _each(self, statement: Select, related: Related) -> str:
        """The rows of each source row on their own: an index on key and sort makes this the quickest way."""
        keys = self._array(related)
        source, alias = self.compiler.alias(), self.compiler.alias()
        link = Link(related, Keys(one=f"{source}.k"))
        about = self._about(statement, link)
        rows = self.rows(statement, link)
        carried = self._carried(related, rows)
        count = len(statement.outputs) + len(statement.texts) + len(carried) + len(statement.nested)
        inner = self._selected(statement, rows, (), carried, named=True)
        columns = [f"{source}.k", *about, *(f"{alias}.c{place}" for place in range(count))]
        # A nested loop keeps the order of the inner rows.
        join, on = ("LEFT JOIN", " ON TRUE") if about else ("CROSS JOIN", "")
        most = f" LIMIT {self.compiler.node(related.most, 'bigint')}" if related.most is not None else ""
        return (
            f"SELECT {', '.join(columns)} FROM unnest({keys}) {source} (k) "
            f"{join} LATERAL ({inner}) {alias}{on}{most}"
        )

    def _gathered(self, statement: Select, related: Related) -> str:
        """One row for each source row that has related ones, with their texts put together."""
        keys = self._array(related)
        source, alias = self.compiler.alias(), self.compiler.alias()
        together = self._together(statement, Keys(one=f"{source}.k"))
        columns = [
            f"{source}.k",
            f"{alias}.n",
            *(f"{alias}.c{place}" for place in range(len(statement.texts))),
        ]
        return (
            f"SELECT {', '.join(columns)} FROM unnest({keys}) {source} (k) CROSS JOIN LATERAL "
            f"({together}) {alias} WHERE {alias}.n > 0"
        )

    def _together(self, statement: Select, keys: Keys) -> str:
        """One row: how many rows are behind a key, and their texts put together."""
        related = statement.related
        assert related is not None
        inner = self._selected(statement, self.rows(statement, Link(related, keys)), (), named=True)
        each = self.compiler.alias()
        # An aggregate without groups takes its rows as they come, in the order of the query below it.
        together = [f"string_agg({each}.c{place}, ',') AS c{place}" for place in range(len(statement.texts))]
        return f"SELECT {', '.join(['count(*) AS n', *together])} FROM ({inner}) {each}"

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
            order = self._order(statement, rows)
            about.append(f"coalesce((SELECT {seek} IS NOT TRUE {rows.clause}{order} LIMIT 1), FALSE)")
            self.compiler.frames.pop()
        return about

    def _seek(self, statement: Select, rows: Rows) -> None:
        if statement.seek is not None:
            rows.conditions.append(self.compiler.node(statement.seek, "boolean"))

    def _order(self, statement: Select, rows: Rows) -> str:
        first = ""
        if statement.related is not None and rows.reached is not None:
            first = Joins(self.compiler).order(rows.reached, statement.related.order)
        order = ", ".join(filter(None, (first, self.compiler.order(statement.order))))
        return f" ORDER BY {order}" if order else ""

    def _ending(self, statement: Select, rows: Rows) -> str:
        """Sort, limit, offset and lock."""
        sql = self._order(statement, rows)
        if statement.limit is not None:
            limit = statement.limit
            known = limit.value if isinstance(limit, Const) else None
            sql += f" LIMIT {known if type(known) is int else self.compiler.node(limit, 'bigint')}"
        if statement.offset is not None:
            sql += f" OFFSET {self.compiler.node(statement.offset, 'bigint')}"
        if statement.lock is not None:
            sql += _lock(statement.lock, rows.frame)
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
            table = table_name(statement.resource) if statement.given is None else self._given(statement)
            frame = self.compiler.push(statement.resource)
            rows = Rows(frame, f"{table} {frame.alias}", [])
        if link is not None:
            self._tie(link, rows)
        if statement.where is not None:
            rows.conditions.append(self.compiler.node(statement.where, "boolean"))
        return rows

    def _given(self, statement: Select) -> str:
        """One row that is in no table."""
        values = dict(statement.given or ())
        columns: list[str] = []
        for each in statement.resource.attributes.values():
            node, kind = values.get(each.name), each.type.sql
            text = f"NULL::{kind}" if node is None else f"({self.compiler.node(node, kind)})::{kind}"
            columns.append(f"{text} AS {quote(each.column)}")
        return f"(SELECT {', '.join(columns)})"

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
            sql += self._ending(statement, rows)
        self.compiler.frames.pop()
        return sql

    def _tie(self, link: Link, rows: Rows) -> None:
        """The conditions that rows belong to their source rows."""
        reached = Joins(self.compiler).loaded(link.related, link.keys, rows.frame)
        rows.reached, rows.link = reached, reached.key
        rows.source = ", ".join([rows.source, *reached.items])
        rows.conditions.extend(each for each in reached.conditions if each)


def _named(columns: Sequence[str]) -> list[str]:
    return [f"{text} AS c{place}" for place, text in enumerate(columns)]


def _nested(piece: str | NestedText, aliases: Sequence[str]) -> str:
    """A piece of a text: a column, or a text of related rows."""
    if isinstance(piece, str):
        return piece
    return f"coalesce({aliases[piece.place]}.c{piece.text}, {literal(piece.empty)})"


def _lock(lock: Lock, frame: Frame) -> str:
    return f" FOR {_MODES[lock.mode]} OF {frame.alias}{_WAITS[lock.wait]}"


def _key(spec: ResourceSpec) -> str:
    return quote(spec.primary_key.column)
