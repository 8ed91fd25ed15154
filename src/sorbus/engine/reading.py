"""Reads: get, list, counts and other values over all rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sorbus.data_layers.base import Bindings, Row
from sorbus.engine.gathering import Python
from sorbus.engine.loading import load, load_related
from sorbus.engine.masking import conceal
from sorbus.engine.paging import Pager
from sorbus.engine.planning import actions_of
from sorbus.engine.read_plans import Known, ReadPlan
from sorbus.engine.seeing import seen_query, seen_rows
from sorbus.engine.shapes import Shape
from sorbus.engine.shaping import Lowered
from sorbus.engine.streaming import stream
from sorbus.engine.tenants import EVERYWHERE, need_tenant, reaching
from sorbus.errors.authorization import ActionForbidden, TenantRequired
from sorbus.errors.declaration import NoSuchField
from sorbus.errors.framework import NoSuchIdentity
from sorbus.errors.inputs import InvalidInput, NotFound, NotUnique, PageRequired
from sorbus.expressions.build import Expr, Ready, Untrusted
from sorbus.expressions.nodes import FALSE, Call, Node, Param, Ref
from sorbus.policies.explain import refusal
from sorbus.policies.fold import Variant
from sorbus.query.input_fields import storable
from sorbus.query.query import Fallback, LoadItem, Query, load_items
from sorbus.query.statements import SummaryKind
from sorbus.query.totals import Total
from sorbus.schema.fields import AttributeSpec
from sorbus.schema.policies import NOTHING_WANTED, Wanted
from sorbus.schema.resource import PRIMARY_READ, ResourceSpec
from sorbus.scope import Scope
from sorbus.types.base import FieldType

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine


class Reader:
    """Runs the reads of an application."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.planner = engine.planner
        self.pages = Pager(self)
        self._get_shapes: dict[str, Shape] = {}
        self._get_keys: dict[str, Any] = {}

    # checks

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
        if scope.tenant is None:
            need_tenant(spec, action, scope)
        program = self.engine.program(spec, action)
        variant = program.reading(scope, inputs, wanted)
        if program.fold(variant) == FALSE:
            raise refusal(program, scope, inputs, variant=variant)
        return variant

    def checked(
        self, query: Query[Any], spec: ResourceSpec, scope: Scope, via: tuple[str, str] | None = None
    ) -> tuple[Scope, Known]:
        """The same for a query: for its action, or for those of the parts that its rows come from.

        Args:
            via: the resource and relationship that lead to the rows, when they are related ones.

        Returns:
            The scope in which it is read, since an action may look at more tenants than the caller's, and what the
            policies know of the query; None when they are not asked.
        """
        known: Known = None
        if scope.authorize:
            wanted = self.planner.wanted(query, spec, via)
            known = tuple(self._checked(query, spec, scope, wanted)), wanted
        if spec.tenancy is None and scope.tenant is not None:
            return scope, known
        return reaching(spec, actions_of(query), scope), known

    def _checked(
        self, query: Query[Any], spec: ResourceSpec, scope: Scope, wanted: Wanted
    ) -> Iterator[Variant]:
        if query.parts:
            for _, part in query.parts:
                yield from self._checked(part, spec, scope, wanted)
            return
        variant = self.check(spec, query.action, scope, dict(query.inputs), wanted)
        if variant is not None:
            yield variant

    # one record

    async def get(self, spec: ResourceSpec, scope: Scope, key: Any, targets: Sequence[Any] = ()) -> Any:
        """The record with a key, by the primary read."""
        record = await (self._loaded(spec, scope, key, targets) if targets else self.find(spec, scope, key))
        if record is None:
            raise NotFound(spec.name, key)
        return record

    async def _loaded(self, spec: ResourceSpec, scope: Scope, key: Any, targets: Sequence[Any]) -> Any:
        """The record with a key and more loaded, or None."""
        field: Expr[Any] = getattr(spec.python, spec.primary_key.name)
        query: Query[Any] = Query(
            resource=spec.python, conditions=(field == self.cast_key(spec, key),), loads=load_items(targets)
        )
        records = await self.everything(query, scope)
        return records[0] if records else None

    async def find(self, spec: ResourceSpec, scope: Scope, key: Any) -> Any:
        """The record with a key, or None."""
        own = self.check(spec, PRIMARY_READ, scope, None) if scope.authorize else None
        if scope.tenant is None:
            scope = reaching(spec, (PRIMARY_READ,), scope)
        shape = self._get_shapes.get(spec.name)
        if shape is None:
            shape = self._get_shape(spec)
        known = None if own is None else ((own,), NOTHING_WANTED)
        plan = self.planner.plan(shape, scope, known=known)
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

    async def get_by(
        self, spec: ResourceSpec, scope: Scope, values: Mapping[str, Any], targets: Sequence[Any]
    ) -> Any:
        """The record with the values of an identity.

        Raises:
            NoSuchIdentity: the names are those of no identity.
            InvalidInput: a value is none of its attribute.
            NotFound: there is no such record that the actor may see.
        """
        names, where = self._identity(spec, values)
        conditions: list[Expr[bool]] = [] if where is None else [Ready(where)]
        for name in names:
            field: Expr[Any] = getattr(spec.python, name)
            # What the actor may not see cannot be looked up either.
            conditions.append(Untrusted(field == _identifying(spec, spec.attributes[name], values[name])))
        query: Query[Any] = Query(
            resource=spec.python, conditions=tuple(conditions), loads=load_items(targets), take=2
        )
        records = await self.everything(query, scope)
        if not records:
            shown = ", ".join(f"{name} {values[name]}" for name in names)
            raise NotFound(spec.name, where=f"with {shown}")
        if len(records) > 1:
            raise NotUnique(spec.name)
        return records[0]

    def _identity(self, spec: ResourceSpec, values: Mapping[str, Any]) -> tuple[tuple[str, ...], Node | None]:
        """The names, if they are those of an identity, and its condition; the tenant need not be said."""
        tenant = {spec.tenancy.attribute} if spec.tenancy is not None else set[str]()
        known: dict[tuple[str, ...], Node | None] = {(spec.primary_key.name,): None}
        # One that tells all rows apart comes before one that tells some.
        for each in sorted(spec.identities.values(), key=lambda each: each.where is not None):
            known.setdefault(each.keys, each.where)
        for keys, where in known.items():
            if set(keys) - tenant <= set(values) <= set(keys):
                return tuple(name for name in keys if name in values), where
        raise NoSuchIdentity(
            spec.name,
            values,
            allowed=[", ".join(each for each in keys if each not in tenant) for keys in known],
        )

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

    async def exactly_one(self, query: Query[Any], scope: Scope, *, optional: bool = False) -> Any:
        """The one record of a query; without one None, if it is optional."""
        records = await self.all(query if query.take is not None else query.limit(2), scope)
        if len(records) > 1:
            raise NotUnique(query.resource.__name__)
        if not records and not optional:
            raise NotFound(query.resource.__name__)
        return records[0] if records else None

    # all records

    async def run(
        self, plan: ReadPlan, scope: Scope, values: Any, inputs: dict[str, Any] | None = None
    ) -> Any:
        """The rows of a plan, in the task's transaction or a session of its own."""
        tenant = EVERYWHERE if plan.everywhere and scope.tenant is None else scope.tenant
        bindings = Bindings(values, scope.actor, tenant, inputs)
        transaction = self.engine.transaction_of_task()
        if transaction is not None:
            return await plan.executable.fetch(await transaction.session(plan.layer), bindings)
        session = await plan.layer.acquire()
        try:
            return await plan.executable.fetch(session, bindings)
        finally:
            plan.layer.release(session)

    async def all(self, query: Query[Any], scope: Scope) -> list[Any]:
        """Every record of a query.

        Raises:
            PageRequired: its action is read in pages only.
        """
        spec = self.engine.spec_with_rows(query.resource)
        rules = self.pages.rules(query, spec)
        if rules.required and (query.take is None or query.take > rules.largest):
            raise PageRequired(f"{spec.name}.{query.action}", largest=rules.largest)
        return await self.everything(query, scope)

    async def everything(self, query: Query[Any], scope: Scope) -> list[Any]:
        """Every record of a query, whatever its action says about pages."""
        spec = self.engine.spec_with_rows(query.resource)
        scope, known = self.checked(query, spec, scope)
        lowered = self.planner.lower(query, spec)
        inputs = dict(query.inputs)
        plan = self.planner.plan(lowered.shape, scope, inputs, lowered.values, known)
        if plan.judge is None:
            records = plan.hydrate(await self.run(plan, scope, lowered.values, inputs))
        else:
            records = (await seen_rows(self, lowered, scope, inputs, known))[2]
        if lowered.loads or lowered.python is not None or plan.late:
            await self.finish(plan, records, lowered, spec, scope)
        return records

    async def rows_of(
        self,
        lowered: Lowered,
        spec: ResourceSpec,
        scope: Scope,
        inputs: Mapping[str, Any],
        *,
        most: int,
        backward: bool = False,
        known: Known = None,
    ) -> tuple[Sequence[Row], ReadPlan, list[Any]]:
        """The rows of a page, one more than it shows, and its records.

        Args:
            most: how many records there are at most.
            backward: whether the rows were read from the end.
            known: what the check of the query has found out.
        """
        given = dict(inputs)
        plan = self.planner.plan(lowered.shape, scope, given, lowered.values, known)
        rows: Sequence[Row]
        if plan.judge is None:
            rows = await self.run(plan, scope, lowered.values, given)
            shown = rows[:most]
            records = plan.hydrate(shown[::-1] if backward else shown)
        else:
            plan, rows, found = await seen_rows(self, lowered, scope, given, known)
            records = found[:most][::-1] if backward else found[:most]
        await self.finish(plan, records, lowered, spec, scope)
        return rows, plan, records

    async def finish(
        self,
        plan: ReadPlan,
        records: list[Any],
        lowered: Lowered,
        spec: ResourceSpec,
        scope: Scope,
    ) -> None:
        """Step 15: related rows, then the calculations that run in Python; then what is hidden is hidden."""
        if not records:
            return
        for relationship, item in lowered.loads:
            await load_related(self, records, spec, relationship, item, scope)
        if lowered.python is not None:
            await self._compute(lowered.python, records, spec, scope)
        if plan.late:
            conceal(records)

    async def _compute(self, python: Python, records: list[Any], spec: ResourceSpec, scope: Scope) -> None:
        """The calculations in Python, after what they need; what nobody else asked for goes again."""
        for relationship, item in python.before:
            await load_related(self, records, spec, relationship, item, scope)
        for each in python.computations:
            await each.run(records, scope)
        for name in python.dropped:
            for record in records:
                record.__dict__.pop(name, None)
        for relationship, item in python.after:
            await load_related(self, records, spec, relationship, item, scope)

    async def load_related(
        self, records: list[Any], spec: ResourceSpec, names: tuple[str, ...], scope: Scope
    ) -> None:
        """Load relationships on records that are at hand."""
        for name in names:
            if name not in spec.relationships:
                raise NoSuchField(spec.name, name, allowed=spec.relationships, where="a load")
        await load(self, records, spec, scope, [LoadItem(target=name) for name in names], reuse=False)

    async def load(
        self,
        records: Sequence[Any],
        resource: type[Any],
        scope: Scope,
        targets: Sequence[Any],
        *,
        reuse: bool,
    ) -> None:
        """Load fields and relationships on records that are at hand; a query gives all its loads."""
        if records:
            items = load_items(targets)
            await load(self, records, self.engine.spec_of(resource), scope, items, reuse=reuse)

    def stream(
        self, query: Query[Any], scope: Scope, *, batch: int, fallback: Fallback | None
    ) -> AsyncIterator[Any]:
        """Every record of a query, in batches."""
        return stream(self, query, scope, batch=batch, fallback=fallback)

    # values over all rows

    async def summarize(
        self, query: Query[Any], scope: Scope, totals: Sequence[Total[Any]], *, whole: bool
    ) -> list[Any]:
        """Values over the rows of a query.

        Args:
            whole: whether its limit and offset are left out.
        """
        spec = self.engine.spec_with_rows(query.resource)
        scope, known = self.checked(query, spec, scope)
        query = await seen_query(self, query, spec, scope, known, whole=whole)
        lowered = self.planner.totals(query, spec, totals, whole=whole)
        inputs = dict(query.inputs)
        plan = self.planner.plan(lowered.shape, scope, inputs, lowered.values, known)
        (row,) = await self.run(plan, scope, lowered.values, inputs)
        return [
            value if value is None or read is None else read(value)
            for value, read in zip(row, plan.loaders, strict=True)
        ]

    async def values(self, query: Query[Any], scope: Scope, field: Expr[Any]) -> list[Any]:
        """One value of every row of a query."""
        spec = self.engine.spec_with_rows(query.resource)
        scope, known = self.checked(query, spec, scope)
        query = await seen_query(self, query, spec, scope, known)
        lowered = self.planner.single(query, spec, field)
        inputs = dict(query.inputs)
        plan = self.planner.plan(lowered.shape, scope, inputs, lowered.values, known)
        rows = await self.run(plan, scope, lowered.values, inputs)
        (read,) = plan.loaders
        if read is None:
            return [row[0] for row in rows]
        return [None if row[0] is None else read(row[0]) for row in rows]

    async def count(self, query: Query[Any], scope: Scope) -> int:
        """How many rows a query has, whatever its limit."""
        (number,) = await self.summarize(query, scope, (_COUNT,), whole=True)
        return int(number)

    async def exists(self, query: Query[Any], scope: Scope) -> bool:
        """Whether a query has a row."""
        spec = self.engine.spec_with_rows(query.resource)
        scope, known = self.checked(query, spec, scope)
        query = await seen_query(self, query, spec, scope, known)
        lowered = self.planner.there(query, spec)
        inputs = dict(query.inputs)
        plan = self.planner.plan(lowered.shape, scope, inputs, lowered.values, known)
        return bool(await self.run(plan, scope, lowered.values, inputs))


_COUNT: Total[int] = Total(kind=SummaryKind.COUNT)


def _identifying(spec: ResourceSpec, attribute: AttributeSpec, value: Any) -> Any:
    """A value of an identity. What is not a single value of its type is refused: values are no conditions."""
    kind = attribute.type
    refused = InvalidInput(
        spec.name, attribute.name, problem="it is no value to look for", expected=kind.describe()
    )
    if value is None or isinstance(value, Expr):
        raise refused
    try:
        return storable(FieldType(annotation=kind.annotation).adapter.validate_python(value), kind)
    except ValueError:
        raise refused from None
