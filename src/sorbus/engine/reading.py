"""Reads: get, list, pages, counts, related rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sorbus.data_layers.base import Bindings, Row
from sorbus.engine import cursors
from sorbus.engine.planning import Lowered, ReadPlan, Shape
from sorbus.errors.authorization import ActionForbidden, TenantRequired
from sorbus.errors.declaration import NoSuchField
from sorbus.errors.inputs import InvalidInput, InvalidPage, NotFound, NotUnique
from sorbus.expressions.build import Sort
from sorbus.expressions.nodes import FALSE, Call, Node, Ordering, Param, Ref, conjunction
from sorbus.policies.explain import refusal
from sorbus.query.page import Page
from sorbus.query.query import Query
from sorbus.schema.fields import RelationshipSpec
from sorbus.schema.resource import PRIMARY_READ, ResourceSpec
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine

LARGEST_PAGE = 1000


class Reader:
    """Runs the reads of an application."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.planner = engine.planner
        self._get_shapes: dict[str, Shape] = {}
        self._get_keys: dict[str, Any] = {}

    def check(self, spec: ResourceSpec, action: str, scope: Scope, inputs: dict[str, Any] | None) -> None:
        """Steps 1 and 5 of a read: there is a tenant, and the policies do not refuse outright.

        Raises:
            TenantRequired: the resource has a tenancy and the scope no tenant.
            ActionForbidden: no row could ever be allowed.
        """
        if not scope.authorize:
            return
        if spec.tenancy is not None and scope.tenant is None:
            raise TenantRequired(spec.name, action)
        program = self.engine.program(spec, action)
        if program.fold(program.variant(scope, inputs)) == FALSE:
            raise refusal(program, scope, inputs)

    async def get(self, spec: ResourceSpec, scope: Scope, key: Any) -> Any:
        """The record with a key, by the primary read."""
        record = await self.find(spec, scope, key)
        if record is None:
            raise NotFound(spec.name, key)
        return record

    async def find(self, spec: ResourceSpec, scope: Scope, key: Any) -> Any:
        """The record with a key, or None."""
        if scope.authorize:
            self.check(spec, PRIMARY_READ, scope, None)
        shape = self._get_shapes.get(spec.name)
        if shape is None:
            shape = self._get_shape(spec)
        plan = self.planner.plan(shape, scope)
        rows = await self.run(plan, scope, (self.cast_key(spec, key),))
        return plan.hydrate(rows)[0] if rows else None

    async def find_or_none(self, spec: ResourceSpec, scope: Scope, key: Any) -> Any:
        """The record with a key as far as the actor may see it; None also when it may see nothing here."""
        try:
            return await self.find(spec, scope, key)
        except (ActionForbidden, TenantRequired):
            return None

    def _get_shape(self, spec: ResourceSpec) -> Shape:
        key = spec.primary_key
        where = Call("eq", (Ref(key.name), Param(0, key.type.python)))
        shape = self._get_shapes[spec.name] = Shape(spec.name, PRIMARY_READ, where)
        dump = key.type.codec.dump
        validate = key.type.adapter.validate_python
        cast = validate if dump is None else lambda value: dump(validate(value))
        self._get_keys[spec.name] = (key.type.python if dump is None else (), cast)
        return shape

    def cast_key(self, spec: ResourceSpec, key: Any) -> Any:
        """A key in its declared type.

        Raises:
            InvalidInput: it can be none.
        """
        found = self._get_keys.get(spec.name)
        if found is None:
            self._get_shape(spec)
            found = self._get_keys[spec.name]
        python, validate = found
        if isinstance(key, python):
            return key
        try:
            return validate(key)
        except ValueError:
            kind = spec.primary_key.type.describe()
            raise InvalidInput(
                spec.name, spec.primary_key.name, problem="it is no valid key", expected=kind
            ) from None

    async def run(
        self, plan: ReadPlan, scope: Scope, values: Any, inputs: dict[str, Any] | None = None
    ) -> Any:
        """The rows of a plan, in the task's transaction or a session of its own."""
        bindings = Bindings(values, scope.actor, scope.tenant, inputs)
        transaction = self.engine.transaction_of_task()
        if transaction is not None:
            return await plan.executable.fetch(await transaction.session(plan.layer), bindings)
        session = await plan.layer.acquire()
        try:
            return await plan.executable.fetch(session, bindings)
        finally:
            plan.layer.release(session)

    async def all(self, query: Query[Any], scope: Scope) -> list[Any]:
        """Every record of a query."""
        spec = self.engine.spec_of(query.resource)
        inputs = dict(query.inputs)
        self.check(spec, query.action, scope, inputs)
        return await self._records(self.planner.lower(_sorted(query, spec), spec), spec, scope, inputs)

    async def _records(
        self, lowered: Lowered, spec: ResourceSpec, scope: Scope, inputs: dict[str, Any]
    ) -> list[Any]:
        plan = self.planner.plan(lowered.shape, scope, inputs)
        rows = await self.run(plan, scope, lowered.values, inputs)
        records = plan.hydrate(rows)
        await self._finish(plan, records, lowered, spec, scope)
        return records

    async def _finish(
        self, plan: ReadPlan, records: list[Any], lowered: Lowered, spec: ResourceSpec, scope: Scope
    ) -> None:
        """Step 15: related rows, then the calculations that run in Python."""
        if not records:
            return
        for relationship, query in lowered.loads:
            await self._load_related(records, spec, relationship, query, scope)
        for name, function in plan.computed:
            for record in records:
                record.__dict__[name] = function(record)

    async def load_related(
        self, records: list[Any], spec: ResourceSpec, names: tuple[str, ...], scope: Scope
    ) -> None:
        """Load relationships on records that are at hand."""
        for name in names:
            relationship = spec.relationships.get(name)
            if relationship is None:
                raise NoSuchField(spec.name, name, allowed=spec.relationships, where="a load")
            await self._load_related(records, spec, relationship, None, scope)

    async def _load_related(
        self,
        records: list[Any],
        spec: ResourceSpec,
        relationship: RelationshipSpec,
        query: Query[Any] | None,
        scope: Scope,
    ) -> None:
        destination = self.planner.application.destination(relationship)
        inner: Query[Any] = query if query is not None else Query(resource=destination.python)
        self.check(destination, inner.action, scope, dict(inner.inputs))
        own, name = relationship.source_attribute, relationship.name
        keys = list({key for record in records if (key := record.__dict__[own]) is not None})
        lowered = self.planner.lower(_sorted(inner, destination, relationship.order), destination)
        lowered.values.append(keys)
        related = (spec.name, name, len(lowered.values) - 1)
        lowered.shape = replace(lowered.shape, related=related)
        plan = self.planner.plan(lowered.shape, scope, dict(inner.inputs))
        rows: list[Row] = await self.run(plan, scope, lowered.values, dict(inner.inputs)) if keys else []
        found = plan.hydrate(rows)
        await self._finish(plan, found, lowered, destination, scope)
        _attach(records, rows, found, relationship)

    async def exactly_one(self, query: Query[Any], scope: Scope) -> Any:
        """The one record of a query."""
        records = await self.all(query.limit(2), scope)
        if not records:
            raise NotFound(query.resource.__name__)
        if len(records) > 1:
            raise NotUnique(query.resource.__name__)
        return records[0]

    async def count(self, query: Query[Any], scope: Scope) -> int:
        """How many rows a query has, whatever its limit."""
        spec = self.engine.spec_of(query.resource)
        inputs = dict(query.inputs)
        self.check(spec, query.action, scope, inputs)
        lowered = self.planner.lower(query, spec, count=True)
        plan = self.planner.plan(lowered.shape, scope, inputs)
        rows = await self.run(plan, scope, lowered.values, inputs)
        return int(rows[0][0])

    async def offset_page(
        self, query: Query[Any], scope: Scope, *, limit: int, offset: int, count: bool
    ) -> Page[Any]:
        """One page by position; one row more is read to know whether there is a next page."""
        _check_page(limit=limit, offset=offset)
        records = await self.all(query.limit(limit + 1).offset(offset), scope)
        return Page(
            items=tuple(records[:limit]),
            has_next=len(records) > limit,
            has_previous=offset > 0,
            limit=limit,
            offset=offset,
            count=await self.count(query, scope) if count else None,
        )

    async def keyset_page(
        self,
        query: Query[Any],
        scope: Scope,
        *,
        limit: int,
        after: str | None,
        before: str | None,
        count: bool,
    ) -> Page[Any]:
        """One page from a signed cursor on."""
        _check_page(limit=limit)
        if after is not None and before is not None:
            raise InvalidPage("before", before, allowed="`after` or `before`, not both")
        spec = self.engine.spec_of(query.resource)
        inputs = dict(query.inputs)
        self.check(spec, query.action, scope, inputs)
        whole = _sorted(query, spec)
        lowered = self.planner.lower(whole.limit(limit + 1), spec)
        terms = _plain_terms(lowered.shape, spec)
        sort = f"{spec.name}:{terms}"
        backward = before is not None
        cursor = before if backward else after
        if cursor is not None:
            self._seek(lowered, terms, cursor, sort, spec, backward=backward)
        records = await self._records(lowered, spec, scope, inputs)
        more = len(records) > limit
        records = records[:limit]
        if backward:
            records.reverse()
        return Page(
            items=tuple(records),
            has_next=True if backward else more,
            has_previous=more if backward else after is not None,
            limit=limit,
            start_cursor=self._cursor(records[0], terms, sort) if records else None,
            end_cursor=self._cursor(records[-1], terms, sort) if records else None,
            count=await self.count(query, scope) if count else None,
        )

    def _seek(
        self,
        lowered: Lowered,
        terms: tuple[Ordering, ...],
        cursor: str,
        sort: str,
        spec: ResourceSpec,
        *,
        backward: bool,
    ) -> None:
        """Restrict a lowered query to the rows beyond a cursor."""
        types = [spec.attributes[_name(term)].type for term in terms]
        values = cursors.decode(self.engine.secret, sort, cursor, types)
        order = lowered.shape.order
        if backward:
            order = tuple(_reversed(term) for term in order)
            terms = tuple(_reversed(term) for term in terms)
        nullable = [kind.nullable for kind in types]
        beyond: Node = cursors.beyond(terms, values, nullable, lowered.values)
        lowered.shape = replace(lowered.shape, where=conjunction(lowered.shape.where, beyond), order=order)

    def _cursor(self, record: Any, terms: tuple[Ordering, ...], sort: str) -> str:
        attributes = self.engine.spec_of(type(record)).attributes
        values = ((attributes[_name(term)].type, record.__dict__[_name(term)]) for term in terms)
        return cursors.encode(self.engine.secret, sort, [kind.shown(value) for kind, value in values])


