"""Plans: what a selection of a document loads of a resource's records, compiled once and filled in for each request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode, GraphQLField, get_argument_values
from graphql.execution import VariableValues
from graphql.language import VariableNode, Visitor, visit

from sorbus.apis.graphql.surface import Exposed
from sorbus.apis.graphql.writing import Writing
from sorbus.errors.graphql import QueryTooLarge
from sorbus.errors.inputs import InvalidPage
from sorbus.query.query import LoadItem, NestedPage, Query
from sorbus.schema.fields import Cardinality, RelationshipSpec
from sorbus.schema.paging import Paging
from sorbus.schema.resource import PRIMARY_READ
from sorbus.scope import Scope
from sorbus.types.hidden import HIDDEN

Given = Mapping[str, Any]
_ABSENT: Any = object()


class _Finds(Visitor):
    """Whether there is a variable below a node."""

    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        """One is."""
        del node
        self.found = True


class Arguments:
    """The arguments of a field; constant ones are read once."""

    def __init__(self, field_: GraphQLField, node: FieldNode) -> None:
        self.field = field_
        self.node = node
        finds = _Finds()
        for each in node.arguments or ():
            visit(each, finds)
        self.constant = not finds.found
        self._values: Given | None = get_argument_values(field_, node) if self.constant else None

    def values(self, variables: VariableValues) -> Given:
        """The arguments by their own names.

        Raises:
            GraphQLError: a variable does not fit.
        """
        if self._values is not None:
            return self._values
        return get_argument_values(self.field, self.node, variables)


@dataclass(slots=True)
class Filling:
    """What one request puts into a plan.

    Attributes:
        left: how many more values the answer may have.
    """

    variables: VariableValues
    most: int
    left: int = 0

    def __post_init__(self) -> None:
        self.left = self.most

    def spend(self, values: int) -> None:
        """Count values of the answer.

        Raises:
            QueryTooLarge: there would be too many.
        """
        self.left -= values
        if self.left < 0:
            raise QueryTooLarge("possible answer of more values", limit=self.most)


@dataclass(slots=True, eq=False, kw_only=True)
class Call:
    """A calculation with arguments: its value stands on the records under `slot`."""

    calculation: Any
    slot: str
    arguments: Arguments

    def item(self, filling: Filling) -> LoadItem:
        """What to load."""
        made = self.calculation(**self.arguments.values(filling.variables))
        return LoadItem(target=made.as_(self.slot))


@dataclass(slots=True, eq=False, kw_only=True)
class Way:
    """A relationship with its own filter, sort and page.

    Attributes:
        leading: whether the records' own query loads it; a second one over the same relationship comes after it,
            and stands on the records under `slot`.
        counted: whether its pages know the number of all rows.
    """

    relationship: RelationshipSpec
    target: Any
    slot: str
    leading: bool
    connection: bool
    arguments: Arguments
    plan: Plan
    counted: bool = False

    @property
    def found(self) -> bool:
        """Whether a function finds the records, so that what is shown of them is loaded afterwards."""
        return self.relationship.cardinality is Cardinality.MANUAL

    def item(self, filling: Filling, rows: int) -> LoadItem:
        """What to load.

        Args:
            rows: how many records it may be loaded for.

        Raises:
            InvalidPage: the page is none.
            QueryTooLarge: the answer would be too large.
        """
        given = self.arguments.values(filling.variables)
        if self.found:
            return LoadItem(target=self.target)
        asked_for = page_of(given, self.plan.rules) if self.connection else None
        limit = size_of(given, self.plan.rules) if self.relationship.to_many else 1
        size = limit if asked_for is None else self.plan.rules.limit_of(asked_for.limit)
        query = asked(self.plan.rows, given)
        page: NestedPage | None = None
        if asked_for is not None:
            page = NestedPage(
                limit=asked_for.limit, after=asked_for.after, before=asked_for.before, count=self.counted
            )
        elif "limit" in given:
            query = query.limit(limit)
            if given.get("offset"):
                query = query.offset(given["offset"])
        return LoadItem(target=self.target, query=self.plan.fill(query, filling, rows * size), page=page)


@dataclass(slots=True, eq=False, kw_only=True)
class Plan:
    """What is loaded of the records of a resource.

    Attributes:
        names: the attributes to read.
        derived: the fields to ask for.
        width: the number of values that are shown of each record.
        writing: how a data layer writes the records itself; None where they are shown in several ways.
        shown: in how many ways they are shown.
    """

    exposed: Exposed
    names: dict[str, None] = field(default_factory=dict[str, None])
    derived: dict[str, None] = field(default_factory=dict[str, None])
    calls: dict[Any, Call] = field(default_factory=dict[Any, Call])
    ways: dict[Any, Way] = field(default_factory=dict[Any, Way])
    width: int = 0
    writing: Writing[Way] | None = None
    shown: int = 0

    @property
    def rules(self) -> Paging:
        """How lists of the primary read come in pages."""
        return self.exposed.spec.actions[PRIMARY_READ].page

    @property
    def rows(self) -> Query[Any]:
        """The rows of the primary read."""
        return Query(resource=self.exposed.spec.python)

    @property
    def plain(self) -> bool:
        """Whether the record's own attributes are enough."""
        return not (self.derived or self.calls or self.ways)

    @property
    def deferred(self) -> bool:
        """Whether something is loaded after the records' own query."""
        return any(
            not each.leading or each.plan.deferred or (each.found and each.plan.width > 0)
            for each in self.ways.values()
        )

    def fill[R](self, query: Query[R], filling: Filling, rows: int) -> Query[R]:
        """The query with everything loaded that the selection shows.

        Args:
            rows: how many records there may be.

        Raises:
            QueryTooLarge: the answer would be too large.
        """
        filling.spend(max(1, self.width) * rows)
        query = query.load(*self._loads(filling, rows))
        if any(each.found for each in self.ways.values()):
            return query  # the function may look at anything
        python: Any = self.exposed.spec.python
        return query.select(*(getattr(python, name) for name in self.names))

    def _loads(self, filling: Filling, rows: int) -> list[LoadItem]:
        """What a query loads along."""
        loads = [LoadItem(target=name) for name in self.derived]
        loads += [each.item(filling) for each in self.calls.values()]
        loads += [each.item(filling, rows) for each in self.ways.values() if each.leading]
        return loads

    async def complete(self, records: Sequence[Any], scope: Scope, filling: Filling) -> None:
        """Load what is shown of records that a function has found."""
        filling.spend(max(1, self.width) * len(records))
        loads = self._loads(filling, len(records))
        if records and loads:
            python = self.exposed.spec.python
            await scope.need_runtime().reader.load(records, python, scope, loads, reuse=False)

    async def load_rest(self, records: Sequence[Any], scope: Scope, filling: Filling) -> None:
        """Load what the records' own query could not: a relationship for the second time, with other arguments."""
        if not records or not self.deferred:
            return
        resource = self.exposed.spec.python
        for way in self.ways.values():
            if not way.leading:
                name = way.relationship.name
                kept = [each.__dict__.get(name, _ABSENT) for each in records]
                items = (way.item(filling, len(records)),)
                await scope.need_runtime().reader.load(records, resource, scope, items, reuse=False)
                for each, there in zip(records, kept, strict=True):
                    each.__dict__[way.slot] = each.__dict__.pop(name, HIDDEN)
                    if there is not _ABSENT:
                        each.__dict__[name] = there
        for way in self.ways.values():
            if way.found:
                await way.plan.complete(_behind(records, way), scope, filling)
            if way.plan.deferred:
                await way.plan.load_rest(_behind(records, way), scope, filling)


