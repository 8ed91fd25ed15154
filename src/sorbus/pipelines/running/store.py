"""The statements of running pipelines, many runs to a statement."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from sorbus.data_layers.group_commit import GroupCommit
from sorbus.data_layers.postgres.json_codec import encode_json
from sorbus.data_layers.postgres.pool import Pool
from sorbus.errors.database import DatabaseFault, TextNotStorable
from sorbus.jobs.leases import Lease
from sorbus.pipelines.definition.given import StageContent
from sorbus.pipelines.resources.states import RunState, StageState
from sorbus.pipelines.running.patience import fetched
from sorbus.pipelines.running.progress import ChildRow, ItemRow, Progress, StageRow
from sorbus.types.uuid7 import uuid7

# An escaped NUL in JSON, as against an escaped backslash before `u0000`.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What has become of one stage, or of one item of it.

    Attributes:
        output: as plain data.
        attempt: how many attempts have failed.
        took: how many seconds the attempt has taken, of one that has ended.
        delay: seconds until it may start; None for at once.
        index: the item's; None for the stage itself.
        fingerprint: a digest of all that the output depends on; None where nobody is to reuse it.
        reused_from: the stage or item of another run whose output it has taken.
    """

    stage: str
    state: StageState
    output: Any = None
    error: Any = None
    attempt: int = 0
    took: float | None = None
    delay: float | None = None
    index: int | None = None
    fingerprint: str | None = None
    reused_from: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ends, or falls asleep.

    Attributes:
        result: the outputs by stage, of a run that is completed.
        sleep: seconds until it goes on by itself; None for never.
    """

    state: RunState
    error: Any = None
    result: dict[str, Any] | None = None
    sleep: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What is to be committed of one run.

    Attributes:
        signals: how many signals have been seen.
    """

    run_id: UUID
    changes: Sequence[Change]
    lease: Lease
    signals: int = 0
    ending: Ending | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """An output that was kept.

    Attributes:
        output: as plain data.
        source: the row of the stage or item that has given it.
    """

    output: Any
    source: UUID


Wanted = tuple[str, str]
"""A tenant and a fingerprint."""


