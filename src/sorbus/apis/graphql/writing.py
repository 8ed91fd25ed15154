"""Writing: lists of records as the data layer writes them, where their selection needs no Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import msgspec
from graphql import GraphQLEnumType, GraphQLNonNull

from sorbus.apis.graphql.bindings import Value
from sorbus.query.query import Query
from sorbus.query.templates import Chosen, Keyed, Part, Shown, Templates, texts_of
from sorbus.schema.fields import AttributeSpec
from sorbus.scope import Scope
from sorbus.types.showing import to_json

if TYPE_CHECKING:
    from sorbus.apis.graphql.plans import Plan, Way

Row = Sequence[Any]
"""A key, the keys that lead on from it, and the texts."""


@dataclass(slots=True, eq=False)
class Writing:
    """How the records of a plan are written; learnt while their selection is compiled.

    Attributes:
        parts: the parts of one record; None where related records stand.
        ways: the relationships that stand there.
        needs_python: whether something in it does.
    """

    parts: list[Part | None] = field(default_factory=list[Part | None])
    ways: list[Way] = field(default_factory=list["Way"])
    needs_python: bool = False
    _templates: Templates | None = None
    _gathered: Templates | None = None
    _writable: dict[str, bool] = field(default_factory=dict[str, bool])

    @property
    def templates(self) -> Templates:
        """The texts of each record."""
        if self._templates is None:
            starts = tuple(way.relationship.name for way in self.ways)
            self._templates = Templates(texts_of(self.parts), starts)
        return self._templates

    @property
    def gathered(self) -> Templates | None:
        """The texts of all records of one source row; None where related records stand in them."""
        if self._gathered is None and not self.ways:
            self._gathered = Templates(texts_of(self.parts), gathered=True)
        return self._gathered

    # what a selection shows

    def member(self, key: str, *, first: bool) -> None:
        """A name in the answer; its value comes next."""
        self.parts.append(("" if first else ",") + to_json(key).decode() + ":")

    def constant(self, value: str) -> None:
        """A value that is the same for all."""
        self.parts.append(to_json(value).decode())

    def value(self, found: Value, kind: Any, spec: Any, *, plain: bool) -> None:
        """The value of a field.

        Args:
            kind: its type in the schema.
            spec: its own spec.
            plain: whether it is shown as it stands on the record.
        """
        inner = cast("Any", kind.of_type) if isinstance(kind, GraphQLNonNull) else kind  # pyright: ignore[reportUnknownMemberType]
        if found.arguments:
            self.needs_python = True
        elif isinstance(inner, GraphQLEnumType) and found.show is None:
            self._chosen(found.name, inner)
        elif plain:
            self.parts.append(Shown(found.name))
        elif found.show is str and isinstance(spec, AttributeSpec) and _bare(spec):
            self.parts.append(Keyed('"', found.name, '"'))
        else:
            self.needs_python = True

    def _chosen(self, name: str, kind: GraphQLEnumType) -> None:
        cases: dict[str | int, str] = {}
        for shown, each in kind.values.items():
            stored = each.value.value if isinstance(each.value, Enum) else each.value
            if isinstance(stored, bool) or not isinstance(stored, str | int):
                self.needs_python = True
                return
            cases[stored if isinstance(stored, int) else str(stored)] = to_json(shown).decode()
        self.parts.append(Chosen(name, tuple(cases.items())))

    def related(self, way: Way) -> None:
        """Related records, as one or as a list."""
        if way.connection or not way.leading or way.found or way in self.ways:
            self.needs_python = True
            return
        self.ways.append(way)
        many = way.relationship.to_many
        self.parts += ["[", None, "]"] if many else [None]


def _bare(spec: AttributeSpec) -> bool:
    return issubclass(spec.type.python, UUID | int) and spec.type.codec.show is None


def can_write(plan: Plan, query: Query[Any], scope: Scope) -> bool:
    """Whether the data layer can write everything that a query shows of its rows."""
    writing = plan.writing
    if writing is None or writing.needs_python or query.parts or plan.calls:
        return False
    known = writing._writable.get(query.action)  # its own module
    if known is None:
        found: bool = scope.need_runtime().writes(query, writing.templates.names)
        known = writing._writable[query.action] = found
    return known and all(
        can_write(way.plan, Query(resource=way.plan.exposed.spec.python), scope) for way in writing.ways
    )


async def texts_of_rows(plan: Plan, query: Query[Any], rows: Sequence[Row], scope: Scope) -> list[str]:
    """The records of rows that were read with a plan's templates, with everything behind them.

    Args:
        query: as the plan has filled it, with what it loads along.
    """
    writing = plan.writing
    assert writing is not None
    first = 1 + len(writing.ways)
    if not writing.ways:
        return [row[first] for row in rows]
    behind = {item.target: item.query for item in query.loads[len(plan.derived) :]}
    shown = [
        (place, await _behind(plan, way, behind[way.target], rows, place, scope))
        for place, way in enumerate(writing.ways, start=1)
    ]
    found: list[str] = []
    for row in rows:
        pieces: list[str] = [row[first]]
        for number, (place, (known, none)) in enumerate(shown, first + 1):
            pieces += (known.get(row[place], none), row[number])
        found.append("".join(pieces))
    return found


async def _behind(
    plan: Plan, way: Way, query: Query[Any], rows: Sequence[Row], place: int, scope: Scope
) -> tuple[dict[Any, str], str]:
    """What is shown of the records behind a relationship, by the keys that lead to them, and what without any."""
    none = "" if way.relationship.to_many else "null"
    keys = list(dict.fromkeys(row[place] for row in rows if row[place] is not None))
    inner = way.plan.writing
    assert inner is not None
    gathered = inner.gathered if way.relationship.to_many else None
    loads = query.loads[: len(way.plan.derived)]
    if not keys:
        return {}, none
    written = query.written(gathered or inner.templates, *loads)
    source = plan.exposed.spec.python
    found = await scope.need_runtime().related_texts(source, way.relationship, written, keys, scope)
    if not found:
        return {}, none
    if gathered is not None:
        return {start: text for start, (_, text) in found}, none
    texts = await texts_of_rows(way.plan, query, [row for _, row in found], scope)
    groups: dict[Any, list[str]] = {}
    for (start, _), text in zip(found, texts, strict=True):
        groups.setdefault(start, []).append(text)
    if way.relationship.to_many:
        return {start: ",".join(each) for start, each in groups.items()}, none
    return {start: each[0] for start, each in groups.items()}, none


def whole(texts: Sequence[str]) -> msgspec.Raw:
    """A list of records."""
    return msgspec.Raw(f"[{','.join(texts)}]".encode())


def single(text: str) -> msgspec.Raw:
    """A record."""
    return msgspec.Raw(text.encode())


def or_written(encode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The encoder of records that lets through what the data layer has written."""
    return lambda each: each if each.__class__ is msgspec.Raw else encode(each)
