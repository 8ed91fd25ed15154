"""Run and Result."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sorbus.errors.pipelines import InnerRunHasNoBudget
from sorbus.llm.budgets.resources import Accounts, Budget
from sorbus.llm.calls import LlmCall
from sorbus.pipelines.resources.comparing import StageComparison, compared
from sorbus.pipelines.resources.content import Content
from sorbus.pipelines.resources.definition import Definition
from sorbus.pipelines.resources.idempotency import is_repeated, note_asked
from sorbus.pipelines.resources.replaying import as_it_is_now, check_reusable
from sorbus.pipelines.resources.stages import StageItem, StageRun
from sorbus.pipelines.resources.starting import Starter
from sorbus.pipelines.resources.states import OPEN_RUNS, OPEN_STAGES, RunState, StageState
from sorbus.pipelines.resources.waiting import LimitWait
from sorbus.query.query import Query
from sorbus.resource import action, agg
from sorbus.resource.actions import Arg
from sorbus.resource.calculations import calculate
from sorbus.resource.fields import Attr, attribute, timestamp, uuid_primary_key
from sorbus.resource.graphql import GraphQL
from sorbus.resource.mcp import Mcp
from sorbus.resource.model import Resource
from sorbus.resource.notifications import Notifications, publish
from sorbus.resource.policies import Policies, actor_present, authorize_if, policy
from sorbus.resource.relationships import Many, One, belongs_to, has_many, has_one
from sorbus.resource.sections import Identities, JsonApi, Postgres, identity
from sorbus.resource.tenancy import Tenancy
from sorbus.schema.actions import UNCHANGED
from sorbus.scope import Scope
from sorbus.types.json import Json


class Result(Resource):
    """What a completed run found: the outputs of its stages by name."""

    id: Attr[UUID] = uuid_primary_key()
    tenant: Attr[str] = attribute(max_length=200)
    run_id: Attr[UUID] = attribute(public=True)
    content_id: Attr[UUID] = attribute(public=True)
    pipeline: Attr[str] = attribute(public=True)
    data: Attr[dict[str, Json]] = attribute(public=True)
    inserted_at: Attr[datetime] = attribute(public=True, writable=False)

    run: One[Run] = belongs_to(via=run_id, on_delete="cascade", public=True)
    content: One[Content] = belongs_to(via=content_id, on_delete="cascade", public=True)

    @action.read
    @classmethod
    def for_content(cls, scope: Scope, content_id: Arg[UUID]) -> Query[Result]:
        """The results of one piece of content, newest first."""
        return cls.query().where(cls.content_id == content_id).order_by(cls.inserted_at.desc())

    storage = Postgres("results")
    tenancy = Tenancy(tenant)
    identities = Identities(run=identity(run_id, all_tenants=True))
    policies = Policies(policy("read", authorize_if(actor_present())))
    json_api = JsonApi("/results", "get", "index", for_content)
    graphql = GraphQL("get", "list", "connection", for_content)
    mcp = Mcp("get", "list", for_content)


class Run(Resource):
    """One execution of a pipeline over one piece of content."""

    id: Attr[UUID] = uuid_primary_key()
    tenant: Attr[str] = attribute(max_length=200)
    content_id: Attr[UUID] = attribute(public=True)
    pipeline: Attr[str] = attribute(public=True, max_length=200)
    version: Attr[int] = attribute(public=True, default=1, writable=False)
    definition_id: Attr[UUID | None] = attribute(
        public=True, default=None, description="What it was started from, where that is a row."
    )
    model: Attr[str | None] = attribute(
        public=True,
        default=None,
        max_length=200,
        description="The model of its stages; none for the usual one.",
    )
    budget_usd: Attr[Decimal | None] = attribute(
        public=True,
        default=None,
        ge=0,
        description="What its model calls may cost, in US dollars; none for no limit.",
    )
    budget_tokens: Attr[int | None] = attribute(
        public=True, default=None, ge=0, description="The tokens, in and out, that its model calls may use."
    )
    forked_from: Attr[UUID | None] = attribute(
        public=True, default=None, description="The run that it has taken its first stages from."
    )
    fork_stage: Attr[str | None] = attribute(
        public=True, default=None, description="The first stage that it runs anew."
    )
    fork_outputs: Attr[dict[str, Json]] = attribute(
        public=True,
        default=dict,
        description="What it has instead of the outputs of the other run, by stage.",
    )
    input: Attr[Json | None] = attribute(
        public=True, default=None, description="What it was started with, where its pipeline takes something."
    )
    parent_id: Attr[UUID | None] = attribute(
        public=True, default=None, description="The run that it is a stage of."
    )
    payer_id: Attr[UUID | None] = attribute(
        public=True,
        default=None,
        description="The outermost run around it, from whose budget its calls are paid.",
    )
    parent_stage: Attr[str | None] = attribute(public=True, default=None, description="That stage.")
    parent_index: Attr[int | None] = attribute(
        public=True, default=None, description="The position of its item in that stage, from 0."
    )
    reuse: Attr[bool | None] = attribute(
        public=True,
        default=None,
        description="Whether it takes the outputs of earlier runs where nothing that they depend on has changed.",
    )
    replay_of: Attr[UUID | None] = attribute(
        public=True, default=None, description="The run that it does once more."
    )
    idempotency_key: Attr[str | None] = attribute(
        public=True,
        default=None,
        max_length=200,
        description="Who asks again with the same key is answered with the same run.",
    )
    asked: Attr[str | None] = attribute(
        default=None, writable=False, description="A digest of what it was asked for, beside a key."
    )
    asked_again: Attr[str | None] = attribute(
        default=None, writable=False, description="The same of the last time that the key was used."
    )
    state: Attr[RunState] = attribute(public=True, default=RunState.PENDING)
    error: Attr[Json | None] = attribute(public=True, default=None)
    signals: Attr[int] = attribute(
        default=0, writable=False, description="How often somebody has said something to it."
    )
    wake_at: Attr[datetime | None] = attribute(
        public=True, default=None, description="When it goes on by itself, while it waits."
    )
    started_at: Attr[datetime | None] = attribute(public=True, default=None)
    finished_at: Attr[datetime | None] = attribute(public=True, default=None)
    inserted_at: Attr[datetime] = timestamp(public=True)

    content: One[Content] = belongs_to(via=content_id, on_delete="cascade", public=True)
    definition: One[Definition | None] = belongs_to(via=definition_id, public=True)
    parent: One[Run | None] = belongs_to(via=parent_id, on_delete="cascade", public=True)
    children: Many[Run] = has_many(
        via="parent_id", public=True, order_by=lambda run: (run.parent_stage, run.parent_index)
    )
    stages: Many[StageRun] = has_many(public=True, order_by=lambda stage: stage.position)
    items: Many[StageItem] = has_many(public=True, order_by=lambda item: (item.stage, item.index))
    result: One[Result | None] = has_one(public=True)
    llm_calls: Many[LlmCall] = has_many(order_by=lambda call: call.id)
    budget: One[Budget | None] = has_one(public=True)
    cost_usd = agg.sum(llm_calls, lambda call: call.cost_usd, public=True)
    tokens_in = agg.sum(llm_calls, lambda call: call.tokens_in, public=True)
    tokens_out = agg.sum(llm_calls, lambda call: call.tokens_out, public=True)
    stages_done = agg.count(stages, where=lambda stage: stage.state == StageState.DONE, public=True)
    stages_reused = agg.count(stages, where=lambda stage: ~stage.reused_from.is_null(), public=True)
    items_reused = agg.count(items, where=lambda item: ~item.reused_from.is_null(), public=True)
    stages_over = agg.count(stages, where=lambda stage: ~stage.state.is_in(OPEN_STAGES))
    stage_count = agg.count(stages)
    duration = calculate(finished_at - started_at)

    @action.create(upsert="idempotency_key", upsert_fields=[asked_again], grouped=True)
    def start(
        self,
        scope: Scope,
        content_id: UUID,
        pipeline: str,
        model: str | None = None,
        input: Json | None = None,
        budget_usd: Decimal | None = None,
        budget_tokens: int | None = None,
        reuse: bool | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Start a pipeline on a piece of content; its stages and its job are written in the same transaction.

        The input is what the pipeline declares as its `input`.
        """
        self.version = scope.get(Starter).version_of(pipeline)
        self.input = scope.get(Starter).check_input(pipeline, self.version, input)
        if idempotency_key is None:
            scope.get(Starter).refuse_early(scope.tenant)
        note_asked(
            self,
            "start",
            content=content_id,
            pipeline=pipeline,
            model=model,
            input=self.input,
            reuse=bool(reuse),
        )

    @action.create(grouped=True)
    def nest(
        self,
        scope: Scope,
        parent_id: UUID,
        payer_id: UUID,
        parent_stage: str,
        parent_index: int,
        content_id: UUID,
        pipeline: str,
        pipeline_version: Arg[int],
        definition_id: UUID | None = None,
        model: str | None = None,
        input: Json | None = None,
        reuse: bool | None = None,
    ) -> None:
        """Start a run as a stage of another one; the pipelines do so by themselves."""
        self.version = pipeline_version

    @action.create(upsert="idempotency_key", upsert_fields=[asked_again])
    async def start_from(
        self,
        scope: Scope,
        content_id: UUID,
        definition_id: UUID,
        model: str | None = None,
        budget_usd: Decimal | None = None,
        budget_tokens: int | None = None,
        reuse: bool | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Start what a definition describes on a piece of content; the run keeps that version."""
        note_asked(
            self, "start_from", content=content_id, definition=definition_id, model=model, reuse=bool(reuse)
        )
        if not await _is_there(self, scope):
            found = await scope.get(Starter).startable(scope, definition_id)
            self.pipeline, self.version = found.name, found.version

    @action.create(upsert="idempotency_key", upsert_fields=[asked_again])
    async def replay(
        self,
        scope: Scope,
        replay_of: UUID,
        definition_id: UUID | None = None,
        model: str | None = None,
        budget_usd: Decimal | None = None,
        budget_tokens: int | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Do a run once more as its pipeline is now, and take what would come to the same as it has come to.

        Without a definition it is the current version in code or the latest one of the tenant; without a model it is
        the run's.
        """
        note_asked(self, "replay", other=replay_of, definition=definition_id, model=model)
        self.reuse = True
        if not await _is_there(self, scope):
            other = await Run.get(scope, replay_of)
            await check_reusable(scope, other)
            self.content_id, self.model = other.content_id, model or other.model
            self.pipeline, self.version, self.definition_id = await as_it_is_now(scope, other, definition_id)
            if self.definition_id is None:
                # By a type that may be another one by now.
                self.input = scope.get(Starter).check_input(self.pipeline, self.version, other.input)

    @action.create(upsert="idempotency_key", upsert_fields=[asked_again])
    async def fork(
        self,
        scope: Scope,
        forked_from: UUID,
        fork_stage: str,
        fork_outputs: dict[str, Json] = {},  # noqa: B006  # a signature is read, never run
        model: str | None = None,
        input: Json | None = None,
        budget_usd: Decimal | None = None,
        budget_tokens: int | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Run a pipeline once more from one of its stages on, with what the other run has found before it.

        Outputs of earlier stages may be given in other words, another input for the stages that are done anew, and
        another model; the other run stays as it is.
        """
        note_asked(
            self,
            "fork",
            other=forked_from,
            stage=fork_stage,
            outputs=fork_outputs,
            model=model,
            input=input,
        )
        if not await _is_there(self, scope):
            other = await Run.get(scope, forked_from)
            await scope.get(Starter).forkable(other, fork_stage, fork_outputs)
            self.content_id, self.pipeline, self.version = other.content_id, other.pipeline, other.version
            self.definition_id = other.definition_id
            if input is None:
                self.input = other.input
            else:
                self.input = scope.get(Starter).check_input(self.pipeline, self.version, input)

    @fork.after_write
    async def _enqueue_fork(self, scope: Scope) -> None:
        if not is_repeated(self):
            await Run._begin([self], [scope])
            await scope.get(Starter).copy_stages(self)

    @action.update
    def raise_budget(
        self, scope: Scope, budget_usd: Decimal | None = UNCHANGED, budget_tokens: int | None = UNCHANGED
    ) -> None:
        """Allow the run to spend more, from its next call on. A limit that is not given stays, null lifts it.

        Runs inside it spend from the same budget and have none of their own.
        """

    @raise_budget.after_write
    async def _raise(self, scope: Scope) -> None:
        if self.payer_id is not None:
            raise InnerRunHasNoBudget(self.id, self.payer_id)
        await scope.get(Accounts).allot(self.id, self.tenant, self.budget_usd, self.budget_tokens, count=True)

    @action.generic
    @classmethod
    async def compare(cls, scope: Scope, left: UUID, right: UUID) -> list[StageComparison]:
        """Two runs beside each other, stage by stage."""
        one, other = [await cls.get(scope, each, load=[cls.stages]) for each in (left, right)]
        return compared(*({stage.name: stage for stage in run.stages} for run in (one, other)))

    @start.after_writes
    @start_from.after_writes
    @nest.after_writes
    @replay.after_writes
    @staticmethod
    async def _begin(runs: Sequence[Run], scopes: Sequence[Scope]) -> None:
        new = [each for each in runs if not is_repeated(each)]
        if new:
            await scopes[0].get(Starter).admit([each for each in new if each.parent_id is None])
            await scopes[0].get(Starter).enqueue(new)
        for each in new:
            if each.budget_usd is not None or each.budget_tokens is not None:
                accounts = scopes[0].get(Accounts)
                await accounts.allot(each.id, each.tenant, each.budget_usd, each.budget_tokens)

    @action.transition(*OPEN_RUNS, to=RunState.CANCELLED)
    def cancel(self, scope: Scope) -> None:
        """Stop the run; what is committed stays."""

    @cancel.after_write
    async def _cancel_job(self, scope: Scope) -> None:
        await scope.get(Starter).cancel(self)
        for each in await self._inner(scope, *OPEN_RUNS):
            await each.cancel(scope)

    async def _inner(self, scope: Scope, *states: RunState) -> list[Run]:
        """The runs inside this one that are in some states, locked so that they stay in them."""
        inside = Run.query(scope).where(Run.parent_id == self.id, Run.state.is_in(list(states)))
        return await inside.order_by(Run.id).lock("no_key_update").all()

    @action.transition(RunState.PENDING, RunState.RUNNING, RunState.WAITING, to=RunState.PAUSED)
    def pause(self, scope: Scope) -> None:
        """Start no further stage; what is under way ends and is kept."""

    @pause.after_write
    async def _pause_inner(self, scope: Scope) -> None:
        for each in await self._inner(scope, RunState.PENDING, RunState.RUNNING, RunState.WAITING):
            await each.pause(scope)

    @action.transition(RunState.PAUSED, to=RunState.RUNNING)
    def resume(self, scope: Scope) -> None:
        """Go on."""

    @resume.after_write
    async def _nudge(self, scope: Scope) -> None:
        await scope.get(Starter).nudge(self)
        for each in await self._inner(scope, RunState.PAUSED):
            await each.resume(scope)

    @action.generic
    @classmethod
    async def give(cls, scope: Scope, run_id: UUID, stage: str, value: Json) -> None:
        """Give a stage the value that it waits for: an approval, or what a signal declares.

        It may come before the stage starts. Of two, the first one counts; the second is refused.
        """
        await scope.get(Starter).give(scope, await cls.get(scope, run_id), stage, value)

    @action.generic
    @classmethod
    async def waits(cls, scope: Scope, run_id: UUID) -> list[LimitWait]:
        """The limits that stages of a run stand before, and how full each is; of other runs only their number."""
        return await scope.get(Starter).waits(await cls.get(scope, run_id))

    @action.transition(RunState.FAILED, RunState.CANCELLED, to=RunState.PENDING)
    def retry(self, scope: Scope) -> None:
        """Go on at the first stage without a committed output."""
        self.error = None
        self.finished_at = None

    @retry.after_write
    async def _enqueue_again(self, scope: Scope) -> None:
        await scope.get(Starter).enqueue_again(self)
        left = StageRun.query(scope).where(StageRun.run_id == self.id, StageRun.state != StageState.DONE)
        open_stages = {each.name for each in await left.all()}
        for each in await self._inner(scope, RunState.FAILED, RunState.CANCELLED):
            if each.parent_stage in open_stages:
                await each.retry(scope)

    @action.read
    @classmethod
    def for_content(cls, scope: Scope, content_id: Arg[UUID]) -> Query[Run]:
        """The runs over one piece of content, newest first."""
        return cls.query().where(cls.content_id == content_id).order_by(cls.inserted_at.desc())

    storage = Postgres("pipeline_runs")
    tenancy = Tenancy(tenant)
    # Of all tenants: it is also how a run finds those inside it.
    identities = Identities(
        place=identity(parent_id, parent_stage, parent_index, all_tenants=True, where=~parent_id.is_null()),
        idempotency_key=identity(idempotency_key, where=~idempotency_key.is_null()),
    )
    policies = Policies(policy("any", authorize_if(actor_present())))
    # What happens while a run is worked on is announced by the pipelines, a few times a second at most.
    notifications = Notifications(
        publish("run:{id}", on=[cancel, pause, resume, retry]),
        publish("runs", on=[cancel, pause, resume, retry]),
    )
    json_api = JsonApi(
        "/runs",
        "get",
        "index",
        start,
        start_from,
        replay,
        fork,
        compare,
        waits,
        raise_budget,
        cancel,
        pause,
        resume,
        give,
        retry,
        for_content,
        includes=[content, definition, stages, items, result, budget],
    )
    graphql = GraphQL(
        *("get", "list", "connection", start, start_from, replay, fork, raise_budget, cancel, pause, resume),
        *(give, retry, for_content),
        queries=[compare],
        subscriptions={"runChanged": "run:{id}", "runsChanged": "runs"},
    )
    mcp = Mcp("get", "list", start, cancel, pause, resume, retry, for_content)


async def _is_there(run: Run, scope: Scope) -> bool:
    """Whether there is a run with the key of a new one; that is then the answer, whatever has become of its inputs."""
    if run.idempotency_key is None:
        return False
    earlier = await Run.query(scope).where(Run.idempotency_key == run.idempotency_key).one_or_none()
    if earlier is not None:
        run.content_id, run.pipeline, run.version = earlier.content_id, earlier.pipeline, earlier.version
    return earlier is not None