@dataclass(frozen=True, slots=True)
class LostRun:
    """An unfinished run that no job will advance.

    Attributes:
        used_up: whether its job was claimed too often.
    """

    id: UUID
    tenant: str
    pipeline: str
    version: int
    definition_id: UUID | None
    used_up: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a checkpoint.

    Attributes:
        taken: False when the lease is lost, the run has ended, or somebody else settled one of the stages first.
        state: that of the run before.
    """

    taken: bool
    ended: bool = False
    state: RunState = RunState.RUNNING
    signals: int = 0


REFUSED = Verdict(taken=False)


class RunStore:
    """Begins runs and writes checkpoints in groups.

    Args:
        pool: connections to the database that holds the runs and the jobs.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._begins: GroupCommit[tuple[UUID, Lease], Progress | None] = GroupCommit(self._begin)
        self._checkpoints: GroupCommit[Checkpoint, Verdict | Exception] = GroupCommit(
            lambda items: _each_alone(self._checkpoint, items)
        )
        self._items: GroupCommit[Checkpoint, Verdict | Exception] = GroupCommit(
            lambda items: _each_alone(self._checkpoint_items, items)
        )
        self._looks: GroupCommit[Sequence[Wanted], Mapping[Wanted, Kept]] = GroupCommit(self._kept)

    async def begin(self, run_id: UUID, lease: Lease) -> Progress | None:
        """Take a run in hand; None when it has ended, is paused or gone, or the lease is lost."""
        return await self._begins.submit((run_id, lease))

    async def checkpoint(self, checkpoint: Checkpoint) -> Verdict:
        """Commit what has become of stages, and what follows from it for the run."""
        return _answer(await self._checkpoints.submit(checkpoint))

    async def checkpoint_items(self, checkpoint: Checkpoint) -> Verdict:
        """Commit what has become of items."""
        return _answer(await self._items.submit(checkpoint))

    async def kept(self, wanted: Sequence[Wanted]) -> Mapping[Wanted, Kept]:
        """What has been kept for some fingerprints of tenants; it may answer with more than that."""
        return await self._looks.submit(wanted)

    async def open_undo(self, progress: Progress, names: Sequence[str], lease: Lease) -> bool:
        """Make the rows of what undoes the stages of a failed run; False when the lease is lost."""
        rows = await self._fetch(
            "open_undo",
            progress.id,
            progress.tenant,
            [uuid7() for _ in names],
            list(names),
            [len(progress.stages) + position for position in range(len(names))],
            lease.id,
            lease.attempt,
            lease.attempted_at,
            lease.node,
        )
        return bool(rows)

    async def fail_run(self, run_id: UUID, error: Any, lease: Lease | None = None) -> bool:
        """End a run that cannot go on; False when it has ended, or the lease is lost.

        Args:
            lease: of who holds it; None for a run that nobody holds.
        """
        held = (None,) * 4 if lease is None else (lease.id, lease.attempt, lease.attempted_at, lease.node)
        return bool(await self._fetch("fail_run", run_id, error, *held))

    async def other_nodes(self, node: str) -> bool:
        """Whether another living node than this one runs jobs."""
        rows = await self._fetch("other_nodes", node)
        return bool(rows[0]["found"])

    async def definition(self, definition_id: UUID) -> Any:
        """The row of a definition, or None."""
        rows = await self._fetch("definition", definition_id)
        return rows[0] if rows else None

    async def lost(self, older_than: float) -> list[LostRun]:
        """Unfinished runs that no job will advance."""
        return [LostRun(*row) for row in await self._fetch("lost_runs", older_than)]

    async def orphans(self) -> list[tuple[UUID, str]]:
        """The runs that have ended although runs inside them are open, with their tenants."""
        return [tuple(row) for row in await self._fetch("orphans")]

    async def _fetch(self, name: str, *args: Any) -> Sequence[Any]:
        return await fetched(self.pool, name, *args)

    async def _begin(self, items: list[tuple[UUID, Lease]]) -> list[Progress | None]:
        runs = [{"run_id": run, **_lease_row(lease)} for run, lease in items]
        rows = await self._fetch("begin_runs", _text(runs))
        found = {row["id"]: _progress(row) for row in rows}
        return [found.get(run) for run, _ in items]

    async def _kept(self, items: list[Sequence[Wanted]]) -> list[Mapping[Wanted, Kept]]:
        wanted = [{"tenant": tenant, "fingerprint": each} for item in items for tenant, each in item]
        found = {
            (row["tenant"], row["fingerprint"]): Kept(row["output"], row["source"])
            for row in await self._fetch("kept_outputs", _text(wanted))
        }
        return [found for _ in items]

    async def _checkpoint(self, items: list[Checkpoint]) -> list[Verdict]:
        # One run has one checkpoint in a group at most: its conductor waits for each answer.
        runs = [_run_row(each) for each in items]
        changes = [
            {"run_id": each.run_id, "attempt": change.attempt, **_change_row(change)}
            for each in items
            for change in each.changes
        ]
        rows = await self._fetch("checkpoint", _text(runs), _text(changes))
        verdicts = {
            row["run_id"]: Verdict(
                taken=True, ended=row["ended"], state=RunState(row["state"]), signals=row["signals"]
            )
            for row in rows
        }
        return [verdicts.get(each.run_id, REFUSED) for each in items]

    async def _checkpoint_items(self, items: list[Checkpoint]) -> list[Verdict]:
        changes = [
            {
                "id": uuid7(),
                "run_id": each.run_id,
                "index": change.index,
                "failed": change.attempt,
                **_lease_row(each.lease),
                **_change_row(change),
            }
            for each in items
            for change in each.changes
        ]
        rows = await self._fetch("checkpoint_items", _text(changes))
        written = {(row["run_id"], row["stage"], row["index"]) for row in rows}
        runs = {row["run_id"]: row for row in rows}
        return [
            Verdict(
                taken=True, state=RunState(runs[each.run_id]["state"]), signals=runs[each.run_id]["signals"]
            )
            if all((each.run_id, change.stage, change.index) in written for change in each.changes)
            else REFUSED
            for each in items
        ]


