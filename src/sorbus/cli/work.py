"""Running pipelines over files: ingest, start or resume, follow, and show what was found."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from sorbus.errors.base import SorbusError
from sorbus.errors.cli import NoPipelines, PathNotFound
from sorbus.errors.flow import BacklogFull
from sorbus.pipelines.component import Pipelines
from sorbus.pipelines.definition.pipeline import Pipeline
from sorbus.pipelines.feeding import when_free
from sorbus.pipelines.resources.content import Content
from sorbus.pipelines.resources.run import Run
from sorbus.pipelines.resources.states import OPEN_RUNS, RunState
from sorbus.pipelines.running.events import EventKind, RunEvent
from sorbus.pipelines.sources import MAX_BYTES, Item, ItemFailed, SourceType, open_source
from sorbus.resource.application import Sorbus
from sorbus.scope import Scope

_BATCH = 20
_LOOK_EVERY = 2.0
_ENDS = frozenset({EventKind.COMPLETED, EventKind.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user asked for.

    Attributes:
        pipeline: the pipeline's name; None chooses by the kind of each item.
        again: whether content that a pipeline has finished before is run again.
        max_bytes: the largest item.
        budget_usd, budget_tokens: the budget of each run that is started.
    """

    paths: Sequence[Path]
    pipeline: str | None = None
    again: bool = False
    max_bytes: int = MAX_BYTES
    budget_usd: Decimal | None = None
    budget_tokens: int | None = None


