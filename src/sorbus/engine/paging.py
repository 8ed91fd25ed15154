"""Pages: by cursor in both directions, and by position."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sorbus.data_layers.base import Row
from sorbus.engine import cursors
from sorbus.engine.cursors import Seal
from sorbus.engine.read_plans import Known, ReadPlan
from sorbus.engine.shapes import PageShape, Shape
from sorbus.engine.shaping import Lowered, whole
from sorbus.errors.inputs import InvalidCursor, InvalidPage
from sorbus.expressions.nodes import UNTRUSTED, Call, Node, Ordering, Param, Ref, walk
from sorbus.query.input_fields import has_order
from sorbus.query.page import Page
from sorbus.query.query import Query
from sorbus.query.statements import CombineKind
from sorbus.schema.kinds import kind_of
from sorbus.schema.paging import Paging
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.scope import Scope, tenant_key
from sorbus.types.names import bare, is_enum

if TYPE_CHECKING:
    from sorbus.engine.reading import Reader

_LARGEST_CACHE = 2000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a keyset page begins: after a cursor, before one, or at the first row.

    Attributes:
        plain: the shape of the query without the page.
        cursor: None at the first row.
    """

    plain: Shape
    seal: Seal
    cursor: str | None
    backward: bool


class Pager:
    """Reads the pages of an application's queries."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._digests: dict[Shape, tuple[bytes, tuple[int, ...]]] = {}

    def rules(self, query: Query[Any], spec: ResourceSpec) -> Paging:
        """How the rows of a query come in pages: as its action says, or its first part's."""
        while query.parts:
            query = query.parts[0][1]
        return spec.actions[query.action].page

    # by position

    async def offset_page(
        self, query: Query[Any], scope: Scope, *, limit: int | None, offset: int, count: bool | None
    ) -> Page[Any]:
        """One page by position; one row more is read to know whether there is a next page."""
        spec = self.reader.engine.spec_with_rows(query.resource)
        rules = self.rules(query, spec)
        size, counted = rules.limit_of(limit), rules.count_of(count)
        scope, known = self.reader.checked(query, spec, scope)
        query = whole(query)
        lowered = self.reader.planner.lower(query.limit(size + 1).offset(offset), spec)
        if counted:
            lowered.paged(PageShape(total=True, cursors=False))
        rows, plan, records = await self.reader.rows_of(
            lowered, spec, scope, query.inputs, most=size, known=known
        )
        total: int | None = None
        if counted:
            total = await self._total(query, scope, rows, plan)
        return Page(
            items=tuple(records),
            has_next=len(rows) > size,
            has_previous=offset > 0,
            limit=size,
            offset=offset,
            count=total,
        )

    # by cursor

    async def keyset_page(
        self,
        query: Query[Any],
        scope: Scope,
        *,
        limit: int | None,
        after: str | None,
        before: str | None,
        count: bool | None,
    ) -> Page[Any]:
        """One page from a signed cursor on, in one statement."""
        spec = self.reader.engine.spec_with_rows(query.resource)
        rules = self.rules(query, spec)
        size, counted = rules.limit_of(limit), rules.count_of(count)
        scope, known = self.reader.checked(query, spec, scope)
        query = whole(query)
        return await self.page_of(
            query, spec, scope, size=size, after=after, before=before, counted=counted, known=known
        )

    async def _total(self, query: Query[Any], scope: Scope, rows: Sequence[Row], plan: ReadPlan) -> int:
        """How many rows there are: as each row says, unless Python has to look at all of them."""
        found: int = rows[0][0] if rows and plan.judge is None else await self.reader.count(query, scope)
        return found

    async def page_of(
        self,
        query: Query[Any],
        spec: ResourceSpec,
        scope: Scope,
        *,
        size: int,
        after: str | None = None,
        before: str | None = None,
        counted: bool = False,
        known: Known = None,
    ) -> Page[Any]:
        """A page of a query that is checked and has no limit of its own."""
        lowered = self.reader.planner.lower(query.limit(size + 1), spec)
        place = self.place(lowered, spec, scope, after=after, before=before)
        self.seek(lowered, place, spec, counted=counted)
        rows, plan, records = await self.reader.rows_of(
            lowered, spec, scope, query.inputs, most=size, backward=place.backward, known=known
        )
        total = await self._total(query, scope, rows, plan) if counted else None
        if plan.judge is not None:
            earlier = place.cursor is not None and await self._any_in_front(query, spec, scope, place, known)
        elif rows:
            earlier = place.cursor is not None and bool(rows[0][1 if counted else 0])
        else:
            # Whatever there is lies on the other side of the cursor.
            earlier = place.cursor is not None and await self.reader.exists(query, scope)
        return self.made(rows, records, plan, place, size=size, total=total, earlier=earlier)

    async def _any_in_front(
        self, query: Query[Any], spec: ResourceSpec, scope: Scope, place: Place, known: Known
    ) -> bool:
        """Whether Python lets a row through that a cursor has left out in front."""
        lowered = self.reader.planner.lower(query.limit(1), spec)
        self.seek(lowered, place, spec, counted=False)
        page = lowered.shape.page
        if page is None or page.seek is None:
            return False
        front = Call("not", (Call("is_true", (page.seek,)),))
        lowered.paged(PageShape(seek=front, cursors=False))
        rows, _, _ = await self.reader.rows_of(lowered, spec, scope, query.inputs, most=1, known=known)
        return bool(rows)

    def made(
        self,
        rows: Sequence[Row],
        records: Sequence[Any],
        plan: ReadPlan,
        place: Place,
        *,
        size: int,
        total: int | None,
        earlier: bool,
    ) -> Page[Any]:
        """The page of some rows; `rows` are as they were read, `records` in the order of the page."""
        more = len(rows) > size
        shown = rows[:size]
        return Page(
            items=tuple(records),
            has_next=earlier if place.backward else more,
            has_previous=more if place.backward else earlier,
            limit=size,
            count=total,
            mark=_marker(shown[::-1] if place.backward else shown, plan, place.seal),
        )

    def place(
        self,
        lowered: Lowered,
        spec: ResourceSpec,
        scope: Scope,
        *,
        after: str | None,
        before: str | None,
        of: Any = None,
    ) -> Place:
        """Where a page of a query begins.

        Args:
            of: what else its cursors are bound to.

        Raises:
            InvalidPage: there are two cursors, or the rows cannot be paged by cursor.
        """
        if after is not None and before is not None:
            raise InvalidPage("before", before[:100], allowed="`after` or `before`, not both")
        problem = not_keyset(lowered.shape, spec)
        if problem:
            raise InvalidPage("sort", problem, allowed="what has one order; use `offset_page` for others")
        digest, positions = self._digest(lowered.shape)
        values = [lowered.values[each] for each in positions]
        seal = Seal(
            self.reader.engine.secret, cursors.binding(digest, [*values, of], tenant_key(scope.tenant))
        )
        cursor = before if before is not None else after
        return Place(lowered.shape, seal, cursor, before is not None)

    def _digest(self, shape: Shape) -> tuple[bytes, tuple[int, ...]]:
        """What of a query binds its cursors, and which of its values do: those that it sorts by."""
        found = self._digests.get(shape)
        if found is None:
            if len(self._digests) >= _LARGEST_CACHE:
                self._digests.clear()
            sorting = [term.node for term in shape.order]
            if shape.distinct is not None:
                sorting += [*shape.distinct.on, *(term.node for term in shape.distinct.order)]
            positions = tuple(
                each.index for node in sorting for each in walk(node) if isinstance(each, Param)
            )
            bound = replace(shape, fields=(), only=None, lock=None, templates=None, nested=(), usual=None)
            found = self._digests[shape] = (hashlib.sha256(repr(bound).encode()).digest(), positions)
        return found

    def seek(self, lowered: Lowered, place: Place, spec: ResourceSpec, *, counted: bool) -> None:
        """Make a lowered query that of its page."""
        if place.cursor is None:
            lowered.paged(PageShape(total=counted))
            return
        terms = place.plain.order
        values = cursors.decode(place.seal, place.cursor, len(terms))
        application = self.reader.planner.application
        values = [_typed(application, value, term, spec) for value, term in zip(values, terms, strict=True)]
        if place.backward:
            terms = tuple(map(_reversed, terms))
            lowered.shape = replace(lowered.shape, order=terms)
        nullable = [_nullable(term, spec) for term in terms]
        condition = cursors.beyond(terms, values, nullable, lowered.values)
        lowered.paged(PageShape(seek=condition, total=counted, earlier=True))