async def _each_alone(write: Any, items: list[Checkpoint]) -> list[Verdict | Exception]:
    """Write a group; what one checkpoint is to blame for does not fail the others of its group."""
    try:
        return list(await write(items))
    except DatabaseFault:
        raise
    except Exception as error:
        if len(items) == 1:
            return [error]
    return [answer for each in items for answer in await _each_alone(write, [each])]


def _text(value: Any) -> str:
    return encode_json(value).decode()


def _answer(answer: Verdict | Exception) -> Verdict:
    if isinstance(answer, Exception):
        raise answer
    return answer


def _lease_row(lease: Lease) -> dict[str, Any]:
    return {
        "job_id": lease.id,
        "attempt": lease.attempt,
        "attempted_at": lease.attempted_at,
        "node": lease.node,
    }


def _run_row(checkpoint: Checkpoint) -> dict[str, Any]:
    row = {
        "run_id": checkpoint.run_id,
        "rows": len(checkpoint.changes),
        "signals": checkpoint.signals,
        **_lease_row(checkpoint.lease),
    }
    ending = checkpoint.ending
    if ending is not None:
        row |= {
            "ends": ending.state.value,
            "error": ending.error,
            "result_id": uuid7(),
            "result": ending.result,
            "sleep": ending.sleep,
        }
    return row


def _change_row(change: Change) -> dict[str, Any]:
    return {
        "name": change.stage,
        "state": change.state.value,
        "output": change.output,
        "error": change.error,
        "took": change.took,
        "delay": change.delay,
        **({} if change.fingerprint is None else _reuse_row(change)),
    }


def _reuse_row(change: Change) -> dict[str, Any]:
    return {"fingerprint": change.fingerprint, "reused_from": change.reused_from}


def _progress(row: Any) -> Progress:
    stages: list[list[Any]] = row["stages"] or []
    items: list[list[Any]] = row["items"] or []
    progress = Progress(
        id=row["id"],
        tenant=row["tenant"],
        pipeline=row["pipeline"],
        version=row["version"],
        definition_id=row["definition_id"],
        model=row["model"],
        reuse=bool(row["reuse"]),
        fresh=row["fresh"],
        budgeted=row["budgeted"],
        own_budget=row["own_budget"],
        signals=row["signals"],
        paused=row["paused"],
        parent_id=row["parent_id"],
        payer_id=row["payer_id"],
        input=row["input"],
        looked_at=row["looked_at"],
        content=StageContent(
            id=row["content_id"],
            source_type=row["source_type"],
            title=row["title"],
            text=row["text"],
            metadata=row["metadata"],
        ),
    )
    for name, state, attempt, output, wake_at, given, error in stages:
        progress.stages[name] = StageRow(StageState(state), attempt, _moment(wake_at), given, output, error)
    for name, index, state, attempt, output, wake_at in items:
        rows = progress.items.setdefault(name, {})
        rows[index] = ItemRow(StageState(state), attempt, _moment(wake_at), output)
    children: list[list[Any]] = row["children"] or []
    for name, index, identity, state, result, error in children:
        born = ChildRow(UUID(identity), RunState(state), result, error)
        progress.children.setdefault(name, {})[index] = born
    return progress


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def encoded_size(value: Any) -> int:
    """The size of a value as JSON, in bytes.

    Raises:
        TextNotStorable: a text in it has a NUL character or a lone surrogate.
        OverflowError, RecursionError: it has no JSON form.
    """
    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError as error:
        raise TextNotStorable(str(error)) from error
    if b"\\u0000" in encoded and _NUL.search(encoded):
        raise TextNotStorable("it has a NUL character")
    return len(encoded)
