"""Applications whose users compose pipelines of the shapes, and short ways to define and start them."""

from __future__ import annotations

from typing import Any

from tests.integration.pipelines.helpers import ingest
from tests.integration.pipelines.shapes import Doing, Shapes, shaped

from sorbus import Scope, Sorbus
from sorbus.pipelines import Definition, Pipeline, Run, stage

BLOCKS = [
    Shapes.step, Shapes.split, Shapes.table, Shapes.each, Shapes.count, Shapes.caught, Shapes.ship, Shapes.undo
]  # fmt: skip
STEP = {"name": "step", "action": "Shapes.step"}
SPLIT = {"name": "split", "action": "Shapes.split"}
EACH = {"name": "each", "action": "Shapes.each", "for_each": {"over": "split.parts"}}


def offering(url: str, doing: Doing, *, blocks: Any = BLOCKS, **options: Any) -> Sorbus:
    """An application whose users compose pipelines of the shapes; in its code is one named `own`."""
    own = Pipeline("own", stages=[stage(Shapes.step)])
    return shaped(url, doing, own, blocks=blocks, **options)


def renamed(name: str, **more: Any) -> dict[str, Any]:
    """A plain stage."""
    return {"name": name, "action": "Shapes.step", **more}


async def defined(scope: Scope, *stages: Any, name: str = "mine") -> Definition:
    """A definition."""
    return await Definition.define(scope, name=name, stages=list(stages))


async def started(scope: Scope, made: Definition, *, text: str = "a b", name: str = "one") -> Run:
    """A run of a definition."""
    content = await ingest(scope, name, text=text)
    return await Run.start_from(scope, content_id=content.id, definition_id=made.id)


async def versions(scope: Scope, name: str = "mine") -> list[int]:
    """The versions of a pipeline, newest first."""
    return [each.version for each in await Definition.named(scope, name=name).all()]
