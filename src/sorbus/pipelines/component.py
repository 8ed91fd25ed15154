"""The pipelines of an application: a component that starts, runs and repairs runs."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sorbus.data_layers.postgres.faults import DRIVER_ERRORS
from sorbus.data_layers.postgres.json_codec import encode_json
from sorbus.data_layers.postgres.migrations import SystemScript
from sorbus.data_layers.postgres.pool import Pool
from sorbus.engine.transaction import Transaction
from sorbus.errors.database import DatabaseFault
from sorbus.errors.inputs import InvalidInput
from sorbus.errors.pipelines import (
    BadFork,
    InvalidDefinition,
    NoSuchDefinition,
    PipelinesNotStarted,
    ReservedPipeline,
    RunKeepsDying,
    UnknownPipelineVersion,
)
from sorbus.jobs.component import Jobs
from sorbus.jobs.inspection import cancel_job
from sorbus.jobs.line import FORSAKEN
from sorbus.llm.calls import DatabaseSink
from sorbus.llm.client import ModelClient
from sorbus.llm.config import ModelConfig
from sorbus.llm.records import CallSink
from sorbus.pipelines.definition.backlog import Backlog
from sorbus.pipelines.definition.dynamic import definitions_in, pinned
from sorbus.pipelines.definition.limits import Limit
from sorbus.pipelines.definition.pipeline import DEFAULT_QUEUE, Pipeline
from sorbus.pipelines.definition.registry import Registry
from sorbus.pipelines.definition.stages import AnyAction
from sorbus.pipelines.resources.definition import Definition
from sorbus.pipelines.resources.run import Run
from sorbus.pipelines.resources.starting import Defined, Starter
from sorbus.pipelines.resources.states import RunState
from sorbus.pipelines.resources.waiting import LimitWait
from sorbus.pipelines.running.admission import Admission
from sorbus.pipelines.running.advance import Advancer
from sorbus.pipelines.running.batching import Batcher
from sorbus.pipelines.running.budgeting import budgeted_sink
from sorbus.pipelines.running.enqueuing import (
    Startable,
    definition_row,
    enqueue_again,
    enqueue_new,
    pipeline_of,
)
from sorbus.pipelines.running.events import EventKind, Observer
from sorbus.pipelines.running.family import Parents, abandon
from sorbus.pipelines.running.giving import checked_value, given, not_awaited, typed
from sorbus.pipelines.running.live import Live
from sorbus.pipelines.running.permits import Freed, Permits, by_name
from sorbus.pipelines.running.sql import sql
from sorbus.pipelines.running.store import RunStore
from sorbus.pipelines.running.waiting import waits_of
from sorbus.scope import EveryTenant, Scope, tenant_key

if TYPE_CHECKING:
    from sorbus.resource.application import Sorbus

logger = logging.getLogger(__name__)

WORKER = "pipelines.advance"
ClientFactory = Callable[[CallSink], ModelClient]
_REPAIR_EVERY = 60.0
# Begins, checkpoints, model calls and their look-ups each keep one busy; the rest is room to breathe.
_CONNECTIONS = 6
# Of a statement that takes this long, the answer will not come: the link to the server hangs.
_STATEMENT_SECONDS = 20.0
_LOST_AFTER = 120.0
_DEPLOY_LOOKS = 10


class Pipelines(Starter):
    """Runs pipelines. Give it to the application before `Jobs`.

    Args:
        pipelines: the static definitions.
        blocks: the actions that the users of the application may compose pipelines of; by default those of the
            static ones.
        jobs: the application's jobs.
        models: a model's name, a configuration, or a function that makes a client over a sink; by default the
            embedded local model.
        concurrency: how many runs this process advances at once.
        limits: how much work may be under way, on all nodes together; give the same ones to every node.
        backlog: how many unfinished runs there may be before no further one is started; likewise.

    Raises:
        DuplicatePipeline: two definitions bear one name and one version.
        BadLimit: two limits bear one name.
    """

    def __init__(
        self,
        pipelines: Sequence[Pipeline],
        *,
        jobs: Jobs,
        models: ModelConfig | str | ClientFactory = "local:default",
        concurrency: int = 8,
        blocks: Sequence[AnyAction] | None = None,
        limits: Sequence[Limit] = (),
        backlog: Backlog | None = None,
    ) -> None:
        self.registry = Registry(pipelines, blocks)
        self.jobs = jobs
        self.concurrency = concurrency
        self.limits = tuple(by_name(limits).values())
        self.backlog = backlog
        self._given = models
        self._client: ModelClient | None = None
        self._app: Sorbus | None = None
        self._pool: Pool | None = None
        self._sink: DatabaseSink | None = None
        self._advancer: Advancer | None = None
        self._permits: Permits | None = None
        self._parents: Parents | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._observers: list[Observer] = []
        self._live: Live | None = None
        self._admission: Admission | None = None
        self._batcher: Batcher | None = None
        self._unknown: Counter[UUID] = Counter()

    def system_scripts(self) -> tuple[SystemScript, ...]:
        """The jobs' tables, the index by which a run finds its job, and the tables of the limits."""
        return (
            *self.jobs.system_scripts(),
            SystemScript("pipelines", 1, sql("install")),
            SystemScript("pipelines", 2, sql("install_limits")),
        )

    async def start(self, app: Sorbus) -> None:
        """Publish the definitions, make the model client, and register the handler of the jobs."""
        self._app = app
        # Plans are cached while the tables are small; without seqscan off they would stay slow when a burst arrives.
        self._pool = app.database.further_pool(
            size=_CONNECTIONS,
            application_name="sorbus-pipelines",
            settings={"enable_seqscan": "off", **FORSAKEN},
            statement_timeout=_STATEMENT_SECONDS,
        )
        self._sink = sink = budgeted_sink(app, self._pool, self.jobs)
        given = self._given
        client = ModelClient(given, sink=sink) if isinstance(given, (str, ModelConfig)) else given(sink)
        self._client = client
        app.provide(ModelClient, client)
        app.provide(Starter, self)
        app.provide(Pipelines, self)
        self._admission = None if self.backlog is None else Admission(self._pool, self.backlog)
        self._batcher = Batcher(app, sink)
        app.provide(Batcher, self._batcher)
        self._live = Live(
            lambda run_id, tenant, what: app.announce(Run, {"id": run_id}, action=what, tenant=tenant)
        )
        self._permits = Permits(self._pool, self.limits, woken=self._live.say, wake=self.jobs.wake)
        self._parents = Parents(self._permits.tell)
        self._advancer = Advancer(
            app,
            RunStore(self._pool),
            sink,
            self.registry,
            self._observers,
            self._live,
            self._permits,
            self._parents,
        )
        # What users compose runs in the default queue.
        for queue in {DEFAULT_QUEUE, *(each.queue for each in self.registry.pipelines.values())}:
            self.jobs.register(WORKER, self._advancer, queue=queue, limit=self.concurrency)
        await self._publish(app)
        self._tasks = [asyncio.create_task(self._repair_forever(), name="sorbus-pipelines-repair")]
        if self.limits:
            self._tasks.append(asyncio.create_task(self._permits.run(), name="sorbus-pipelines-limits"))

    async def stop(self) -> None:
        """Stop looking after runs; those under way go on elsewhere or at the next start."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        parts = (
            self._parents, self._permits, self._live, self._batcher, self._client, self._sink, self._pool
        )  # fmt: skip
        self._parents = self._permits = self._live = self._batcher = None
        self._client = self._sink = self._pool = self._admission = None
        for part in parts:
            if part is not None:
                await part.close()

    def observe(self, observer: Observer) -> None:
        """Tell a function of every step of the runs in this process."""
        self._observers.append(observer)

    def unobserve(self, observer: Observer) -> None:
        """Undo `observe`."""
        with suppress(ValueError):
            self._observers.remove(observer)

    async def _publish(self, app: Sorbus) -> None:
        scope = app.system_scope()
        for each in self.registry.pipelines.values():
            data = each.to_data()
            await Definition.publish(
                scope,
                name=each.name,
                version=each.version,
                description=each.description,
                stages=data["stages"],
                edges=data["edges"],
            )

    # what the actions of Run ask for

    def check_input(self, pipeline: str, version: int, value: Any) -> Any:
        """What a run of a pipeline in code is started with, as plain data.

        Raises:
            InvalidInput: it is not of the type that the pipeline declares, or the pipeline takes nothing.
        """
        found = self.registry.pipelines.get((pipeline, version))
        if found is None or found.input is None:
            if value is not None:
                raise InvalidInput("Run", "input", problem="This pipeline takes no input.")
            return None
        return typed(found.input, value, "Run", ("input",))

    def version_of(self, pipeline: str) -> int:
        """The current version of a pipeline.

        Raises:
            NoSuchPipeline: the application has none of this name.
        """
        return self.registry.version_of(pipeline)

    async def defined(self, scope: Scope, name: str, stages: Sequence[Mapping[str, Any]]) -> Defined:
        """Check a pipeline that is given as data, and look for its version; `next_version` decides.

        Raises:
            InvalidInput: it has no name.
            InvalidDefinition: it is no pipeline.
            ReservedPipeline: the application has one of this name in its code.
        """
        if not name.strip():
            raise InvalidInput("Definition.define", "name", problem="it is empty")
        if name in self.registry.current:
            raise ReservedPipeline(name)
        app = self._need_app()
        owner = tenant_key(scope.tenant)
        async with app.engine.session(app.engine.layers["postgres"]) as connection:
            latest: int = await connection.fetchval(sql("latest_version"), owner, name)
            find = partial(definition_row, connection)
            made = await self.registry.made(stages, owner=owner, name=name, version=latest + 1, fetch=find)
        named = Definition.query(scope).where(Definition.id.is_in(sorted(definitions_in(stages))))
        retired = await named.where(~Definition.retired_at.is_null()).first()
        if retired is not None:
            raise InvalidDefinition(name, f"the definition {retired.id} inside it is retired")
        return Defined(owner, made.version, made.to_data()["edges"], pinned(stages, made))

    async def next_version(self, owner: str, name: str) -> int:
        """The version of a definition that is about to be written in the open transaction; it waits for others."""
        app = self._need_app()
        async with app.engine.session(app.engine.layers["postgres"]) as connection:
            # The statement behind this one sees what whoever held the lock has committed.
            await connection.execute(sql("lock_name"), owner, name)
            latest: int = await connection.fetchval(sql("latest_version"), owner, name)
        return latest + 1

    async def startable(self, scope: Scope, definition_id: Any) -> Any:
        """The definition that a run may be started from.

        Raises:
            NoSuchDefinition: the tenant has none of this id, it is retired, or it is one in code.
        """
        mine = Definition.query(scope).where(
            Definition.id == definition_id, Definition.owner == tenant_key(scope.tenant)
        )
        found = await mine.one_or_none()
        if found is None:
            raise NoSuchDefinition(definition_id, why="the tenant has defined none with this id")
        if found.retired_at is not None:
            raise NoSuchDefinition(definition_id, why="it is retired")
        return found

    def refuse_early(self, tenant: Any) -> None:
        """Refuse a run of a tenant where it is known that the backlog is full.

        Raises:
            BacklogFull: it is.
        """
        if self._admission is not None:
            self._admission.refuse_early(tenant_key(tenant))

    async def admit(self, runs: Sequence[Any]) -> None:
        """Let new runs be started in the open transaction, or none of them.

        Raises:
            BacklogFull: the application has as much unfinished work as it takes.
        """
        if self._admission is not None and runs:
            opened, _ = await self._in_transaction()
            await self._admission.admit(opened, [each.tenant for each in runs])

    async def waited[T](self, scope: Scope, start: Callable[[], Awaitable[T]]) -> T:
        """Start a run as soon as the backlog has room for it."""
        if self._admission is None or self._need_app().engine.transaction_of_task() is not None:
            return await start()
        return await self._admission.waited(tenant_key(scope.tenant), start)

    async def enqueue(self, runs: Sequence[Any]) -> None:
        """Write the stages and jobs of new runs into the open transaction, with one statement."""
        opened, connection = await self._in_transaction()
        queues = await enqueue_new(connection, self.registry, runs)
        opened.on_commit.append(partial(self._started, [(each.id, each.tenant) for each in runs], queues))

    async def enqueue_again(self, run: Any) -> None:
        """Give a run another job in the open transaction; stages that have failed or were cancelled are taken up."""
        await self._enqueue_again(run, again=True)

    async def _enqueue_again(self, run: Startable, *, again: bool = False) -> None:
        opened, connection = await self._in_transaction()
        queue = await enqueue_again(connection, self.registry, run, again=again)
        opened.on_commit.append(partial(self._started, [(run.id, run.tenant)], {queue}))

    async def _in_transaction(self) -> tuple[Transaction, Any]:
        """The open transaction, and its connection."""
        engine = self._need_app().engine
        opened = engine.transaction_of_task()
        if opened is None:
            raise PipelinesNotStarted
        return opened, await opened.session(engine.layers["postgres"])

    async def _started(self, runs: Sequence[tuple[UUID, str]], queues: Collection[str]) -> None:
        self.jobs.wake(set(queues))
        if self._live is not None:
            for run_id, tenant in runs:
                self._live.touch(run_id, tenant, EventKind.STARTED)

    async def _wake(self, queue: str) -> None:
        self.jobs.wake({queue})

    async def cancel(self, run: Any) -> None:
        """Cancel a run's jobs and the stages in hand within the open transaction."""
        app = self._need_app()
        async with app.engine.session(app.engine.layers["postgres"]) as connection:
            await connection.execute(sql("cancel_stages"), run.id)
            for row in await connection.fetch(sql("job_of_run"), str(run.id)):
                await cancel_job(connection, row["id"])
        opened = app.engine.transaction_of_task()
        if opened is not None:
            opened.on_commit.append(partial(self._cancelled, run.id, run.parent_id))

    async def _cancelled(self, run_id: UUID, parent_id: UUID | None) -> None:
        if self._permits is not None and self.limits:
            self._permits.free_soon(Freed(run_id))
        if self._parents is not None and parent_id is not None:
            self._parents.wake(parent_id)

    async def forkable(self, run: Any, stage: str, outputs: Mapping[str, Any]) -> None:
        """Check that a run can be forked at a stage, with some outputs edited.

        Raises:
            BadFork: it has no such stage, or an output that is not before it.
        """
        pipeline = await self._pipeline_of(run)
        if pipeline.stage(stage) is None:
            raise BadFork(stage, "there is no such stage", at=("fork_stage",), allowed=pipeline.plans)
        kept = [name for name in pipeline.plans if name not in pipeline.plan.after(stage)]
        for name, value in outputs.items():
            if name not in kept:
                raise BadFork(
                    stage, f"`{name}` is no stage before it", at=("fork_outputs", name), allowed=kept
                )
            typed(pipeline.plans[name].gives, value, "Run.fork", ("fork_outputs", name))

    async def copy_stages(self, run: Any) -> None:
        """Give a fork what it keeps of the run that it comes from."""
        pipeline = await self._pipeline_of(run)
        anew = pipeline.plan.after(run.fork_stage)
        kept = [name for name in pipeline.plans if name not in anew]
        app = self._need_app()
        async with app.engine.session(app.engine.layers["postgres"]) as connection:
            edits = encode_json(run.fork_outputs).decode()
            await connection.execute(sql("copy_stages"), run.id, run.forked_from, kept, edits)

    async def _pipeline_of(self, run: Any) -> Pipeline:
        app = self._need_app()
        async with app.engine.session(app.engine.layers["postgres"]) as connection:
            return await pipeline_of(connection, self.registry, run)

    async def nudge(self, run: Any) -> None:
        """See to it that a run has a job which is due, within the open transaction."""
        opened, connection = await self._in_transaction()
        woken = await connection.fetch(sql("wake_run"), str(run.id))
        for row in woken:
            opened.on_commit.append(partial(self._wake, row["queue"]))
        # A job that runs sees for itself what has been said, before it ends.
        if not woken and not await connection.fetch(sql("job_of_run"), str(run.id)):
            await self._enqueue_again(run)

    async def give(self, scope: Scope, run: Any, stage: str, value: Any) -> None:
        """Give a stage of a run the value that it waits for.

        Raises:
            NothingAwaited: the run does not wait for it.
            InvalidInput: the value is not of the declared type.
            Deadlock: a transaction that gives to several runs met a checkpoint of several; do it once more.
        """
        app = self._need_app()
        layer = app.engine.layers["postgres"]
        pipeline = await self._pipeline_of(run)
        plain = checked_value(pipeline, stage, value)
        async with app.engine.transaction(nested=True) as opened:
            connection = await opened.session(layer)
            await layer.look(connection, scope.tenant)
            row = await given(connection, run.id, stage, plain)
            if row is None:
                raise await not_awaited(connection, run.id, stage, pipeline)
            if row["state"] != RunState.PAUSED:
                await self.nudge(run)
            opened.on_commit.append(partial(self._said, run.id, run.tenant))

    async def waits(self, run: Any) -> list[LimitWait]:
        """The limits that stages of a run stand before."""
        if not self.limits:
            return []
        app = self._need_app()
        async with app.engine.session(app.engine.layers["postgres"]) as connection:
            return await waits_of(connection, run.id, by_name(self.limits))

    async def _said(self, run_id: UUID, tenant: str) -> None:
        if self._live is not None:
            self._live.say(run_id, tenant)

    def _need_pool(self) -> Pool:
        if self._pool is None:
            raise PipelinesNotStarted
        return self._pool

    def _need_app(self) -> Sorbus:
        if self._app is None:
            raise PipelinesNotStarted
        return self._app

    # repair

    async def _repair_forever(self) -> None:
        while True:
            try:
                await self.repair()
                if self._sink is not None:
                    await self._sink.budgets.look_after()
            except (DatabaseFault, *DRIVER_ERRORS) as error:
                logger.warning("runs without a job were not looked for: %s", error)
            except Exception:
                logger.exception("runs without a job were not looked for")
            await asyncio.sleep(_REPAIR_EVERY)

    async def repair(self, *, older_than: float = _LOST_AFTER) -> int:
        """Give unfinished runs without a job a new one; returns how many.

        A run whose job was claimed too often fails: it took its process down each time.
        """
        app = self._need_app()
        store = RunStore(self._need_pool())
        found = await store.lost(older_than)
        for lost in found:
            if lost.used_up:
                await store.fail_run(lost.id, RunKeepsDying(lost.pipeline).to_dict())
                continue
            try:
                async with app.transaction() as opened:
                    layer = app.engine.layers["postgres"]
                    connection = await opened.session(layer)
                    await layer.look(connection, EveryTenant())
                    # Another node may repair the same run at this moment: the first one gives it its job.
                    held = await connection.fetch(sql("hold_lost_run"), lost.id)
                    if held and not await connection.fetch(sql("job_of_run"), str(lost.id)):
                        await self._enqueue_again(lost)
            except (UnknownPipelineVersion, InvalidDefinition) as error:
                # Another node may know it, as in a deploy; it looks as often as this one.
                self._unknown[lost.id] += 1
                node = "" if self.jobs.runner is None else self.jobs.runner.node
                if self._unknown[lost.id] > _DEPLOY_LOOKS or not await store.other_nodes(node):
                    await store.fail_run(lost.id, error.to_dict())
        for run_id, tenant in await store.orphans():
            await abandon(app, run_id, tenant)
        return len(found)
