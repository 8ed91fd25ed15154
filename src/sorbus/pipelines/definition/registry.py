"""The pipelines that a process knows: those in its code, and those in rows as they are asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sorbus.errors.pipelines import (
    DuplicatePipeline,
    NoSuchPipeline,
    UnknownPipelineVersion,
)
from sorbus.pipelines.definition.drawing import action_name
from sorbus.pipelines.definition.dynamic import Blocks, Offer, definitions_in, pipeline_from
from sorbus.pipelines.definition.pipeline import Pipeline
from sorbus.pipelines.definition.stages import AnyAction

_MOST_KEPT = 1000

Fetch = Callable[[UUID], Awaitable[Any]]
"""Reads the row of a definition by its id."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A definition that was read from its row."""

    owner: str
    pipeline: Pipeline


class Registry:
    """The pipelines of an application.

    Args:
        pipelines: those in code.
        blocks: the actions that definitions in rows may be made of; by default those of the pipelines in code.

    Raises:
        DuplicatePipeline: two definitions bear one name and one version.
    """

    def __init__(self, pipelines: Sequence[Pipeline], blocks: Sequence[AnyAction] | None = None) -> None:
        self.pipelines: dict[tuple[str, int], Pipeline] = {}
        self.current: dict[str, Pipeline] = {}
        # A pipeline that others are made of need not be given by itself.
        for each in {id(one): one for given in pipelines for one in (given, *given.inner)}.values():
            if self.pipelines.setdefault((each.name, each.version), each) is not each:
                raise DuplicatePipeline(each.name, each.version)
            known = self.current.get(each.name)
            if known is None or known.version < each.version:
                self.current[each.name] = each
        offered = [stage.action for each in pipelines for stage in each.stages] if blocks is None else blocks
        self.blocks: Blocks = {action_name(each): each for each in offered if each is not None}
        self._read: dict[UUID, _Read] = {}

    def version_of(self, name: str) -> int:
        """The current version of a pipeline in code.

        Raises:
            NoSuchPipeline: there is none of this name.
        """
        found = self.current.get(name)
        if found is None:
            raise NoSuchPipeline(name, allowed=self.current)
        return found.version

    async def find(self, name: str, version: int, definition_id: UUID | None, fetch: Fetch) -> Pipeline:
        """The pipeline of a run.

        Raises:
            UnknownPipelineVersion: this process does not have it.
            InvalidDefinition: its row names an action that this process does not offer any more.
        """
        if definition_id is None:
            found = self.pipelines.get((name, version))
        else:
            read = self._read.get(definition_id) or await self._from_row(definition_id, fetch)
            found = None if read is None else read.pipeline
        if found is None:
            known = [f"{each} {number}" for each, number in self.pipelines]
            raise UnknownPipelineVersion(name, version, known=known)
        return found

    async def made(
        self,
        stages: Sequence[Mapping[str, Any]],
        *,
        owner: str,
        name: str,
        version: int,
        fetch: Fetch,
        description: str = "",
        definition_id: UUID | None = None,
    ) -> Pipeline:
        """The pipeline in some data of a tenant.

        Raises:
            InvalidDefinition: it makes none.
        """
        inner: dict[UUID, Pipeline] = {}
        for each in sorted(definitions_in(stages)):
            found = self._read.get(each)
            if found is None or found.owner != owner:
                found = await self._from_row(each, fetch, owner=owner)
            if found is not None:
                inner[each] = found.pipeline
        offer = Offer(blocks=self.blocks, pipelines=self.pipelines, current=self.current, definitions=inner)
        return pipeline_from(
            stages,
            name=name,
            version=version,
            offer=offer,
            description=description,
            definition_id=definition_id,
        )

    async def _from_row(self, definition_id: UUID, fetch: Fetch, *, owner: str | None = None) -> _Read | None:
        """A definition that is read from its row; None when there is none, or none of that owner."""
        row = await fetch(definition_id)
        if row is None or (owner is not None and row["owner"] != owner):
            return None
        made = await self.made(
            row["stages"],
            owner=row["owner"],
            name=row["name"],
            version=row["version"],
            fetch=fetch,
            description=row["description"],
            definition_id=definition_id,
        )
        if len(self._read) >= _MOST_KEPT:
            self._read.clear()
        found = self._read[definition_id] = _Read(row["owner"], made)
        return found
