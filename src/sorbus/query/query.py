"""The immutable query: what to read, before anything is compiled."""

# mypy promotes int to float in the overloads of `avg`.
# mypy: disable-error-code="overload-overlap"

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, cast, overload

from sorbus.errors.framework import CannotCombine, QueryWithoutScope
from sorbus.errors.inputs import InvalidPage
from sorbus.expressions.build import Expr, Sort
from sorbus.query.inputs import FilterInput, SortInput
from sorbus.query.statements import CombineKind, Lock, LockMode, LockWait, SummaryKind
from sorbus.query.templates import Templates
from sorbus.query.totals import Total
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.query.page import Page

R_co = TypeVar("R_co", covariant=True)
U = TypeVar("U")
N = TypeVar("N", int, float, Decimal, timedelta)
M = TypeVar("M", float, timedelta)

LockModeName = Literal["update", "no_key_update", "share", "key_share"]
LockWaitName = Literal["nowait", "skip_locked"]
Fallback = Literal["offset", "full"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedPage:
    """Which page of related rows each record gets."""

    limit: int | None = None
    after: str | None = None
    before: str | None = None
    offset: int | None = None
    count: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadItem:
    """One thing to load along: a field or a relationship, the latter with a query or a page of its own.

    Attributes:
        most: the most related rows of all records together; more are an error.
    """

    target: Any
    query: Any = None
    page: NestedPage | None = None
    most: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Query(Generic[R_co]):
    """A read that has not run yet. Every method answers with a new query; the terminal ones run it.

    Attributes:
        resource: the class whose rows are read.
        action: the name of the read action it runs as.
        parts: the queries whose combination the rows come from; the first has no kind.
        only: the attributes to read; None reads all of them.
        templates: the texts to answer with, instead of records; only where `Reader.writes` says yes.
    """

    resource: type[Any]
    scope: Scope | None = None
    action: str = "read"
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    conditions: tuple[Expr[bool] | FilterInput, ...] = ()
    sorts: tuple[Sort | SortInput, ...] = ()
    loads: tuple[LoadItem, ...] = ()
    take: int | None = None
    skip: int | None = None
    locking: Lock | None = None
    only: tuple[Any, ...] | None = None
    distinct_on: tuple[Expr[Any], ...] = ()
    distinct_sorts: tuple[Sort, ...] = ()
    parts: tuple[tuple[CombineKind | None, Query[Any]], ...] = ()
    templates: Templates | None = None

    def _with(self, **changes: Any) -> Self:
        # Queries are built on every request, and `dataclasses.replace` takes several times as long.
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, **changes)
        return made

    def where(self, *conditions: Expr[bool]) -> Self:
        """Only rows that meet all the conditions."""
        return self._with(conditions=self.conditions + conditions)

    def order_by(self, *sorts: Sort | Expr[Any]) -> Self:
        """Sort by these terms, after those already given. The key is always the last term."""
        return self._with(sorts=self.sorts + _terms(sorts))

    def filter_input(self, data: Any) -> Self:
        """Only rows that meet a condition from outside, written as plain data.

        `{"and": [{"title": {"contains": "x"}}, {"author": {"name": {"eq": "Ada"}}}]}`: every field has a map
        of operators. It sees public fields that may be filtered by; of related rows those that the actor may
        read; a field that is hidden from the actor is null. It is checked at once when the query has a scope,
        else when the query runs.

        Raises:
            InvalidFilter: it names what it may not, or is no condition.
        """
        return self._with(conditions=(*self.conditions, FilterInput(self.resource, data, self.scope)))

    def sort_input(self, data: str | Sequence[str]) -> Self:
        """Sort as somebody outside asks for: `"-inserted_at,title"`, or a list of such terms.

        `-` is descending; `++` puts nulls first and `--` last against the usual order. A term may go over
        to-one relationships (`author.name`). It sees public fields that may be sorted by, checked as those of
        `filter_input`.

        Raises:
            InvalidFilter: a term is not over such a field.
        """
        return self._with(sorts=(*self.sorts, SortInput(self.resource, data, self.scope)))

    def distinct(self, *fields: Expr[Any], order_by: Sort | Expr[Any] | Sequence[Any] = ()) -> Self:
        """One row for each combination of values of the fields: the first in `order_by`.

        The rows are then sorted as the query says; without `order_by` its sort also says which row is first.
        Conditions are met before, wherever they are written; limits, pages and counts come after.
        """
        sorts = (order_by,) if isinstance(order_by, (Sort, Expr)) else order_by
        return self._with(distinct_on=fields, distinct_sorts=_terms(sorts))

    def select(self, *fields: Expr[Any]) -> Self:
        """Read these attributes only; to touch another one on a record raises `NotLoaded`.

        The key is always read, and what loads and computed methods need.
        """
        return self._with(only=fields)

    def load(self, *targets: Any) -> Self:
        """Load calculations, aggregates and relationships along with the rows."""
        return self._with(loads=self.loads + load_items(targets))

    def load_with(self, relationship: Any, query: Query[Any]) -> Self:
        """Load related rows through a query of their own: filtered, sorted, limited, with further loads.

        A limit and an offset count for each record. A read action's query brings the action's policies.
        """
        return self._with(loads=(*self.loads, LoadItem(target=relationship, query=query)))

    def load_page(
        self,
        relationship: Any,
        query: Query[Any] | None = None,
        *,
        limit: int | None = None,
        after: str | None = None,
        before: str | None = None,
        offset: int | None = None,
        count: bool | None = None,
    ) -> Self:
        """Load one page of related rows on each record: `Author.articles.page_of(author)`.

        Args:
            after, before: a cursor of such a page; it counts for every record.
            offset: a page by position instead.
            count: whether each page knows the number of all rows of its record.
        """
        page = NestedPage(limit=limit, after=after, before=before, offset=offset, count=count)
        return self._with(loads=(*self.loads, LoadItem(target=relationship, query=query, page=page)))

    @property
    def cut(self) -> bool:
        """Whether it says itself how many rows there are, by a limit or an offset."""
        return self.take is not None or self.skip is not None

    def limit(self, count: int) -> Self:
        """At most `count` rows.

        Raises:
            InvalidPage: it is negative, or more than there can be.
        """
        return self._with(take=_number("limit", count))

    def offset(self, count: int) -> Self:
        """Leave out the first `count` rows.

        Raises:
            InvalidPage: it is negative, or more than there can be.
        """
        return self._with(skip=_number("offset", count))

    def written(self, templates: Templates, *loads: LoadItem) -> Query[Any]:
        """The same rows as texts instead of records, for interfaces; `loads` are the derived fields in them."""
        return self._with(templates=templates, loads=loads, only=None)

    def lock(self, mode: LockModeName = "update", wait: Literal[True] | LockWaitName = True) -> Self:
        """Lock the rows until the end of the transaction.

        Args:
            mode: how strong, as in PostgreSQL: `update`, `no_key_update`, `share`, `key_share`.
            wait: wait for others that have locked a row, `"nowait"` raises `LockNotAvailable` instead, and
                `"skip_locked"` leaves such rows out.
        """
        waiting = LockWait.WAIT if wait is True else LockWait(wait)
        return self._with(locking=Lock(LockMode(mode), waiting))

    def with_scope(self, scope: Scope) -> Self:
        """The same query for another caller."""
        return self._with(scope=scope)

    # combinations

    def union(self, *others: Query[Any]) -> Self:
        """The rows of this query and of others of the same resource, each once.

        Each part keeps its own conditions, sort and limit, action and policies; what is written after it
        counts for the result. Combinations go from left to right.

        Raises:
            CannotCombine: a query is of another resource.
        """
        return self._combined(CombineKind.UNION, others)

    def union_all(self, *others: Query[Any]) -> Self:
        """The same, but a row that several parts have comes several times."""
        return self._combined(CombineKind.UNION_ALL, others)

    def intersect(self, *others: Query[Any]) -> Self:
        """The rows that all of the queries have."""
        return self._combined(CombineKind.INTERSECT, others)

    def difference(self, *others: Query[Any]) -> Self:
        """The rows of this query that the others do not have."""
        return self._combined(CombineKind.DIFFERENCE, others)

    def _combined(self, kind: CombineKind, others: tuple[Query[Any], ...]) -> Self:
        for other in others:
            if other.resource is not self.resource:
                raise CannotCombine(self.resource.__name__, other.resource.__name__)
        more = tuple((kind, other) for other in others)
        plain = (self.conditions, self.sorts, self.loads, self.distinct_on) == ((), (), (), ())
        if self.parts and plain and self.take is None and self.skip is None and self.only is None:
            return self._with(parts=self.parts + more)
        found: Query[R_co] = Query(
            resource=self.resource,
            scope=self.scope,
            parts=((None, self), *more),
            loads=self.loads,
            only=self.only,
            locking=self.locking,
        )
        return cast("Self", found)

    # running it

    def _runtime(self, scope: Scope | None) -> tuple[Any, Scope]:
        found = scope or self.scope
        if found is None:
            raise QueryWithoutScope(self.resource.__name__)
        return found.need_runtime(), found

    async def all(self, scope: Scope | None = None) -> list[R_co]:
        """Every row.

        Raises:
            Forbidden: no policy allows the actor to read here.
            LockNotAvailable: a row is locked by somebody else, and `lock` does not wait.
            PageRequired: the action's rows are read in pages only.
        """
        runtime, found = self._runtime(scope)
        rows: list[R_co] = await runtime.read(self, found)
        return rows

    async def first(self, scope: Scope | None = None) -> R_co | None:
        """The first row, or None."""
        rows = await self.limit(1 if self.take is None else min(self.take, 1)).all(scope)
        return rows[0] if rows else None

    async def one(self, scope: Scope | None = None) -> R_co:
        """The one row.

        Raises:
            NotFound: there is none.
            NotUnique: there are more.
        """
        runtime, found = self._runtime(scope)
        row: R_co = await runtime.read_exactly_one(self, found)
        return row

    async def one_or_none(self, scope: Scope | None = None) -> R_co | None:
        """The one row, or None.

        Raises:
            NotUnique: there are more.
        """
        runtime, found = self._runtime(scope)
        row: R_co | None = await runtime.read_exactly_one(self, found, optional=True)
        return row

    # values over all rows

    async def count(self, scope: Scope | None = None) -> int:
        """How many rows there are, whatever the limit."""
        number: int = await self._value(SummaryKind.COUNT, None, scope, whole=True)
        return number

    async def exists(self, scope: Scope | None = None) -> bool:
        """Whether there is a row."""
        runtime, found = self._runtime(scope)
        there: bool = await runtime.reader.exists(self, found)
        return there

    async def sum(self, field: Expr[N | None], scope: Scope | None = None) -> N:
        """The sum of a field over the rows that `all` would answer with; zero without rows."""
        total: N = await self._value(SummaryKind.SUM, field, scope)
        return total

    async def min(self, field: Expr[U] | Expr[U | None], scope: Scope | None = None) -> U | None:
        """The least value of a field; None without values."""
        value: U | None = await self._value(SummaryKind.MIN, field, scope)
        return value

    async def max(self, field: Expr[U] | Expr[U | None], scope: Scope | None = None) -> U | None:
        """The greatest value of a field; None without values."""
        value: U | None = await self._value(SummaryKind.MAX, field, scope)
        return value

    @overload
    async def avg(
        self, field: Expr[int | None] | Expr[Decimal | None], scope: Scope | None = ...
    ) -> Decimal | None: ...
    @overload
    async def avg(self, field: Expr[M | None], scope: Scope | None = ...) -> M | None: ...
    async def avg(self, field: Expr[Any], scope: Scope | None = None) -> Any:
        """The mean of a field; None without values. That of integers is a decimal."""
        return await self._value(SummaryKind.AVG, field, scope)

    async def first_of(self, field: Expr[U], scope: Scope | None = None) -> U | None:
        """A field of the first row; None without rows."""
        values = await self.limit(1 if self.take is None else min(self.take, 1)).list_of(field, scope)
        return values[0] if values else None

    async def list_of(self, field: Expr[U], scope: Scope | None = None) -> list[U]:
        """A field of every row, in the query's order."""
        runtime, found = self._runtime(scope)
        values: list[U] = await runtime.reader.values(self, found, field)
        return values

    async def aggregate(self, *, scope: Scope | None = None, **totals: Total[Any]) -> dict[str, Any]:
        """Several values over the rows that `all` would answer with, in one statement.

        `await query.aggregate(n=agg.count(), most=agg.max(Article.price), late=agg.count(where=…))`
        """
        runtime, found = self._runtime(scope)
        values = await runtime.reader.summarize(self, found, tuple(totals.values()), whole=False)
        return dict(zip(totals, values, strict=True))

    async def _value(
        self, kind: SummaryKind, of: Expr[Any] | None, scope: Scope | None, *, whole: bool = False
    ) -> Any:
        runtime, found = self._runtime(scope)
        total: Total[Any] = Total(kind=kind, of=of)
        (value,) = await runtime.reader.summarize(self, found, (total,), whole=whole)
        return value

    # pages

    async def page(
        self,
        *,
        limit: int | None = None,
        after: str | None = None,
        before: str | None = None,
        count: bool | None = None,
        scope: Scope | None = None,
    ) -> Page[R_co]:
        """One keyset page: stable while rows come and go, at the same price however deep.

        Args:
            limit: rows on the page, up to what the action allows (default 50, at most 1000).
            after, before: a signed cursor of an earlier page.
            count: whether to count all rows too; by default as the action says.

        Raises:
            InvalidCursor: the cursor is broken, forged, or of another query or tenant.
            InvalidPage: the limit is out of range, or a row may come twice.
        """
        runtime, found = self._runtime(scope)
        page: Page[R_co] = await runtime.keyset_page(
            self, found, limit=limit, after=after, before=before, count=count
        )
        return page

    async def offset_page(
        self,
        *,
        limit: int | None = None,
        offset: int = 0,
        count: bool | None = None,
        scope: Scope | None = None,
    ) -> Page[R_co]:
        """One page by position.

        Raises:
            InvalidPage: limit or offset is out of range.
        """
        runtime, found = self._runtime(scope)
        page: Page[R_co] = await runtime.offset_page(self, found, limit=limit, offset=offset, count=count)
        return page

    async def stream(
        self, *, batch: int = 500, fallback: Fallback | None = None, scope: Scope | None = None
    ) -> AsyncIterator[R_co]:
        """Every row, fetched in keyset batches: memory stays flat, and each row comes once.

        Args:
            batch: rows of one statement.
            fallback: what to do where no keyset is possible (`union_all`, sorts by lists or documents):
                `"offset"` reads batches by position, which may miss or repeat rows while others write;
                `"full"` reads all rows at once. Without it such a query is refused.

        Raises:
            InvalidPage: no keyset is possible, and there is no fallback.
        """
        runtime, found = self._runtime(scope)
        async for row in runtime.reader.stream(self, found, batch=batch, fallback=fallback):
            yield row


def _number(name: str, count: int) -> int:
    """A number of rows that a statement can be asked for."""
    if not 0 <= count < 2**63:
        raise InvalidPage(name, count, allowed="0 or more")
    return count


def _terms(sorts: Sequence[Sort | Expr[Any]]) -> tuple[Sort, ...]:
    return tuple(each if isinstance(each, Sort) else Sort(each) for each in sorts)


def load_items(targets: Sequence[Any]) -> tuple[LoadItem, ...]:
    """What to load, from fields, relationships and queries, whose loads are taken."""
    items: list[LoadItem] = []
    for each in targets:
        if isinstance(each, Query):
            items.extend(each.loads)
        else:
            items.append(load_item(each))
    return tuple(items)


def load_item(target: Any) -> LoadItem:
    """What to load, from a field, a relationship or a whole item."""
    return target if isinstance(target, LoadItem) else LoadItem(target=target)
