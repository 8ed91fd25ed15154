"""Triggers: an action runs, as a job, for every row that meets a condition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from sorbus.engine.engine import Effect, EffectSource
from sorbus.engine.lifecycle import ActionCall
from sorbus.errors.declaration import DeclarationError, WrongSection
from sorbus.errors.inputs import NoLongerApplies, NotFound
from sorbus.expressions.build import Expr
from sorbus.expressions.evaluate import Environment, Unevaluable, evaluate
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import Node
from sorbus.jobs.actors import actor_data, actor_of
from sorbus.jobs.context import JobContext
from sorbus.jobs.cron import Cron
from sorbus.jobs.new_job import NewJob
from sorbus.jobs.outcomes import Cancel, Done, Outcome
from sorbus.policies.rows import DICT_ROW
from sorbus.query.query import Query
from sorbus.resource.actions import Action, UpdateAction
from sorbus.resource.assembly.mistakes import noting
from sorbus.resource.sections import Section, section_of
from sorbus.schema.actions import ActionKind, ActionSpec
from sorbus.schema.resource import ResourceSpec
from sorbus.scope import Scope, tenant_key

if TYPE_CHECKING:
    from sorbus.jobs.component import Jobs
    from sorbus.resource.application import Sorbus

R = TypeVar("R")

RUN = "triggers.run"
SCAN = "triggers.scan"
_BATCH = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """An action and the condition on which it runs; made by `trigger`."""

    action: Action
    where: Expr[bool]
    queue: str
    every: str
    max_attempts: int
    priority: int

    @property
    def name(self) -> str:
        """Resource and action, as in `Run.process`."""
        return f"{self.action.owner.__name__}.{self.action.name}"


def trigger(
    action: UpdateAction[R, [Scope]],
    *,
    where: Expr[bool],
    queue: str = "default",
    every: str = "* * * * *",
    max_attempts: int = 20,
    priority: int = 0,
) -> Trigger:
    """Run an action without inputs for every row that meets `where`.

    A write that makes a row meet it inserts the job in its own transaction, with its actor and tenant; a search
    by the clock finds the rows that came about otherwise. The condition is checked again in the statement that
    writes, so a row that changed meanwhile is left alone.

    Args:
        every: when rows are searched for, as a cron expression in UTC.
        max_attempts: how often the action is tried before the job is discarded.
        priority: 0 (first) to 9 (last).
    """
    return Trigger(
        action=action, where=where, queue=queue, every=every, max_attempts=max_attempts, priority=priority
    )


class Triggers(Section):
    """The triggers of a resource."""

    section_name = "triggers"

    def __init__(self, *triggers: Trigger) -> None:
        self.triggers = triggers

    def check(self, spec: ResourceSpec, lowerer: Lowerer) -> Iterator[DeclarationError]:
        """Each trigger runs an update of this resource that needs no inputs, on a condition over its rows."""
        label = f"{spec.name}.triggers"
        for each in self.triggers:
            action = spec.actions.get(each.action.name)
            if action is None or not issubclass(spec.python, each.action.owner):
                yield WrongSection(label, f"`{each.name}` is no action of `{spec.name}`.")
                continue
            needed = [item.name for item in action.inputs if item.required]
            if action.kind is not ActionKind.UPDATE or needed:
                what = (
                    f"needs the inputs {', '.join(needed)}" if needed else f"is a {action.kind.value} action"
                )
                yield WrongSection(
                    label,
                    f"`{each.name}` {what}.",
                    hint="A trigger runs an update that needs the scope alone.",
                )
            errors: list[DeclarationError] = []
            with noting(errors, spec.python, "triggers"):
                each.where.lower(lowerer)
            yield from errors


@dataclass(frozen=True, slots=True)
class PlannedTrigger:
    """A trigger with its condition as nodes."""

    trigger: Trigger
    spec: ResourceSpec
    node: Node

    def job(self, key: UUID, *, tenant: Any, actor: Any) -> NewJob:
        """The job for one row; at most one unfinished job for each row and trigger."""
        return NewJob(
            RUN,
            {"trigger": self.trigger.name, "key": str(key)},
            queue=self.trigger.queue,
            priority=self.trigger.priority,
            max_attempts=self.trigger.max_attempts,
            unique_key=f"trigger:{self.trigger.name}:{key}",
            meta={"tenant": tenant, "actor": actor},
        )


class TriggerRunner:
    """Inserts and runs the jobs of an application's triggers; part of `Jobs`."""

    def __init__(self, app: Sorbus, jobs: Jobs) -> None:
        self.app = app
        self.jobs = jobs
        self.planned = {each.trigger.name: each for each in _planned(app)}

    def install(self) -> None:
        """Register the handlers, the search by the clock, and the effect on writes."""
        for each in self.planned.values():
            self.jobs.register(RUN, self.run, queue=each.trigger.queue)
            self.jobs.register(SCAN, self.scan, queue=each.trigger.queue)
            scan = NewJob(SCAN, {"trigger": each.trigger.name}, queue=each.trigger.queue, max_attempts=1)
            self.jobs.schedule(Cron(f"trigger:{each.trigger.name}", each.trigger.every, scan))
        if self.planned:
            source: EffectSource = self._effect
            self.app.engine.effect_sources.append(source)

    def _effect(self, spec: ResourceSpec, action: ActionSpec) -> Effect | None:
        mine = [each for each in self.planned.values() if each.spec.name == spec.name]
        if not mine or action.kind not in {ActionKind.CREATE, ActionKind.UPDATE}:
            return None

        async def insert(call: ActionCall) -> None:
            jobs = [job for each in mine if (job := _wanted(each, call)) is not None]
            if jobs:
                await self.jobs.enqueue(*jobs)

        return insert

    async def run(self, job: JobContext) -> Outcome:
        """Run the action of a job's trigger on its row, and complete the job in the same transaction."""
        planned = self.planned.get(job.args["trigger"])
        if planned is None:
            return Cancel(f"there is no trigger `{job.args['trigger']}` any more")

        async def complete(call: ActionCall) -> None:
            await job.ack_in(call.session)

        try:
            scope = self.app.system_scope(tenant=job.tenant)
            actor = await actor_of(job.actor, scope)
            await self.app.engine.update_where(
                planned.trigger.action,
                Scope(
                    actor=actor,
                    tenant=job.tenant,
                    authorize=False,
                    services=scope.services,
                    runtime=scope.runtime,
                    job=job,
                ),
                job.args["key"],
                guard=planned.node,
                alongside=complete,
            )
        except (NoLongerApplies, NotFound) as error:
            return Cancel(error.message)
        return Done()

    async def scan(self, job: JobContext) -> Outcome:
        """Insert a job for every row that meets a trigger's condition and has none."""
        planned = self.planned.get(job.args["trigger"])
        if planned is None:
            return Cancel(f"there is no trigger `{job.args['trigger']}` any more")
        # Tenants with tables of their own are looked at one after the other, all others together.
        tenants = [None] if planned.spec.schema_tenancy is None else await self.app.tenants.list()
        for tenant in tenants:
            await self._scan(planned, tenant)
        return Done()

    async def _scan(self, planned: PlannedTrigger, tenant: str | None) -> None:
        spec = planned.spec
        tenancy, key = spec.tenancy, spec.primary_key.name
        rows: Query[Any] = Query(resource=spec.python, scope=self.app.system_scope(tenant=tenant))
        query = rows.where(planned.trigger.where)
        found: list[NewJob] = []
        async for row in query.stream(batch=_BATCH):
            owner = row.__dict__[tenancy.attribute] if tenancy is not None else tenant
            found.append(planned.job(row.__dict__[key], tenant=owner, actor=None))
            if len(found) == _BATCH:
                await self.jobs.enqueue(*found)
                found = []
        if found:
            await self.jobs.enqueue(*found)


def _planned(app: Sorbus) -> Iterator[PlannedTrigger]:
    for spec in app.spec.resources.values():
        section = section_of(spec, Triggers)
        if section is not None:
            lowerer = Lowerer(app.engine.planner.catalog, (spec.python,))
            for each in section.triggers:
                yield PlannedTrigger(each, spec, each.where.lower(lowerer))


def _wanted(planned: PlannedTrigger, call: ActionCall) -> NewJob | None:
    """The job for a row that was just written, unless it surely does not meet the condition."""
    row = call.result.__dict__
    environment = Environment(rows=DICT_ROW, actor=call.scope.actor, tenant=call.scope.tenant)
    try:
        if evaluate(planned.node, row, environment) is not True:
            return None
    except Unevaluable:
        # It looks at other rows: the job looks itself.
        pass
    spec = planned.spec
    if spec.schema_tenancy is not None:
        tenant = call.engine.tenant_names.name_of(call.scope.tenant, resource=spec.name, action="trigger")
    else:
        tenant = row[spec.tenancy.attribute] if spec.tenancy is not None else tenant_key(call.scope.tenant)
    return planned.job(row[planned.spec.primary_key.name], tenant=tenant, actor=actor_data(call.scope.actor))
