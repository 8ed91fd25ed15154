"""Reads: get, list, pages, counts, related rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sorbus.data_layers.base import Bindings, Row
from sorbus.engine import cursors
from sorbus.engine.judging import LEAST_BATCH
from sorbus.engine.masking import bare, conceal, hide, is_untrusted, reachable, untrusted
from sorbus.engine.planning import Lowered, ReadPlan, Shape
from sorbus.errors.authorization import ActionForbidden, TenantRequired
from sorbus.errors.declaration import NoSuchField
from sorbus.errors.inputs import InvalidInput, InvalidPage, NotFound, NotUnique
from sorbus.expressions.build import Sort
from sorbus.expressions.nodes import FALSE, TRUE, Call, Node, Ordering, Param, Ref, conjunction
from sorbus.policies.explain import refusal
from sorbus.policies.fold import Variant
from sorbus.policies.nodes import has_runtime
from sorbus.query.page import Page
from sorbus.query.query import Query
from sorbus.schema.fields import RelationshipSpec
from sorbus.schema.policies import NOTHING_WANTED, Wanted
from sorbus.schema.resource import PRIMARY_READ, ResourceSpec
from sorbus.scope import Scope
from sorbus.types.hidden import HIDDEN

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

    def check(
        self,
        spec: ResourceSpec,
        action: str,
        scope: Scope,
        inputs: dict[str, Any] | None,
        wanted: Wanted = NOTHING_WANTED,
    ) -> Variant | None:
        """Steps 1 and 5 of a read: there is a tenant, and the policies do not refuse outright.

        Returns:
            What the policies know of the call; None when they are not asked.

        Raises:
            TenantRequired: the resource has a tenancy and the scope no tenant.
            ActionForbidden: no row could ever be allowed.
        """
        if not scope.authorize:
            return None
        if spec.tenancy is not None and scope.tenant is None:
            raise TenantRequired(spec.name, action)
        program = self.engine.program(spec, action)
        variant = program.reading(scope, inputs, wanted)
        if program.fold(variant) == FALSE:
            raise refusal(program, scope, inputs, variant=variant)
        return variant

    def wanted(
        self, query: Query[Any], spec: ResourceSpec, scope: Scope, via: tuple[str, str] | None = None
    ) -> Wanted:
        """What a query asks for, where policies look at it."""
        fields = self.engine.field_program(spec)
        curious = self.engine.program(spec, query.action).about_call or (fields and fields.about_call)
        return self.planner.wanted(query, spec, via) if curious and scope.authorize else NOTHING_WANTED

    async def get(self, spec: ResourceSpec, scope: Scope, key: Any) -> Any:
        """The record with a key, by the primary read."""
        record = await self.find(spec, scope, key)
        if record is None:
            raise NotFound(spec.name, key)
        return record

    async def find(self, spec: ResourceSpec, scope: Scope, key: Any) -> Any:
        """The record with a key, or None."""
        own = self.check(spec, PRIMARY_READ, scope, None) if scope.authorize else None
        shape = self._get_shapes.get(spec.name)
        if shape is None:
            shape = self._get_shape(spec)
        plan = self.planner.plan(shape, scope, None, own)
        rows = await self.run(plan, scope, (self.cast_key(spec, key),))
        records = plan.hydrate(rows)
        if plan.judge is not None:
            _, records = await plan.judge.seen(rows, records, scope)
        if plan.late:
            conceal(records)
        return records[0] if records else None

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
        self._get_keys[spec.name] = (key.type.python, key.type.adapter.validate_python)
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
        wanted = self.wanted(query, spec, scope)
        own = self.check(spec, query.action, scope, inputs, wanted)
        lowered = self.planner.lower(_sorted(query, spec), spec)
        return await self._records(lowered, spec, scope, inputs, own=own, wanted=wanted)

    async def _records(
        self,
        lowered: Lowered,
        spec: ResourceSpec,
        scope: Scope,
        inputs: dict[str, Any],
        *,
        own: Variant | None,
        wanted: Wanted,
    ) -> list[Any]:
        plan = self.planner.plan(lowered.shape, scope, inputs, own, wanted)
        if plan.judge is not None and lowered.shape.limit is not None:
            records = await self._seen(lowered, scope, inputs, own=own, wanted=wanted)
        else:
            rows = await self.run(plan, scope, lowered.values, inputs)
            records = plan.hydrate(rows)
            if plan.judge is not None:
                _, records = await plan.judge.seen(rows, records, scope)
        await self._finish(plan, records, lowered, spec, scope)
        return records

    async def _seen(
        self,
        lowered: Lowered,
        scope: Scope,
        inputs: dict[str, Any],
        *,
        own: Variant | None,
        wanted: Wanted,
    ) -> list[Any]:
        """As many records as were asked for, of those that Python lets through.

        The rows are read in batches until there are enough: a page is as long as if the others did not exist.
        """
        shape, values = lowered.shape, list(lowered.values)
        limit, offset = shape.limit or 0, shape.offset
        take, skip = values[limit], values[offset] if offset is not None else 0
        if offset is None:
            offset = len(values)
            values.append(0)
        plan = self.planner.plan(replace(shape, offset=offset), scope, inputs, own, wanted)
        values[limit], values[offset] = max(LEAST_BATCH, skip + take), 0
        found: list[Any] = []
        while plan.judge is not None:
            rows = await self.run(plan, scope, values, inputs)
            found += (await plan.judge.seen(rows, plan.hydrate(rows), scope))[1]
            values[offset] += values[limit]
            if len(found) >= skip + take or len(rows) < values[limit]:
                break
        return found[skip : skip + take]

    async def _finish(
        self, plan: ReadPlan, records: list[Any], lowered: Lowered, spec: ResourceSpec, scope: Scope
    ) -> None:
        """Step 15: related rows, then the calculations that run in Python; then what is hidden is hidden."""
        if not records:
            return
        for relationship, query in lowered.loads:
            await self._load_related(records, spec, relationship, query, scope)
        for name, function in plan.computed:
            for record in records:
                record.__dict__[name] = function(record)
        if plan.late:
            conceal(records)

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
        inputs = dict(inner.inputs)
        own, name = relationship.source_attribute, relationship.name
        if spec.field_policies is not None:
            records = reachable(records, own, name)
        wanted = self.wanted(inner, destination, scope, (spec.name, name))
        try:
            known = self.check(destination, inner.action, scope, inputs, wanted)
        except ActionForbidden:
            if relationship.authorize_read == "error":
                raise
            hide(records, name)
            return
        keys = list({key for record in records if (key := record.__dict__[own]) is not None})
        window: tuple[int, int | None] | None = None
        if self.engine.program(destination, inner.action).runtime:
            # Rows that Python has yet to look at take no place in the window of each source row.
            window, inner = (inner.skip or 0, inner.take), replace(inner, skip=None, take=None)
        lowered = self.planner.lower(_sorted(inner, destination, relationship.order), destination)
        lowered.values.append(keys)
        related = (spec.name, name, len(lowered.values) - 1)
        lowered.shape = replace(lowered.shape, related=related)
        if relationship.authorize_read == "error" and known is not None:
            await self._refuse_hidden(lowered, destination, scope, inputs, known)
        plan = self.planner.plan(lowered.shape, scope, inputs, known, wanted)
        rows: list[Row] = await self.run(plan, scope, lowered.values, inputs) if keys else []
        found = plan.hydrate(rows)
        if plan.judge is not None:
            rows, found = await plan.judge.seen(rows, found, scope)
        await self._finish(plan, found, lowered, destination, scope)
        _attach(records, rows, found, relationship, window)

    async def _refuse_hidden(
        self, lowered: Lowered, spec: ResourceSpec, scope: Scope, inputs: dict[str, Any], known: Variant
    ) -> None:
        """Refuse a load of related rows of which the actor may not see each one.

        Raises:
            ActionForbidden: there is one that it may not see.
        """
        shape = lowered.shape
        program = self.engine.program(spec, shape.action)
        folded = program.filter(known, surely=True)
        if folded == TRUE or not lowered.values[-1]:
            return
        refused = Call("not", (Call("is_true", (folded,)),))
        # The rest of the query narrows which rows are meant; its order and window do not matter.
        hidden = Shape(spec.name, shape.action, conjunction(shape.where, refused), related=shape.related)
        plan = self.planner.plan(hidden, replace(scope, authorize=False), inputs)
        if await self.run(plan, scope, lowered.values, inputs):
            raise refusal(program, scope, inputs, variant=known)

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
        wanted = self.wanted(query, spec, scope)
        own = self.check(spec, query.action, scope, inputs, wanted)
        program = self.engine.program(spec, query.action)
        if own is not None and program.runtime and has_runtime(program.fold(own)):
            # Only rows that Python has looked at may be counted.
            return len(await self.all(replace(query, take=None, skip=None, loads=()), scope))
        lowered = self.planner.lower(query, spec, count=True)
        plan = self.planner.plan(lowered.shape, scope, inputs, own, wanted)
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
        wanted = self.wanted(query, spec, scope)
        own = self.check(spec, query.action, scope, inputs, wanted)
        whole = _sorted(query, spec)
        if spec.field_policies is not None:
            whole = replace(whole, sorts=tuple(map(untrusted, whole.sorts)))
        lowered = self.planner.lower(whole.limit(limit + 1), spec)
        terms = _plain_terms(lowered.shape, spec)
        sort = f"{spec.name}:{terms}"
        backward = before is not None
        cursor = before if backward else after
        if cursor is not None:
            self._seek(lowered, terms, cursor, sort, spec, backward=backward)
        records = await self._records(lowered, spec, scope, inputs, own=own, wanted=wanted)
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
        hidden = spec.field_policies is not None
        nullable = [
            kind.nullable or (hidden and is_untrusted(term.node))
            for kind, term in zip(types, terms, strict=True)
        ]
        beyond: Node = cursors.beyond(terms, values, nullable, lowered.values)
        lowered.shape = replace(lowered.shape, where=conjunction(lowered.shape.where, beyond), order=order)

    def _cursor(self, record: Any, terms: tuple[Ordering, ...], sort: str) -> str:
        # A hidden value is null in the sort, and so it is in the cursor, which its holder can read.
        found = (record.__dict__[_name(term)] for term in terms)
        return cursors.encode(self.engine.secret, sort, [None if each is HIDDEN else each for each in found])


def _name(term: Ordering) -> str:
    node = bare(term.node)
    return node.name if isinstance(node, Ref) else ""


def _reversed(term: Ordering) -> Ordering:
    return Ordering(term.node, not term.descending, not term.puts_nulls_first)


def _plain_terms(shape: Shape, spec: ResourceSpec) -> tuple[Ordering, ...]:
    """The sort terms, which a keyset page can only follow over stored fields."""
    for term in shape.order:
        node = bare(term.node)
        if not isinstance(node, Ref) or node.path or node.name not in spec.attributes:
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


def _attach(
    records: list[Any],
    rows: list[Row],
    found: list[Any],
    relationship: RelationshipSpec,
    window: tuple[int, int | None] | None = None,
) -> None:
    """Put related records on their source records.

    Args:
        window: how many to skip and to take for each source row, where the statement could not do it.
    """
    own, name = relationship.source_attribute, relationship.name
    if not relationship.to_many:
        single = {row[0]: record for row, record in zip(rows, found, strict=True)}
        for record in records:
            record.__dict__[name] = single.get(record.__dict__[own])
        return
    groups: dict[Any, list[Any]] = {}
    for row, record in zip(rows, found, strict=True):
        groups.setdefault(row[0], []).append(record)
    if window is not None:
        skip, take = window
        groups = {key: each[skip : None if take is None else skip + take] for key, each in groups.items()}
    for record in records:
        record.__dict__[name] = groups.get(record.__dict__[own], [])
