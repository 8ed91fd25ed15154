"""Reuse: outputs that earlier runs have kept, found by a digest of all that they depend on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sorbus.llm.client import ModelClient
from sorbus.pipelines.definition.drawing import action_name
from sorbus.pipelines.definition.outputs import list_of
from sorbus.pipelines.definition.pipeline import Pipeline
from sorbus.pipelines.definition.stages import CONTENT
from sorbus.pipelines.definition.work import ForEach, Repeat
from sorbus.pipelines.resources.digests import digest
from sorbus.pipelines.resources.states import StageState
from sorbus.pipelines.running.attempts import Attempt, input_of
from sorbus.pipelines.running.looking import Place
from sorbus.pipelines.running.progress import SETTLED, Progress
from sorbus.pipelines.running.store import Change, RunStore

if TYPE_CHECKING:
    from sorbus.resource.application import Sorbus

# Raised when what goes into a fingerprint changes, so that none is taken for one of another kind.
_KIND = 1


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of some attempts before they start.

    Attributes:
        attempts: those that have to be made, with their fingerprints.
        stages: stages that are done with what an earlier run has kept.
        items: the same of items and rounds.
    """

    attempts: list[Attempt]
    stages: list[Change]
    items: list[Change]


class Reuse:
    """The fingerprints of one run's stages while it is in hand, and what it takes from earlier runs.

    Args:
        model: what is known of the models that its stages ask.
    """

    def __init__(self, store: RunStore, progress: Progress, *, model: Any) -> None:
        self._store = store
        self._progress = progress
        self._model = model
        self._content: str | None = None
        # By identity, and with the value itself, so that no other one gets its identity.
        self._digests: dict[int, tuple[Any, str]] = {}
        self._looked: set[tuple[Place, str]] = set()
        self._mapped: set[str] = set()
        self._given: set[Place] = set()

    async def look(self, attempts: Sequence[Attempt], busy: Collection[Place]) -> Found:
        """Look for what earlier runs have kept, with one statement for all that was not looked for yet.

        Of a map, all items are looked for when its first ones may start.

        Args:
            busy: the places at which work is under way.
        """
        known = [self._known(each) for each in attempts if _place(each) not in self._given]
        found = Found(known, [], [])
        if not self._progress.reuse:
            return found
        asked = [each for each in (*known, *self._ahead(known, busy)) if self._is_new(each)]
        if not asked:
            return found
        tenant = self._progress.tenant
        kept = await self._store.kept([(tenant, str(each.fingerprint)) for each in asked])
        for each in asked:
            output = kept.get((tenant, str(each.fingerprint)))
            if output is not None:
                self._given.add(_place(each))
                change = Change(
                    stage=each.planned.name,
                    state=StageState.DONE,
                    output=output.output,
                    attempt=each.failed,
                    took=0.0,
                    index=each.index,
                    fingerprint=each.fingerprint,
                    reused_from=output.source,
                )
                (found.stages if each.index is None else found.items).append(change)
        found.attempts[:] = [each for each in known if _place(each) not in self._given]
        return found

    def _is_new(self, attempt: Attempt) -> bool:
        """Whether it has a fingerprint that was not looked for yet at its place."""
        if attempt.fingerprint is None or (_place(attempt), attempt.fingerprint) in self._looked:
            return False
        self._looked.add((_place(attempt), attempt.fingerprint))
        return True

    def _ahead(self, attempts: Sequence[Attempt], busy: Collection[Place]) -> list[Attempt]:
        """The other items of the maps that begin with some attempts."""
        more: list[Attempt] = []
        for each in attempts:
            planned = each.planned
            if (
                each.fingerprint is None
                or not isinstance(planned.work, ForEach)
                or planned.name in self._mapped
            ):
                continue
            self._mapped.add(planned.name)
            assert planned.plan.over is not None, "the checks have found it"
            items = list_of(planned.plan.over.of(self._progress.outputs)) or []
            rows = self._progress.items.get(planned.name, {})
            over = {index for index, row in rows.items() if row.state in SETTLED}
            left = [
                index
                for index in range(len(items))
                if index not in over and (planned.name, index) not in busy
            ]
            more += [
                self._known(
                    Attempt(
                        planned=planned,
                        index=index,
                        item=items[index],
                        failed=rows[index].attempt if index in rows else 0,
                    )
                )
                for index in left
            ]
        return more

    # fingerprints

    def _known(self, attempt: Attempt) -> Attempt:
        """An attempt with its fingerprint, if its output may serve another run."""
        planned = attempt.planned
        if planned.name != planned.stage.name or not planned.stage.reusable:
            return attempt
        return replace(attempt, fingerprint=self._fingerprint(attempt))

    def _fingerprint(self, attempt: Attempt) -> str:
        planned = attempt.planned
        assert planned.action is not None, "a stage without an action is never attempted"
        return digest(
            [
                _KIND,
                self._progress.tenant,
                action_name(planned.action),
                planned.stage.version,
                # What its context tells a stage. Items may move in their list.
                planned.name,
                attempt.index if isinstance(planned.work, Repeat) else None,
                self._model,
                {need: self._input(attempt, need) for need in planned.needs},
            ]
        )

    def _input(self, attempt: Attempt, need: str) -> str:
        if need == CONTENT:
            if self._content is None:
                self._content = digest(self._progress.content)
            return self._content
        value = input_of(self._progress, attempt, need)
        found = self._digests.get(id(value))
        if found is None:
            found = self._digests[id(value)] = (value, digest(value))
        return found[1]


def _place(attempt: Attempt) -> Place:
    return attempt.planned.name, attempt.index


def reuse_of(app: Sorbus, store: RunStore, progress: Progress, pipeline: Pipeline) -> Reuse | None:
    """What a run takes from others and leaves for them; None when it does neither."""
    if not progress.reuse and not pipeline.fingerprints:
        return None
    config = app.system_scope(tenant=progress.tenant).get(ModelClient).config
    model = [progress.model or config.model, config.fallbacks, config.embed_model, dict(config.base_urls)]
    return Reuse(store, progress, model=model)
