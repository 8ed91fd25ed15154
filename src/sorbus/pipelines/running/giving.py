"""Values from outside: what a run is given, checked against the type that is waited for."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, ValidationError

from sorbus.data_layers.postgres.faults import translate
from sorbus.errors.inputs import InvalidInput
from sorbus.errors.pipelines import NothingAwaited
from sorbus.pipelines.definition.pipeline import Pipeline
from sorbus.pipelines.definition.work import Await
from sorbus.pipelines.resources.states import OPEN_RUNS
from sorbus.pipelines.running.sql import sql


async def given(connection: Any, run_id: Any, stage: str, value: Any) -> Any:
    """Write a value that somebody gives into the row of its stage; None when it is not taken."""
    try:
        return await connection.fetchrow(sql("give"), run_id, stage, value)
    except Exception as error:
        known = translate(error)
        if known is None:
            raise
        raise known from error


async def not_awaited(connection: Any, run_id: Any, stage: str, pipeline: Pipeline) -> NothingAwaited:
    """Why a run does not take a value for a stage that waits for one."""
    awaited = [each.name for each in pipeline.stages if isinstance(each.work, Await)]
    row = await connection.fetchrow(sql("awaiting"), run_id, awaited)
    if row is None or row["state"] not in OPEN_RUNS:
        return NothingAwaited(stage, why="the run has ended", allowed=())
    return NothingAwaited(stage, why="it has got one, or does not need it any more", allowed=row["open"])


def checked_value(pipeline: Pipeline, stage: str, value: Any) -> Any:
    """A value for a stage, as plain data of the type that it waits for."""
    awaited = {each.name: each.work.type for each in pipeline.stages if isinstance(each.work, Await)}
    if stage not in awaited:
        why = "it is no stage that waits for a value" if pipeline.stage(stage) else "there is no such stage"
        raise NothingAwaited(stage, why=why, allowed=awaited)
    return typed(awaited[stage], value, "Run.give", ("value",))


def typed(kind: Any, value: Any, action: str, at: tuple[str, ...]) -> Any:
    """A value as plain data of a type.

    Raises:
        InvalidInput: it is not of the type.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    try:
        return adapter.dump_python(adapter.validate_python(value), mode="json")
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(action, at[0], problem=first["msg"], at=(*at[1:], *first["loc"])) from error
