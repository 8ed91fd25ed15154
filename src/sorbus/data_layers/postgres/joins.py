"""How related rows are reached in SQL: from one row by a correlated condition, from many by a list of keys."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sorbus.data_layers.postgres.frames import Frame, NodeCompiler, quote, table_of
from sorbus.errors.framework import CannotJoin
from sorbus.expressions.nodes import Hops, Node, Ordering
from sorbus.query.statements import Related
from sorbus.schema.fields import Cardinality, RelationshipSpec
from sorbus.schema.ways import Hop, Segment, sees, sees_source


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of the source rows: an array of them, or the one that another row of the statement has."""

    array: str = ""
    one: str = ""

    def equal(self, column: str) -> str:
        """The condition that a column holds a key."""
        return f"{column} = ANY({self.array})" if self.array else f"{column} = {self.one}"

    def item(self, alias: str, column: str) -> str:
        """The keys as rows of one column."""
        rows = f"unnest({self.array})" if self.array else f"(SELECT {self.one})"
        return f"{rows} AS {alias}({column})"


@dataclass(frozen=True, slots=True)
class Reached:
    """How related rows are tied to their source rows.

    Attributes:
        items: what stands in FROM besides the related rows.
        conditions: what ties them.
        key: the key of the source row.
        stack: the rows that the relationship's own order sees.
    """

    items: tuple[str, ...]
    conditions: tuple[str, ...]
    key: str
    stack: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """A segment with what the rows of its hops must meet."""

    segment: Segment
    hops: Hops

    @property
    def relationship(self) -> RelationshipSpec:
        return self.segment.relationship


