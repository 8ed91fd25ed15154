"""What stages are given: their place, the content, what went wrong, an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class StageContext:
    """What a running stage may ask its scope for: `scope.get(StageContext)`.

    Attributes:
        run_id, stage: where it stands.
        attempt: the number of this attempt, from 1.
        item: the position of the item that this is about, or the number of the round, from 0; None elsewhere.
        keyed: whether the stage has asked for its idempotency key: it does something outside the database.
    """

    run_id: UUID
    stage: str
    attempt: int
    tenant: str
    item: int | None = None
    _uses: list[str] = field(default_factory=list[str], init=False, repr=False, compare=False)

    @property
    def keyed(self) -> bool:
        return bool(self._uses)

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at this stage of this run, and at this item of it."""
        self._uses.append("idempotency_key")
        place = "" if self.item is None else f":{self.item}"
        return f"{self.run_id}:{self.stage}{place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchContext:
    """What a stage that works on many items at once may ask its scope for: `scope.get(BatchContext)`.

    All items are of one tenant and for one model; they may be of several runs, pipelines and stages.

    Attributes:
        items: the context of each item, in the order of the lists: with its run, its attempt and its idempotency key.
    """

    items: tuple[StageContext, ...]

    @property
    def tenant(self) -> str:
        """The tenant of all of them."""
        return self.items[0].tenant

    @property
    def run_id(self) -> UUID:
        """The run on whose behalf the models are asked for all of them: that of the first."""
        return self.items[0].run_id

    @property
    def stage(self) -> str:
        """The stage of the first, as above."""
        return self.items[0].stage


@dataclass(frozen=True, slots=True, kw_only=True)
class StageContent:
    """The content of a run, as its stages get it."""

    id: UUID
    source_type: str
    title: str
    text: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFailure:
    """Why a stage failed, as the stage that starts on its failure gets it.

    Attributes:
        code: the code of the error, as in the pages of the reference.
        attempt: how many attempts failed.
    """

    stage: str
    code: str
    message: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What `approval(…)` waits for."""

    approved: bool
    by: str = ""
    note: str = ""