def not_keyset(shape: Shape, spec: ResourceSpec) -> str:
    """Why the rows of a shape cannot be paged by cursor; empty when they can."""
    if shape.distinct is None and _repeats(shape):
        return "a `union_all`, which may have a row twice"
    for term in shape.order:
        attribute = _attribute(term.node, spec)
        if attribute is not None and not has_order(attribute.type):
            return f"`{attribute.name}`, a {attribute.type.describe()}"
    return ""


def _repeats(shape: Shape) -> bool:
    """Whether a row may come twice: after a `union_all` that no later set has sorted out."""
    for kind, part in reversed(shape.parts):
        if kind is CombineKind.UNION_ALL:
            return True
        if kind is not None:
            return False
        return _repeats(part) and part.distinct is None
    return False


def _inner(node: Node) -> Node:
    """The node without the mark of what comes from outside."""
    return node.args[0] if isinstance(node, Call) and node.operator == UNTRUSTED else node


def _attribute(node: Node, spec: ResourceSpec) -> Any:
    """The attribute that a term is, or None."""
    node = _inner(node)
    plain = isinstance(node, Ref) and not node.path and not node.outer
    return spec.attributes.get(node.name) if plain and isinstance(node, Ref) else None


def _nullable(term: Ordering, spec: ResourceSpec) -> bool:
    attribute = _attribute(term.node, spec)
    # What comes from outside may be hidden from the actor, which makes it null.
    return attribute is None or attribute.type.nullable or isinstance(term.node, Call)


def _typed(application: ApplicationSpec, value: Any, term: Ordering, spec: ResourceSpec) -> Any:
    """The value of an enumeration as its member, which the statement compares with."""
    kind = bare(kind_of(application, _inner(term.node), (spec,)))
    if value is None or not is_enum(kind):
        return value
    try:
        return kind(value)
    except ValueError:
        raise InvalidCursor("it was made by another version") from None


def _reversed(term: Ordering) -> Ordering:
    return Ordering(term.node, not term.descending, not term.puts_nulls_first)


def _marker(rows: Sequence[Row], plan: ReadPlan, seal: Seal) -> Callable[[int], str]:
    """Makes the cursors of a page's rows, when they are asked for."""

    def mark(index: int) -> str:
        row = rows[index]
        return cursors.encode(seal, [row[place] for place in plan.marks])

    return mark
