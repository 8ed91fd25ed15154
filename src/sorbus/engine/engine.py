"""The engine of an application: every interface, job and call goes through it, and there is no way around."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

from sorbus.changeset.changeset import Changeset
from sorbus.data_layers.base import Bindings, DataLayer, Executable, Row
from sorbus.engine.asking import can, conceivable, explain_action
from sorbus.engine.bulk import (
    BulkOptions,
    BulkPlan,
    BulkResult,
    bulk_change,
    bulk_change_rows,
    bulk_create,
    plan_bulk,
    plan_for_rows,
)
from sorbus.engine.casting import InputCaster
from sorbus.engine.generic import GenericPlan, generic_plan, run_generic
from sorbus.engine.grouping import Groups
from sorbus.engine.lifecycle import ActionCall, ActionPlan, Step, run
from sorbus.engine.loading import related_texts
from sorbus.engine.nesting import nests
from sorbus.engine.planning import Planner, actions_of
from sorbus.engine.reading import Reader
from sorbus.engine.related_writes import RelatedWriter
from sorbus.engine.tenants import reaching
from sorbus.engine.transaction import Transaction, current, transaction
from sorbus.engine.writing import write_plan
from sorbus.errors.framework import NoRowsToRead, UnknownResource
from sorbus.errors.inputs import InvalidAction
from sorbus.expressions.nodes import Node
from sorbus.policies.explain import Explanation
from sorbus.policies.fields import FieldProgram
from sorbus.policies.fold import PolicyProgram
from sorbus.query.page import Page
from sorbus.query.query import Query
from sorbus.query.statements import Statement
from sorbus.schema.actions import ActionKind, ActionSpec
from sorbus.schema.fields import RelationshipSpec
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.schema.tenant_names import TenantNames
from sorbus.scope import Scope
from sorbus.types.hidden import HIDDEN

Effect = Callable[[ActionCall], Awaitable[None]]
EffectSource = Callable[[ResourceSpec, ActionSpec], Effect | None]
"""Gives the work of step 12 for an action, or None; asked once for each action."""


class Engine:
    """Runs the actions of one application.

    Attributes:
        compiled: how many statements have been compiled so far; a repeated action compiles nothing.
        trace: called with each step of a write or generic action; for tests and for spans.
        effect_sources: give the work of step 12, which commits together with the write.
        notice_sources: give the work of step 14, after the commit and before the user's hooks.
    """

    def __init__(
        self, application: ApplicationSpec, layers: Mapping[str, DataLayer], *, secret: bytes
    ) -> None:
        self.application = application
        self.layers = layers
        self.secret = secret
        self.trace: Callable[[Step], None] | None = None
        self.effect_sources: list[EffectSource] = []
        self.notice_sources: list[EffectSource] = []
        self.tenant_names = TenantNames(application)
        self._statements = 0
        self._programs: dict[tuple[str, str], PolicyProgram] = {}
        self._plans: dict[Any, ActionPlan] = {}
        self._generic: dict[Any, GenericPlan] = {}
        self._casters: dict[Any, InputCaster] = {}
        self._fields: dict[str, FieldProgram] = {}
        self.planner = Planner(application, self.layer_of, self.program, self.field_program)
        self.reader = Reader(self)
        self.related = RelatedWriter(self)

    @property
    def compiled(self) -> int:
        """How many statements have been compiled."""
        return self.planner.compiled + self._statements

    def spec_of(self, resource: type[Any]) -> ResourceSpec:
        """The spec of a class.

        Raises:
            UnknownResource: it is in no domain of this application.
        """
        found = self.application.by_class.get(resource)
        if found is None:
            raise UnknownResource(resource.__name__, allowed=self.application.resources)
        return found

    def spec_with_rows(self, resource: type[Any]) -> ResourceSpec:
        """The spec of a class that is to be read.

        Raises:
            UnknownResource: it is in no domain of this application.
            NoRowsToRead: it has no attributes.
        """
        spec = self.spec_of(resource)
        if not spec.attributes:
            raise NoRowsToRead(spec.name, actions=spec.actions)
        return spec

    def layer_of(self, spec: ResourceSpec) -> DataLayer:
        """The data layer that holds a resource's rows."""
        return self.layers[spec.layer]

    def program(self, spec: ResourceSpec, action: str) -> PolicyProgram:
        """The policies of an action, ready to be folded."""
        key = (spec.name, action)
        found = self._programs.get(key)
        if found is None:
            found = self._programs[key] = PolicyProgram(spec, action)
        return found

    def field_program(self, spec: ResourceSpec) -> FieldProgram | None:
        """The field policies of a resource, ready to be folded; None when it has none."""
        if spec.field_policies is None:
            return None
        found = self._fields.get(spec.name)
        if found is None:
            found = self._fields[spec.name] = FieldProgram(spec)
        return found

    def compile(self, layer: DataLayer, statement: Statement) -> Executable:
        """Compile a statement and count it."""
        self._statements += 1
        return layer.compile(statement)

    def effects_for(self, spec: ResourceSpec, action: ActionSpec) -> tuple[Effect, ...]:
        """The work of step 12 for an action."""
        found = (source(spec, action) for source in self.effect_sources)
        return tuple(each for each in found if each is not None)

    def notices_for(self, spec: ResourceSpec, action: ActionSpec) -> tuple[Effect, ...]:
        """The work of step 14 for an action."""
        found = (source(spec, action) for source in self.notice_sources)
        return tuple(each for each in found if each is not None)

    def action_spec(self, action: Any) -> tuple[ResourceSpec, ActionSpec]:
        """The specs behind a declared action."""
        spec = self.spec_of(action.owner)
        return spec, spec.actions[action.name]

    # transactions

    def transaction_of_task(self) -> Transaction | None:
        """The open transaction of this task, or None."""
        return current(self.layers)

    def transaction(
        self, *, nested: bool = False, by: str = "a block"
    ) -> AbstractAsyncContextManager[Transaction]:
        """Every action inside the block commits together or not at all.

        Args:
            nested: inside an open transaction, an error undoes this block alone.
            by: whose block it is, for the error at the commit of a transaction that it has spoilt.
        """
        return transaction(self.layers, nested=nested, by=by)

    @asynccontextmanager
    async def session(self, layer: DataLayer) -> AsyncGenerator[Any]:
        """The task's transaction's session, or one for the block."""
        opened = self.transaction_of_task()
        if opened is not None:
            yield await opened.session(layer)
            return
        session = await layer.acquire()
        try:
            yield session
        finally:
            layer.release(session)

    async def fetch(self, layer: DataLayer, executable: Executable, bindings: Bindings) -> Sequence[Row]:
        """The rows of a statement, in the task's transaction or on a session of its own."""
        async with self.session(layer) as session:
            return await executable.fetch(session, bindings)

    # actions

    def plan_of(self, action: Any) -> ActionPlan:
        """The compiled steps of a create, update or destroy."""
        plan = self._plans.get(action)
        if plan is None:
            spec, declared = self.action_spec(action)
            plan = self._plans[action] = write_plan(self, spec, declared)
            if declared.grouped and spec.schema_tenancy is None:
                plan.groups = Groups(self)
        return plan

    async def create(
        self, action: Any, scope: Scope, given: Mapping[str, Any], positional: tuple[Any, ...]
    ) -> Any:
        """Run a create action and answer with the new record."""
        plan = self.plan_of(action)
        changeset = Changeset(resource=plan.data.spec, action=plan.data.action)
        return await run(
            ActionCall(
                engine=self, plan=plan, scope=scope, changeset=changeset, given=given, positional=positional
            )
        )

    async def update(
        self, action: Any, scope: Scope, subject: Any, given: Mapping[str, Any], positional: tuple[Any, ...]
    ) -> Any:
        """Run an update action on a record or key and answer with the changed record."""
        plan = self.plan_of(action)
        return await run(self.call_on(plan, scope, subject, given, positional))

    async def update_where(
        self, action: Any, scope: Scope, key: Any, *, guard: Node, alongside: Effect | None = None
    ) -> Any:
        """Run an update action without inputs on the row with a key, if it meets `guard` when it is written.

        Args:
            alongside: work that commits together with the write, or not at all.

        Raises:
            NoLongerApplies: the row is there, and does not meet the guard any more.
        """
        call = self.call_on(self.plan_of(action), scope, key, {}, ())
        call.guard, call.alongside, call.together = guard, alongside, alongside is not None
        return await run(call)

    destroy = update
    """Run a destroy action on a record or key and answer with the record as it was."""

    def call_on(
        self,
        plan: ActionPlan,
        scope: Scope,
        subject: Any,
        given: Mapping[str, Any],
        positional: tuple[Any, ...],
    ) -> ActionCall:
        """The run of an update or destroy on a record or key."""
        spec: ResourceSpec = plan.data.spec
        known = isinstance(subject, spec.python)
        key = subject.__dict__[spec.primary_key.name] if known else self.reader.cast_key(spec, subject)
        if (
            known
            and spec.field_policies is not None
            and any(each is HIDDEN for each in subject.__dict__.values())
        ):
            known = False  # a body sees the whole record, so it is read once more
        changeset = Changeset(
            resource=spec, action=plan.data.action, record=subject if known else None, key=key
        )
        return ActionCall(
            engine=self, plan=plan, scope=scope, changeset=changeset, given=given, positional=positional
        )

    def call_of(self, action: Any, scope: Scope, given: Mapping[str, Any], subject: Any) -> ActionCall:
        """A write that has not run; without a subject it makes a row."""
        plan = self.plan_of(action)
        if subject is not None:
            return self.call_on(plan, scope, subject, given, ())
        changeset = Changeset(resource=plan.data.spec, action=plan.data.action)
        return ActionCall(engine=self, plan=plan, scope=scope, changeset=changeset, given=given)

    # many rows

    async def bulk_create(
        self, action: Any, scope: Scope, rows: Any, options: BulkOptions
    ) -> BulkResult[Any]:
        """Run a create action for many rows of inputs."""
        return await bulk_create(self, action, scope, rows, options)

    async def bulk_change(
        self, action: Any, scope: Scope, over: Any, given: Mapping[str, Any], options: BulkOptions
    ) -> BulkResult[Any]:
        """Run an update or destroy with the same inputs over a query, records or keys."""
        return await bulk_change(self, action, scope, over, given, options)

    async def bulk_change_rows(
        self, action: Any, scope: Scope, pairs: Any, options: BulkOptions
    ) -> BulkResult[Any]:
        """Run an update or destroy over records or keys, each with inputs of its own."""
        return await bulk_change_rows(self, action, scope, pairs, options)

    def bulk_plan(self, action: Any, scope: Scope, over: Any, given: Mapping[str, Any]) -> BulkPlan:
        """How a bulk run of an action would go."""
        plan = self.plan_of(action)
        if plan.data.action.kind is ActionKind.CREATE:
            return plan_for_rows(plan.data, BulkOptions())
        return plan_bulk(self, action, scope, over, given, BulkOptions())[0]

    async def generic(
        self, action: Any, scope: Scope, given: dict[str, Any], positional: tuple[Any, ...]
    ) -> Any:
        """Run a generic action and answer with its checked result."""
        plan = self._generic.get(action)
        if plan is None:
            plan = self._generic[action] = generic_plan(self, *self.action_spec(action))
        return await run_generic(self, plan, scope, given, positional)

    def read_action(
        self, action: Any, scope: Scope, given: Mapping[str, Any], positional: tuple[Any, ...]
    ) -> Query[Any]:
        """The query of a declared read action, bound to its caller.

        Raises:
            InvalidAction: the inputs do not fit.
        """
        spec, read = self.action_spec(action)
        caster = self._casters.get(action)
        if caster is None:
            caster = self._casters[action] = InputCaster(read)
        inputs, errors = caster.cast(given, positional)
        if errors:
            raise InvalidAction(read.label, errors)
        body: Any = read.body
        query: Query[Any] = body(spec.python, scope, **inputs)
        return replace(_read_as(query, read.name, inputs), scope=scope)

    # reads

    async def get(self, resource: type[Any], scope: Scope, key: Any, load: Sequence[Any] = ()) -> Any:
        """The record with a key."""
        return await self.reader.get(self.spec_with_rows(resource), scope, key, load)

    async def get_by(
        self, resource: type[Any], scope: Scope, values: Mapping[str, Any], load: Sequence[Any] = ()
    ) -> Any:
        """The record with the values of an identity."""
        return await self.reader.get_by(self.spec_with_rows(resource), scope, values, load)

    async def read(self, query: Query[Any], scope: Scope) -> list[Any]:
        """Every record of a query."""
        return await self.reader.all(query, scope)

    async def read_exactly_one(self, query: Query[Any], scope: Scope, *, optional: bool = False) -> Any:
        """The one record of a query."""
        return await self.reader.exactly_one(query, scope, optional=optional)

    def writes(self, query: Query[Any], names: Iterable[str]) -> bool:
        """Whether a query may have templates over these fields."""
        return self.planner.writes(self.spec_with_rows(query.resource), actions_of(query), names)

    def nests(self, query: Query[Any], scope: Scope) -> bool:
        """Whether one statement can read a query with the related rows that its templates nest, for this caller."""
        return nests(self.application, query, scope)

    def reaching(self, query: Query[Any], scope: Scope) -> Scope:
        """The scope in which what lies behind the rows of a query is read: its action may look at more tenants."""
        return reaching(self.spec_of(query.resource), actions_of(query), scope)

    async def related_texts(
        self,
        resource: type[Any],
        relationship: RelationshipSpec,
        query: Query[Any],
        keys: list[Any],
        scope: Scope,
        *,
        most: int | None = None,
    ) -> list[tuple[Any, Any]] | None:
        """What templates make of the related rows behind some keys, each with the key that it belongs to.

        None where the actor may see none of them.
        """
        spec = self.spec_of(resource)
        return await related_texts(self.reader, spec, relationship, query, keys, scope, most=most)

    async def count(self, query: Query[Any], scope: Scope) -> int:
        """How many records a query has."""
        return await self.reader.count(query, scope)

    async def keyset_page(self, query: Query[Any], scope: Scope, **options: Any) -> Page[Any]:
        """One keyset page of a query."""
        return await self.reader.pages.keyset_page(query, scope, **options)

    async def offset_page(self, query: Query[Any], scope: Scope, **options: Any) -> Page[Any]:
        """One page of a query by position."""
        return await self.reader.pages.offset_page(query, scope, **options)

    # policies

    def explain(
        self, action: Any, scope: Scope, inputs: dict[str, Any] | None = None, *, record: Any = None
    ) -> Explanation:
        """Whether the scope's actor may run an action, and why, as data."""
        return explain_action(self, action, scope, inputs or {}, record)

    async def can(self, action: Any, scope: Scope, inputs: dict[str, Any], *, subject: Any = None) -> bool:
        """Whether the scope's actor may run an action; exact, whatever it depends on."""
        return await can(self, action, scope, inputs, subject)

    def conceivable(self, action: Any, scope: Scope) -> bool:
        """Whether there could be inputs and a row with which the scope's actor may run an action; asks no database."""
        return conceivable(self, action, scope)


def _read_as(query: Query[Any], action: str, inputs: dict[str, Any]) -> Query[Any]:
    """A query as that of a read action, whose policies hold for each read that its rows come from."""
    parts = tuple((kind, _read_as(part, action, inputs)) for kind, part in query.parts)
    return replace(query, action=action, inputs=inputs, parts=parts)
