"""The immutable query: what to read, before anything is compiled."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from sorbus.errors.framework import QueryWithoutScope
from sorbus.expressions.build import Expr, Sort
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.query.page import Page

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadItem:
    """One thing to load along: a field or a relationship, the latter with a query of its own."""

    target: Any
    query: Any = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Query(Generic[R_co]):
    """A read that has not run yet. Every method answers with a new query; the terminal ones run it.

    Attributes:
        resource: the class whose rows are read.
        action: the name of the read action it runs as.
        untrusted: conditions that came from outside; they see public fields only.
    """

    resource: type[Any]
    scope: Scope | None = None
    action: str = "read"
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    conditions: tuple[Expr[bool], ...] = ()
    sorts: tuple[Sort, ...] = ()
    loads: tuple[LoadItem, ...] = ()
    take: int | None = None
    skip: int | None = None
    locked: bool = False

    def where(self, *conditions: Expr[bool]) -> Self:
        """Only rows that meet all the conditions."""
        return replace(self, conditions=self.conditions + conditions)

    def order_by(self, *sorts: Sort | Expr[Any]) -> Self:
        """Sort by these terms, after those already given. The key is always the last term."""
        terms = tuple(each if isinstance(each, Sort) else Sort(each) for each in sorts)
        return replace(self, sorts=self.sorts + terms)

    def load(self, *targets: Any) -> Self:
        """Load calculations, aggregates and relationships along with the rows."""
        return replace(self, loads=self.loads + tuple(LoadItem(target=each) for each in targets))

    def load_with(self, relationship: Any, query: Query[Any]) -> Self:
        """Load related rows through a query of their own: filtered, sorted, with further loads."""
        return replace(self, loads=(*self.loads, LoadItem(target=relationship, query=query)))

    def limit(self, count: int) -> Self:
        """At most `count` rows."""
        return replace(self, take=count)

    def offset(self, count: int) -> Self:
        """Leave out the first `count` rows."""
        return replace(self, skip=count)

    def lock(self) -> Self:
        """Lock the rows until the end of the transaction (`FOR UPDATE`)."""
        return replace(self, locked=True)

    def with_scope(self, scope: Scope) -> Self:
        """The same query for another caller."""
        return replace(self, scope=scope)

    def _runtime(self, scope: Scope | None) -> tuple[Any, Scope]:
        found = scope or self.scope
        if found is None:
            raise QueryWithoutScope(self.resource.__name__)
        return found.need_runtime(), found

    async def all(self, scope: Scope | None = None) -> list[R_co]:
        """Every row.

        Raises:
            Forbidden: no policy allows the actor to read here.
        """
        runtime, found = self._runtime(scope)
        rows: list[R_co] = await runtime.read(self, found)
        return rows

    async def first(self, scope: Scope | None = None) -> R_co | None:
        """The first row, or None."""
        rows = await self.limit(1).all(scope)
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

    async def count(self, scope: Scope | None = None) -> int:
        """How many rows there are, whatever the limit."""
        runtime, found = self._runtime(scope)
        number: int = await runtime.count(self, found)
        return number

    async def page(
        self,
        *,
        limit: int = 50,
        after: str | None = None,
        before: str | None = None,
        count: bool = False,
        scope: Scope | None = None,
    ) -> Page[R_co]:
        """One keyset page: stable while rows come and go, at the same price however deep.

        Args:
            limit: rows on the page, 1 to 1000.
            after, before: a signed cursor of an earlier page.
            count: whether to count all rows too.

        Raises:
            InvalidCursor: the cursor is broken, forged, or of a query with another sort.
        """
        runtime, found = self._runtime(scope)
        page: Page[R_co] = await runtime.keyset_page(
            self, found, limit=limit, after=after, before=before, count=count
        )
        return page

    async def offset_page(
        self, *, limit: int = 50, offset: int = 0, count: bool = False, scope: Scope | None = None
    ) -> Page[R_co]:
        """One page by position."""
        runtime, found = self._runtime(scope)
        page: Page[R_co] = await runtime.offset_page(self, found, limit=limit, offset=offset, count=count)
        return page

    async def stream(self, *, batch: int = 500, scope: Scope | None = None) -> AsyncIterator[R_co]:
        """Every row, fetched in keyset batches; memory stays flat."""
        after: str | None = None
        while True:
            page = await self.page(limit=batch, after=after, scope=scope)
            for row in page.items:
                yield row
            if not page.has_next:
                return
            after = page.end_cursor