def _behind(records: Sequence[Any], way: Way) -> list[Any]:
    """The records behind a relationship, each once."""
    found: dict[int, Any] = {}
    for record in records:
        value = record.__dict__.get(way.slot)
        several = () if not value else value if way.relationship.to_many else (value,)
        found.update((id(each), each) for each in several)
    return list(found.values())


def asked[R](query: Query[R], given: Given) -> Query[R]:
    """The query with the filter and sort that came with it."""
    if given.get("filter"):
        query = query.filter_input(given["filter"])
    if given.get("sort"):
        query = query.sort_input(given["sort"])
    return query


def size_of(given: Given, rules: Paging) -> int:
    """The most rows of a list.

    Raises:
        InvalidPage: it asks for more than there may be.
    """
    return rules.limit_of(given.get("limit"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAsked:
    """A page with cursors."""

    limit: int | None
    after: str | None
    before: str | None


def page_of(given: Given, rules: Paging) -> PageAsked:
    """The page that the arguments ask for: forward by `first` and `after`, backward by `last` and `before`.

    Raises:
        InvalidPage: they contradict each other, or ask for too many rows.
    """
    first, after = given.get("first"), given.get("after")
    last, before = given.get("last"), given.get("before")
    if (first is not None and last is not None) or (after is not None and before is not None):
        raise InvalidPage(
            "last", last or before, allowed="`first` and `after`, or `last` and `before`, not both"
        )
    if last is not None and before is None:
        raise InvalidPage("last", last, allowed="beside `before`; turn the sort round to begin at the end")
    if (first is not None and before is not None) or (last is not None and after is not None):
        raise InvalidPage("first", first or last, allowed="`first` and `after`, or `last` and `before`")
    limit = first if first is not None else last
    if limit is not None:
        rules.limit_of(limit)
    return PageAsked(limit=limit, after=after, before=before)


Encode = Callable[[Any], Any]
"""From the values of a record, or a page, to what is shown of it."""