class Joins:
    """Writes the ways of one statement."""

    __slots__ = ("application", "compiler")

    def __init__(self, compiler: NodeCompiler) -> None:
        self.compiler = compiler
        self.application = compiler.application

    def related(
        self, source: Frame, relationship: RelationshipSpec, hops: Hops | None
    ) -> tuple[str, str, Frame]:
        """The rows that a relationship leads to from one row, each once: FROM item, condition, frame."""
        steps = self._steps(source, relationship, hops)
        *before, last = steps
        frame = self._frame(last.relationship.destination)
        if not before:
            return (*self._segment(source, last, frame), frame)
        items: list[str] = []
        conditions: list[str] = []
        far = self._chain(source, before, items, conditions)
        if last.relationship.limited:
            inner = self._frame(last.relationship.destination)
            item, condition = self._segment(far, last, inner)
            items.append(item)
            conditions += [condition, f"{_key(inner)} = {_key(frame)}"]
        else:
            conditions.append(self._segment(far, last, frame)[1])
        chain = f"EXISTS (SELECT 1 FROM {', '.join(items)} WHERE {_all(conditions)})"
        return _item(frame), chain, frame

    def loaded(self, related: Related, keys: Keys, frame: Frame) -> Reached:
        """The rows that a relationship leads to from many rows, with the key of the source row."""
        relationship = related.relationship
        source = Frame(related.source, "")
        steps = self._steps(source, relationship, related.hops)
        if len(steps) > 1:
            return self._loaded_path(related, steps, keys, frame)
        (step,) = steps
        if relationship.limited or sees_source(step.segment):
            return self._loaded_each(related, step, keys, frame)
        if len(step.segment.hops) > 1:
            return self._loaded_over(related, step, keys, frame)
        column = _column(frame, relationship.destination_attribute)
        stack = (source, frame)
        return Reached((), (keys.equal(column), self._met(step.hops[0], stack)), column, stack)

    def _loaded_over(self, related: Related, step: _Step, keys: Keys, frame: Frame) -> Reached:
        """Over a resource between, whose rows know the key of the source row."""
        first, second = step.segment.hops
        between = self._frame(first.resource)
        stack = (Frame(related.source, ""), between, frame)
        key = _column(between, first.far)
        given = [keys.equal(key), self._met(step.hops[0], stack[:2])]
        item = None if related.every else self._distinct(step, between, key, given)
        conditions = (
            f"{_column(between, second.own)} = {_column(frame, second.far)}",
            *(given if item is None else ()),
            self._met(step.hops[1], stack),
        )
        return Reached((item or _item(between),), conditions, key, stack)

    def _loaded_each(self, related: Related, step: _Step, keys: Keys, frame: Frame) -> Reached:
        """For each source row on its own: what is limited, or looks at more of the source row than its key."""
        source, item, given = self._sources(related, keys)
        key = _column(source, related.key)
        if len(step.segment.hops) > 1:
            return self._loaded_between(step, source, frame, key, (item, given))
        if not step.relationship.limited:
            return Reached((item,), (given, self._segment(source, step, frame)[1]), key, (source, frame))
        inner = self._frame(frame.spec.name)
        chosen, _ = self._segment(source, step, inner)
        return Reached((item, chosen), (given, f"{_key(inner)} = {_key(frame)}"), key, (source, frame))

    def _loaded_between(
        self, step: _Step, source: Frame, frame: Frame, key: str, given: tuple[str, str]
    ) -> Reached:
        """The same over a resource between, whose row stays at hand for the order and for what is carried."""
        between, inner, far = (
            self._frame(step.segment.hops[0].resource),
            self._frame(step.segment.hops[0].resource),
            self._frame(frame.spec.name),
        )
        pairs = self.compiler.alias()
        picked = f"{_key(inner)} AS b, {_key(far)} AS f"
        chosen = self._between(source, step, inner, far, picked)
        item, condition = given
        conditions = (condition, f"{pairs}.b = {_key(between)}", f"{pairs}.f = {_key(frame)}")
        items = (item, f"LATERAL ({chosen}) {pairs}", _item(between))
        return Reached(items, conditions, key, (source, between, frame))

    def _loaded_path(self, related: Related, steps: Sequence[_Step], keys: Keys, frame: Frame) -> Reached:
        """Over several relationships: the pairs of source key and far key first, each pair once."""
        source, item, given = self._sources(related, keys)
        items, conditions = [item], [given]
        far = self._chain(source, steps, items, conditions)
        pairs = self.compiler.alias()
        found = (
            f"LATERAL (SELECT DISTINCT {_column(source, related.key)} AS k, {_key(far)} AS f "
            f"FROM {', '.join(items)} WHERE {_all(conditions)}) {pairs}"
        )
        return Reached((found,), (f"{_key(frame)} = {pairs}.f",), f"{pairs}.k", (source, frame))

    def _sources(self, related: Related, keys: Keys) -> tuple[Frame, str, str]:
        """The source rows: frame, FROM item, condition. Where the key is enough, the keys themselves."""
        first = self.application.segments(related.source, related.relationship)[0]
        source = self._frame(related.source.name)
        if sees_source(first):
            if related.source.layer != "postgres":
                raise CannotJoin(
                    f"{related.source.name}.{related.relationship.name}",
                    f"its condition looks at {related.source.name}, whose rows live in another data layer",
                )
            return source, _item(source), keys.equal(_column(source, related.key))
        column = quote(related.source.attributes[related.key].column)
        return source, f"LATERAL {keys.item(source.alias, column)}", ""

    # one segment after the other

    def _chain(self, source: Frame, steps: Sequence[_Step], items: list[str], conditions: list[str]) -> Frame:
        """Go over some segments: their FROM items and conditions are added, the last frame is the answer."""
        for step in steps:
            frame = self._frame(step.relationship.destination)
            item, condition = self._segment(source, step, frame)
            items.append(item)
            conditions.append(condition)
            source = frame
        return source

    def _segment(self, source: Frame, step: _Step, frame: Frame) -> tuple[str, str]:
        """One segment from one source row: FROM item and condition."""
        hops = step.segment.hops
        if len(hops) == 2:
            between, far = self._frame(hops[0].resource), frame
            if not step.relationship.limited:
                return _item(frame), self._linked(source, step, between, frame)
            chosen = self._between(source, step, between, far, f"{frame.alias}.*")
            return f"LATERAL ({chosen}) {frame.alias}", "TRUE"
        conditions = [_equal(source, frame, hops[0]), self._met(step.hops[0], (source, frame))]
        if not step.relationship.limited:
            return _item(frame), _all(conditions)
        chosen = f"SELECT {frame.alias}.* FROM {_item(frame)} WHERE {_all(conditions)}"
        return f"LATERAL ({chosen}{self._range(step, (source, frame))}) {frame.alias}", "TRUE"

    def _linked(self, source: Frame, step: _Step, between: Frame, frame: Frame) -> str:
        """Whether a row between leads from the source row to this one."""
        first, second = step.segment.hops
        stack = (source, between, frame)
        inside = [
            _equal(source, between, first),
            _equal(between, frame, second),
            self._met(step.hops[0], stack[:2]),
        ]
        asked = step.hops[1]
        outside = ""
        if asked is not None and sees(asked, 1):
            inside.append(self._met(asked, stack))
        else:
            outside = self._met(asked, stack)
        return _all([f"EXISTS (SELECT 1 FROM {_item(between)} WHERE {_all(inside)})", outside])

    def _between(self, source: Frame, step: _Step, between: Frame, frame: Frame, picked: str) -> str:
        """The rows behind a row between, sorted and cut, each once."""
        first, second = step.segment.hops
        stack = (source, between, frame)
        given = [_equal(source, between, first), self._met(step.hops[0], stack[:2])]
        item = self._distinct(step, between, _column(between, first.far), given)
        conditions = [
            *(given if item is None else ()),
            _equal(between, frame, second),
            self._met(step.hops[1], stack),
        ]
        source_item = f"LATERAL {item}" if item is not None else _item(between)
        return (
            f"SELECT {picked} FROM {source_item}, {_item(frame)} WHERE {_all(conditions)}"
            f"{self._range(step, stack)}"
        )

    def _distinct(self, step: _Step, between: Frame, key: str, given: Sequence[str]) -> str | None:
        """One row between for each pair, where no identity promises that; None where one does."""
        join = step.relationship.join
        if join is None or join.unique:
            return None
        pair = f"{key}, {_column(between, step.segment.hops[1].own)}"
        return (
            f"(SELECT DISTINCT ON ({pair}) {between.alias}.* FROM {_item(between)} "
            f"WHERE {_all(given)} ORDER BY {pair}, {_key(between)}) {between.alias}"
        )

    def _range(self, step: _Step, stack: Sequence[Frame]) -> str:
        each = step.relationship
        with self.seeing(stack):
            text = f" ORDER BY {self.compiler.order(each.order)}" if each.order else ""
        # Limits are numbers from the declaration; Python has checked that they are.
        text += f" LIMIT {int(each.limit)}" if each.limit is not None else ""
        return text + (f" OFFSET {int(each.offset)}" if each.offset is not None else "")

    # parts

    def order(self, reached: Reached, terms: tuple[Ordering, ...]) -> str:
        """The relationship's own order over rows that were reached."""
        with self.seeing(reached.stack):
            return self.compiler.order(terms)

    @contextmanager
    def seeing(self, stack: Sequence[Frame]) -> Generator[None]:
        """The frames that a condition of the declaration sees, in place of those of the statement."""
        saved, self.compiler.frames = self.compiler.frames, list(stack)
        try:
            yield
        finally:
            self.compiler.frames = saved

    def _met(self, node: Node | None, stack: Sequence[Frame]) -> str:
        if node is None:
            return ""
        with self.seeing(stack):
            return f"({self.compiler.node(node)})"

    def _frame(self, resource: str) -> Frame:
        return Frame(self.application.resources[resource], self.compiler.alias())

    def _steps(self, source: Frame, relationship: RelationshipSpec, hops: Hops | None) -> list[_Step]:
        """The segments with what their rows must meet.

        Raises:
            CannotJoin: rows of another data layer, or of a function, cannot stand in a statement of this one.
        """
        found: list[_Step] = []
        given = list(hops) if hops is not None else None
        for segment in self.application.segments(source.spec, relationship):
            self._check(segment)
            count = len(segment.hops)
            asked: Hops = tuple(each.where for each in segment.hops)
            if given is not None:
                asked, given = tuple(given[:count]), given[count:]
            found.append(_Step(segment, asked))
        return found

    def _check(self, segment: Segment) -> None:
        label = f"{segment.source}.{segment.relationship.name}"
        if segment.relationship.cardinality is Cardinality.MANUAL:
            raise CannotJoin(label, "a function finds its rows")
        for hop in segment.hops:
            layer = self.application.resources[hop.resource].layer
            if layer != "postgres":
                raise CannotJoin(label, f"the rows of {hop.resource} live in another data layer ({layer})")


def _column(frame: Frame, name: str | None) -> str:
    return f"{frame.alias}.{quote(frame.spec.attributes[name or ''].column)}"


def _key(frame: Frame) -> str:
    return f"{frame.alias}.{quote(frame.spec.primary_key.column)}"


def _item(frame: Frame) -> str:
    return f"{table_of(frame.spec)} {frame.alias}"


def _equal(source: Frame, frame: Frame, hop: Hop) -> str:
    return "" if hop.own is None else f"{_column(frame, hop.far)} = {_column(source, hop.own)}"


def _all(conditions: Sequence[str]) -> str:
    return " AND ".join(each for each in conditions if each and each != "TRUE") or "TRUE"
