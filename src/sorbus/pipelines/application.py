"""An application with pipelines in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sorbus.jobs.component import Jobs
from sorbus.llm.budgets.resources import Budget, Reservation
from sorbus.llm.calls import LlmCall
from sorbus.llm.config import ModelConfig
from sorbus.pipelines.builtin import BUILTIN, DocumentExtraction, EmailAnalysis
from sorbus.pipelines.component import ClientFactory, Pipelines
from sorbus.pipelines.definition.backlog import Backlog
from sorbus.pipelines.definition.limits import Limit
from sorbus.pipelines.definition.pipeline import Pipeline
from sorbus.pipelines.definition.stages import AnyAction
from sorbus.pipelines.resources.content import Content
from sorbus.pipelines.resources.definition import Definition
from sorbus.pipelines.resources.run import Result, Run
from sorbus.pipelines.resources.stages import StageItem, StageRun
from sorbus.resource.application import Sorbus
from sorbus.resource.domain import Domain

PIPELINES = Domain(
    "pipelines",
    description="Content, the pipelines that work on it, and what they found.",
    resources=[
        Content,
        Definition,
        Run,
        StageRun,
        StageItem,
        Result,
        LlmCall,
        Budget,
        Reservation,
        EmailAnalysis,
        DocumentExtraction,
    ],
)


def pipeline_application(
    *,
    domains: Sequence[Domain] = (),
    pipelines: Sequence[Pipeline] = BUILTIN,
    models: ModelConfig | str | ClientFactory = "local:default",
    blocks: Sequence[AnyAction] | None = None,
    concurrency: int = 8,
    limits: Sequence[Limit] = (),
    backlog: Backlog | None = None,
    run_jobs: bool = True,
    job_options: dict[str, Any] | None = None,
    **options: Any,
) -> Sorbus:
    """An application with the pipelines domain, your own domains, and the parts that run them.

    Args:
        domains: your own domains; the stages of your pipelines live there.
        pipelines: what it can run; the built-in ones by default.
        models: a model's name, a configuration, or a function that makes a client over a sink.
        blocks: the actions that the users of the application may compose pipelines of; by default those of
            `pipelines`.
        concurrency: how many runs this process advances at once.
        limits: how much work of stages may be under way, on all nodes together.
        backlog: how many unfinished runs it takes, on all nodes together; None for any number.
        run_jobs: False makes a process that starts runs and leaves the work to others.
        job_options: options of `JobRunner`, such as `dead_after`.
        options: those of `Sorbus`.
    """
    jobs = Jobs(run=run_jobs, **(job_options or {}))
    parts = Pipelines(
        pipelines,
        jobs=jobs,
        models=models,
        concurrency=concurrency,
        blocks=blocks,
        limits=limits,
        backlog=backlog,
    )
    app = Sorbus(domains=[PIPELINES, *domains], components=[parts, jobs], **options)
    app.provide(Jobs, jobs)
    return app