@dataclass(slots=True)
class Tally:
    """What a command has done so far.

    Attributes:
        runs: the runs that it follows, by id, with the pipeline's name.
        skipped: content that a pipeline had finished before.
        failures: items that could not be taken in.
    """

    messages: int = 0
    started: int = 0
    resumed: int = 0
    skipped: list[UUID] = field(default_factory=list[UUID])
    runs: dict[UUID, str] = field(default_factory=dict[UUID, str])
    failures: list[ItemFailed] = field(default_factory=list[ItemFailed])
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since the command began."""
        return time.monotonic() - self.began


class Screen(Protocol):
    """Where progress is shown."""

    def started(self, run: UUID, pipeline: Pipeline, done: int) -> None:
        """A run is followed from now on; `done` of its stages are committed already."""

    def event(self, event: RunEvent) -> None:
        """A run took a step."""

    def waits(self, full: BacklogFull) -> None:
        """The application takes no further run for now; the next one waits."""

    def failure(self, failed: ItemFailed) -> None:
        """An item could not be taken in."""


def pipelines_of(app: Sorbus) -> Pipelines:
    """The pipelines of an open application.

    Raises:
        NoPipelines: it has none.
    """
    found: Pipelines | None = app.service(Pipelines)
    if found is None:
        raise NoPipelines(app.name)
    return found


def check_paths(paths: Sequence[Path]) -> None:
    """See that there is something at every path, before anything is started.

    Raises:
        PathNotFound: there is nothing at one of them.
    """
    for path in paths:
        if not path.exists():
            raise PathNotFound(str(path))


def ended_runs(app: Sorbus) -> dict[UUID, EventKind]:
    """The runs that this process ends from now on, as they end; call it before the application is opened.

    An open application goes on with what was interrupted at once, so a run may end before `work` comes to its file.
    """
    ended: dict[UUID, EventKind] = {}

    def observe(event: RunEvent) -> None:
        if event.kind in _ENDS:
            ended[event.run_id] = event.kind

    for each in app.components:
        if isinstance(each, Pipelines):
            each.observe(observe)
    return ended


async def work(
    app: Sorbus, scope: Scope, wish: Wish, screen: Screen, ended: dict[UUID, EventKind] | None = None
) -> Tally:
    """Take in everything at the paths, start or resume their runs, and wait until all are finished.

    Args:
        ended: as `ended_runs` gives them.

    Raises:
        PathNotFound: there is nothing at one of the paths.
        NoSuchPipeline: the application has no pipeline of that name.
    """
    check_paths(wish.paths)
    parts = pipelines_of(app)
    if wish.pipeline is not None:
        parts.version_of(wish.pipeline)
    tally = Tally()
    ended = {} if ended is None else ended
    wake = asyncio.Event()

    def observe(event: RunEvent) -> None:
        screen.event(event)
        if event.kind in _ENDS:
            ended[event.run_id] = event.kind
            wake.set()

    parts.observe(observe)
    try:
        async for each in _items(wish):
            await _take(each, scope, wish, parts, tally, screen, ended)
        await _wait(scope, tally, ended, wake)
    finally:
        parts.unobserve(observe)
    return tally


async def _items(wish: Wish) -> AsyncIterator[Item | ItemFailed]:
    """The items at the paths, read in another thread so that the runs go on meanwhile."""
    source: Iterator[Item | ItemFailed] = itertools.chain.from_iterable(
        open_source(path, max_bytes=wish.max_bytes) for path in wish.paths
    )
    while True:
        batch = await asyncio.to_thread(lambda: list(itertools.islice(source, _BATCH)))
        if not batch:
            return
        for each in batch:
            yield each


async def _take(
    each: Item | ItemFailed,
    scope: Scope,
    wish: Wish,
    parts: Pipelines,
    tally: Tally,
    screen: Screen,
    ended: Mapping[UUID, EventKind],
) -> None:
    tally.messages += 1
    if isinstance(each, ItemFailed):
        tally.failures.append(each)
        screen.failure(each)
        return
    try:
        content = await Content.ingest(
            scope,
            source_type=each.source_type,
            external_id=each.external_id,
            title=each.title,
            text=each.text,
            metadata=each.metadata,
        )
        name = wish.pipeline or _fitting(each, parts)
        await _start(content, name, scope, wish, parts, tally, screen, ended)
    except SorbusError as error:
        failed = ItemFailed(where=each.title or each.external_id, error=error)
        tally.failures.append(failed)
        screen.failure(failed)


def _fitting(item: Item, parts: Pipelines) -> str:
    wanted = "email_analysis" if item.source_type is SourceType.EMAIL else "document_extraction"
    return wanted if wanted in parts.registry.current else next(iter(parts.registry.current))


async def _start(
    content: Content,
    name: str,
    scope: Scope,
    wish: Wish,
    parts: Pipelines,
    tally: Tally,
    screen: Screen,
    ended: Mapping[UUID, EventKind],
) -> None:
    """Resume the unfinished run of this content if there is one, skip one finished before, else start."""
    mine = Run.query(scope).where(Run.content_id == content.id, Run.pipeline == name)
    known = await mine.where(Run.state.is_in([*OPEN_RUNS, RunState.COMPLETED])).load(Run.stages_done).all()
    # What this process has ended already was unfinished when the command began.
    resumed = ended.keys() - tally.runs.keys()
    open_run = next((each for each in known if each.state in OPEN_RUNS or each.id in resumed), None)
    if open_run is None and known and not wish.again:
        tally.skipped.append(known[-1].id)
        return
    if open_run is not None:
        tally.resumed += 1
        run, done = open_run, open_run.stages_done
    else:
        tally.started += 1
        run, done = await _started(content, name, scope, wish, screen), 0
    tally.runs[run.id] = name
    screen.started(run.id, parts.registry.current[name], done)


async def _started(content: Content, name: str, scope: Scope, wish: Wish, screen: Screen) -> Run:
    start = partial(
        Run.start,
        scope,
        content_id=content.id,
        pipeline=name,
        budget_usd=wish.budget_usd,
        budget_tokens=wish.budget_tokens,
    )
    return await when_free(scope, start, waits=screen.waits)


async def _wait(scope: Scope, tally: Tally, ended: dict[UUID, EventKind], wake: asyncio.Event) -> None:
    """Until every run has ended; the table is looked at too, since another process may do the work."""
    waiting = set(tally.runs)
    while waiting:
        waiting -= ended.keys()
        if not waiting:
            return
        try:
            async with asyncio.timeout(_LOOK_EVERY):
                await wake.wait()
                wake.clear()
        except TimeoutError:
            rows = (
                await Run.query(scope).where(Run.id.is_in(list(waiting)), ~Run.state.is_in(OPEN_RUNS)).all()
            )
            waiting -= {row.id for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The figures of a command."""

    messages: int
    runs_completed: int
    runs_failed: int
    llm_calls: int
    tokens_in: int
    tokens_out: int
    cost_usd: Decimal
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As `REPORT=file.json` writes it."""
        return {
            "messages": self.messages,
            "runs_completed": self.runs_completed,
            "runs_failed": self.runs_failed,
            "llm_calls": self.llm_calls,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "seconds": round(self.seconds, 1),
        }


async def finished_runs(scope: Scope, tally: Tally) -> list[Run]:
    """The runs of a tally with their content, result and calls, in the order in which they were started."""
    wanted = [*tally.runs, *tally.skipped]
    rows: list[Run] = []
    for start in range(0, len(wanted), 500):
        query = Run.query(scope).where(Run.id.is_in(wanted[start : start + 500]))
        rows += await query.load(Run.content, Run.result, Run.llm_calls, Run.duration).all()
    place = {run: at for at, run in enumerate(wanted)}
    return sorted(rows, key=lambda run: place[run.id])


def report(tally: Tally, runs: Sequence[Run]) -> Report:
    """The figures of the runs that this command followed."""
    followed = [run for run in runs if run.id in tally.runs]
    calls = [call for run in followed for call in run.llm_calls]
    return Report(
        messages=tally.messages,
        runs_completed=sum(run.state is RunState.COMPLETED for run in followed),
        runs_failed=sum(run.state is RunState.FAILED for run in followed),
        llm_calls=len(calls),
        tokens_in=sum(call.tokens_in for call in calls),
        tokens_out=sum(call.tokens_out for call in calls),
        cost_usd=sum((call.cost_usd for call in calls), Decimal(0)),
        seconds=tally.seconds,
    )
