"""Actors of jobs: who caused a job travels with it as plain data."""

from __future__ import annotations

from typing import Any, cast

from sorbus.schema.resource import ResourceSpec
from sorbus.scope import Scope


def actor_data(actor: Any) -> Any:
    """An actor as the job's row holds it: a record by resource and key, plain values as they are, others not."""
    if actor is None or isinstance(actor, (str, int)):
        return actor
    kind = actor.__class__
    declared = getattr(kind, "__declared__", None)
    if declared is not None and "id" in actor.__dict__:
        return {"resource": kind.__name__, "key": str(actor.__dict__["id"])}
    return None


async def actor_of(data: Any, scope: Scope) -> Any:
    """The actor of a job, read anew; None when it is gone."""
    if not isinstance(data, dict):
        return data
    record = cast("dict[str, Any]", data)
    runtime = scope.need_runtime()
    spec: ResourceSpec | None = runtime.application.resources.get(record.get("resource"))
    if spec is None:
        return None
    return await runtime.reader.find_or_none(spec, scope, record["key"])
