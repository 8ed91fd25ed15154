"""The statements of running pipelines, many runs to a statement."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from sorbus.data_layers.postgres.faults import translate
from sorbus.data_layers.postgres.group_commit import GroupCommit
from sorbus.data_layers.postgres.pool import Pool
from sorbus.errors.database import DatabaseFault, TextNotStorable
from sorbus.jobs.leases import Lease
from sorbus.pipelines.definition import StageContent
from sorbus.pipelines.sql import sql
from sorbus.types.uuid7 import uuid7

# An escaped NUL in JSON, as against an escaped backslash before `u0000`.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(slots=True, kw_only=True)
class Progress:
    """A run in this process's hands.

    Attributes:
        fresh: whether nobody has had it in hand before, so that there can be no earlier model calls to replay.
        outputs: the committed outputs by stage, as plain data.
        attempts: how many attempts at each stage have failed.
    """

    id: UUID
    tenant: str
    pipeline: str
    version: int
    fresh: bool
    content: StageContent
    outputs: dict[str, Any]
    attempts: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """One stage's output on its way to the database.

    Attributes:
        output: as plain data.
        result: all outputs by stage, when this is the run's last stage.
    """

    run_id: UUID
    stage: str
    output: Any
    started_at: datetime
    result: dict[str, Any] | None
    lease: Lease


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a checkpoint: whether it was taken, and whether the run was finished by it."""

    taken: bool
    finished: bool


class RunStore:
    """Begins runs and writes checkpoints in groups.

    Args:
        pool: connections to the database that holds the runs and the jobs.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._begins: GroupCommit[tuple[UUID, Lease], Progress | None] = GroupCommit(self._begin)
        self._checkpoints: GroupCommit[Checkpoint, Verdict | Exception] = GroupCommit(self._complete_each)

    async def begin(self, run_id: UUID, lease: Lease) -> Progress | None:
        """Take a run in hand; None when it is finished, cancelled, gone, or the lease is lost."""
        return await self._begins.submit((run_id, lease))

    async def complete(self, checkpoint: Checkpoint) -> Verdict:
        """Commit a stage's output and what follows from it."""
        answer = await self._checkpoints.submit(checkpoint)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def fail_stage(self, run_id: UUID, stage: str, error: Any, lease: Lease, *, final: bool) -> bool:
        """Write a failed attempt; `final` fails the run too. False when the lease is lost."""
        rows = await self._fetch(
            "fail_stage", run_id, stage, error, final, lease.id, lease.attempt, lease.attempted_at, lease.node
        )
        return bool(rows)

    async def fail_run(self, run_id: UUID, error: Any) -> None:
        """End a run that cannot go on."""
        await self._fetch("fail_run", run_id, error)

    async def lost(self, older_than: float) -> list[tuple[UUID, str, str, int, bool]]:
        """Unfinished runs that no job will advance: id, tenant, pipeline, version, and whether a job was used up."""
        return [tuple(row) for row in await self._fetch("lost_runs", older_than)]

    async def _fetch(self, name: str, *args: Any) -> Sequence[Any]:
        try:
            async with self.pool.connection() as connection:
                return await connection.fetch(sql(name), *args)
        except Exception as error:
            known = translate(error)
            if known is None:
                raise
            raise known from error

    async def _begin(self, items: list[tuple[UUID, Lease]]) -> list[Progress | None]:
        leases = [lease for _, lease in items]
        rows = await self._fetch("begin_runs", [run for run, _ in items], *_lease_columns(leases))
        found = {row["id"]: _progress(row) for row in rows}
        return [found.get(run) for run, _ in items]

    async def _complete_each(self, items: list[Checkpoint]) -> list[Verdict | Exception]:
        """Like `_complete`, but what one checkpoint is to blame for does not fail the others of its group."""
        try:
            return list(await self._complete(items))
        except DatabaseFault:
            raise
        except Exception as error:
            if len(items) == 1:
                return [error]
        return [answer for each in items for answer in await self._complete_each([each])]

    async def _complete(self, items: list[Checkpoint]) -> list[Verdict]:
        # One run has one stage in a group at most: a second one waits for the first's answer.
        rows = await self._fetch(
            "complete_stages",
            [each.run_id for each in items],
            [each.stage for each in items],
            [each.output for each in items],
            [each.started_at for each in items],
            [each.result is not None for each in items],
            [uuid7() for _ in items],
            [each.result or {} for each in items],
            *_lease_columns([each.lease for each in items]),
        )
        verdicts = {row["run_id"]: Verdict(taken=True, finished=row["finished"]) for row in rows}
        refused = Verdict(taken=False, finished=False)
        return [verdicts.get(each.run_id, refused) for each in items]


def _lease_columns(leases: Sequence[Lease]) -> tuple[list[Any], ...]:
    return (
        [each.id for each in leases],
        [each.attempt for each in leases],
        [each.attempted_at for each in leases],
        [each.node for each in leases],
    )


def _progress(row: Any) -> Progress:
    stages: list[list[Any]] = row["stages"] or []
    return Progress(
        id=row["id"],
        tenant=row["tenant"],
        pipeline=row["pipeline"],
        version=row["version"],
        fresh=row["fresh"],
        content=StageContent(
            id=row["content_id"],
            source_type=row["source_type"],
            title=row["title"],
            text=row["text"],
            metadata=row["metadata"],
        ),
        outputs={name: output for name, state, _, output in stages if state == "done"},
        attempts={name: attempt for name, _, attempt, _ in stages},
    )


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
