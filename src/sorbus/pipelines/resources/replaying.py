"""Replaying: what a run has left that another one can find, and its pipeline as it is now."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sorbus.errors.pipelines import NoSuchDefinition, NothingToReuse
from sorbus.pipelines.resources.definition import Definition
from sorbus.pipelines.resources.stages import StageItem, StageRun
from sorbus.pipelines.resources.starting import Starter
from sorbus.scope import Scope, tenant_key


async def check_reusable(scope: Scope, run: Any) -> None:
    """See that a run has left something that another one can find.

    Raises:
        NothingToReuse: it has not.
    """
    stages = StageRun.query(scope).where(StageRun.run_id == run.id, ~StageRun.fingerprint.is_null())
    items = StageItem.query(scope).where(StageItem.run_id == run.id, ~StageItem.fingerprint.is_null())
    if not await stages.exists() and not await items.exists():
        raise NothingToReuse(run.id, run.pipeline)


async def as_it_is_now(scope: Scope, run: Any, definition_id: UUID | None) -> tuple[str, int, UUID | None]:
    """The pipeline, version and definition by which a run is replayed.

    Raises:
        NoSuchPipeline, NoSuchDefinition: there is none any more.
    """
    starter = scope.get(Starter)
    if definition_id is None and run.definition_id is None:
        return run.pipeline, starter.version_of(run.pipeline), None
    if definition_id is None:
        versions = Definition.query(scope).where(
            Definition.name == run.pipeline,
            Definition.owner == tenant_key(scope.tenant),
            Definition.retired_at.is_null(),
        )
        latest = await versions.order_by(Definition.version.desc()).first()
        if latest is None:
            raise NoSuchDefinition(run.pipeline, why="all versions of it are retired")
        definition_id = latest.id
    found = await starter.startable(scope, definition_id)
    return found.name, found.version, found.id
