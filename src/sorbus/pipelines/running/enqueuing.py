"""Enqueuing: the stages of runs and the jobs that advance them, written into the transaction of the runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from sorbus.data_layers.postgres.json_codec import encode_json
from sorbus.errors.pipelines import NoSuchContent
from sorbus.pipelines.definition.pipeline import Pipeline
from sorbus.pipelines.definition.registry import Registry
from sorbus.pipelines.running.sql import sql
from sorbus.types.uuid7 import uuid7

_MOST_CLAIMS = 20
"""Claims, not failures: a lease that dies with its process this often takes its process down with it."""


class Startable(Protocol):
    """What is known of a run before it has a job."""

    @property
    def id(self) -> UUID:
        """Its key."""
        ...

    @property
    def tenant(self) -> str:
        """Whose it is."""
        ...

    @property
    def pipeline(self) -> str:
        """The name of its pipeline."""
        ...

    @property
    def version(self) -> int:
        """The version of that."""
        ...

    @property
    def definition_id(self) -> UUID | None:
        """The row that it was started from; None for a pipeline in code."""
        ...


async def definition_row(connection: Any, definition_id: UUID) -> Any:
    """The row of a definition."""
    return await connection.fetchrow(sql("definition"), definition_id)


async def pipeline_of(connection: Any, registry: Registry, run: Startable) -> Pipeline:
    """The pipeline of a run.

    Raises:
        UnknownPipelineVersion: this process does not have it.
    """
    find = partial(definition_row, connection)
    return await registry.find(run.pipeline, run.version, run.definition_id, find)


async def enqueue_new(connection: Any, registry: Registry, runs: Sequence[Any]) -> Collection[str]:
    """Give new runs their stages and jobs, with one statement; returns the queues.

    Raises:
        NoSuchContent: the content of one is another tenant's.
        UnknownPipelineVersion: this process does not have the pipeline of one.
    """
    pipelines: dict[int, tuple[int, Pipeline]] = {}
    rows: list[dict[str, Any]] = []
    for run in runs:
        pipeline = await pipeline_of(connection, registry, run)
        place, _ = pipelines.setdefault(id(pipeline), (len(pipelines), pipeline))
        rows.append(
            {
                "id": run.id,
                "tenant": run.tenant,
                "content_id": run.content_id,
                "pipeline": place,
                "stages": [uuid7() for _ in pipeline.stages],
            }
        )
    shapes = [_shape(place, pipeline) for place, pipeline in pipelines.values()]
    jobs = await connection.fetchval(
        sql("start_runs"), encode_json(rows).decode(), encode_json(shapes).decode(), _MOST_CLAIMS
    )
    if jobs < len(rows):
        raise NoSuchContent
    return {pipeline.queue for _, pipeline in pipelines.values()}


def _shape(place: int, pipeline: Pipeline) -> Mapping[str, Any]:
    return {
        "pipeline": place,
        "queue": pipeline.queue,
        "priority": pipeline.priority,
        "names": [each.name for each in pipeline.stages],
        "states": [state.value for state in pipeline.first_states],
    }


async def enqueue_again(connection: Any, registry: Registry, run: Startable, *, again: bool) -> str:
    """Give a run another job, and stages that it does not have; returns the queue.

    Args:
        again: whether stages that have failed or were cancelled are taken up again.

    Raises:
        NoSuchContent: its content is another tenant's.
        UnknownPipelineVersion: this process does not have its pipeline.
    """
    pipeline = await pipeline_of(connection, registry, run)
    job = await connection.fetchval(
        sql("start_run"),
        run.id,
        run.tenant,
        [uuid7() for _ in pipeline.stages],
        [each.name for each in pipeline.stages],
        list(range(len(pipeline.stages))),
        [state.value for state in pipeline.first_states],
        pipeline.queue,
        _MOST_CLAIMS,
        {"tenant": run.tenant},
        pipeline.priority,
        [each.name for each in pipeline.stages if each.name not in pipeline.plan.handled],
        again,
    )
    if job is None:
        raise NoSuchContent
    return pipeline.queue