def _name(term: Ordering) -> str:
    return term.node.name if isinstance(term.node, Ref) else ""


def _reversed(term: Ordering) -> Ordering:
    return Ordering(term.node, not term.descending, not term.puts_nulls_first)


def _plain_terms(shape: Shape, spec: ResourceSpec) -> tuple[Ordering, ...]:
    """The sort terms, which a keyset page can only follow over stored fields."""
    for term in shape.order:
        if not isinstance(term.node, Ref) or term.node.path or term.node.name not in spec.attributes:
            raise InvalidPage(
                "sort",
                "a derived field",
                allowed="keyset pages sort by attributes; use `offset_page` for others",
            )
    return shape.order


def _sorted(query: Query[Any], spec: ResourceSpec, otherwise: tuple[Ordering, ...] = ()) -> Query[Any]:
    """The query with a total order: its own terms or the relationship's, then the key."""
    key = getattr(spec.python, spec.primary_key.name)
    if otherwise and not query.sorts:
        terms = tuple(_As(term) for term in otherwise)
        return replace(query, sorts=(*terms, Sort(key)))
    if any(getattr(term.by, "name", None) == spec.primary_key.name for term in query.sorts):
        return query
    return replace(query, sorts=(*query.sorts, Sort(key)))


class _As(Sort):
    """A term that is already lowered."""

    def __init__(self, term: Ordering) -> None:
        object.__setattr__(self, "by", term)
        object.__setattr__(self, "descending", term.descending)
        object.__setattr__(self, "nulls_first", term.nulls_first)

    def lower(self, context: Any) -> Ordering:
        """The term itself."""
        del context
        term: Any = self.by
        return Ordering(term.node, term.descending, term.nulls_first)


def _check_page(*, limit: int, offset: int = 0) -> None:
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidPage("limit", limit, allowed=f"1 to {LARGEST_PAGE}")
    if offset < 0:
        raise InvalidPage("offset", offset, allowed="0 or more")


def _attach(records: list[Any], rows: list[Row], found: list[Any], relationship: RelationshipSpec) -> None:
    """Put related records on their source records."""
    own, name = relationship.source_attribute, relationship.name
    if not relationship.to_many:
        single = {row[0]: record for row, record in zip(rows, found, strict=True)}
        for record in records:
            record.__dict__[name] = single.get(record.__dict__[own])
        return
    groups: dict[Any, list[Any]] = {}
    for row, record in zip(rows, found, strict=True):
        groups.setdefault(row[0], []).append(record)
    for record in records:
        record.__dict__[name] = groups.get(record.__dict__[own], [])
