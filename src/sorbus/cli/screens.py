"""How the commands show progress and results: bars at a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, cast
from uuid import UUID

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from sorbus.cli.work import Report, Tally
from sorbus.errors.flow import BacklogFull
from sorbus.pipelines.definition.pipeline import Pipeline
from sorbus.pipelines.resources.run import Run
from sorbus.pipelines.resources.states import RunState
from sorbus.pipelines.running.events import EventKind, RunEvent
from sorbus.pipelines.sources import ItemFailed

_WIDTH_ELSEWHERE = 150
_SAY_EVERY = 10


def console() -> Console:
    """Standard output; wide enough for the table where nobody says how wide it is."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=_WIDTH_ELSEWHERE)


class BarScreen:
    """A bar for each stage of each pipeline."""

    def __init__(self, out: Console) -> None:
        self.out = out
        self.progress = Progress(
            TextColumn("{task.description:<32}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=out,
        )
        self.bars: dict[tuple[str, str], TaskID] = {}
        self.waited = False

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def started(self, run: UUID, pipeline: Pipeline, done: int) -> None:
        """Count a run into the bars of its stages."""
        del run
        for position, stage in enumerate(pipeline.stages):
            bar = self._bar(pipeline.name, stage.name)
            task = self.progress.tasks[self.progress.task_ids.index(bar)]
            self.progress.update(bar, total=(task.total or 0) + 1, advance=1 if position < done else 0)

    def event(self, event: RunEvent) -> None:
        """Move a bar."""
        if event.kind is EventKind.STAGE_DONE and event.stage is not None:
            self.progress.advance(self._bar(event.pipeline, event.stage))
        elif event.kind is EventKind.FAILED:
            why = plain(f"at {event.stage}: {event.error}")
            self.progress.print(f"[red]A run of {plain(event.pipeline)} failed[/] {why}")

    def waits(self, full: BacklogFull) -> None:
        """Say, the first time, that files wait."""
        if not self.waited:
            self.waited = True
            self.progress.print(f"[yellow]Waiting[/] {plain(waiting(full))}")

    def failure(self, failed: ItemFailed) -> None:
        """Say what could not be taken in."""
        self.progress.print(f"[yellow]Left out[/] {plain(f'{failed.where}: {failed.error}')}")

    def _bar(self, pipeline: str, stage: str) -> TaskID:
        key = (pipeline, stage)
        if key not in self.bars:
            self.bars[key] = self.progress.add_task(f"{pipeline} · {stage}", total=0)
        return self.bars[key]


class LineScreen:
    """A line now and then, for logs and pipes."""

    def __init__(self, out: Console) -> None:
        self.out = out
        self.total = 0
        self.ended = 0
        self.waited = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def started(self, run: UUID, pipeline: Pipeline, done: int) -> None:
        """Count a run."""
        del run, pipeline, done
        self.total += 1

    def event(self, event: RunEvent) -> None:
        """Say how far it is, every ten runs."""
        if event.kind is EventKind.FAILED:
            self.out.print(plain(f"A run of {event.pipeline} failed at {event.stage}: {event.error}"))
        if event.kind in {EventKind.COMPLETED, EventKind.FAILED}:
            self.ended += 1
            if self.ended % _SAY_EVERY == 0 or self.ended == self.total:
                self.out.print(f"{self.ended} of {self.total} runs finished", markup=False)

    def waits(self, full: BacklogFull) -> None:
        """Say, the first time, that files wait."""
        if not self.waited:
            self.waited = True
            self.out.print(f"Waiting {waiting(full)}", markup=False)

    def failure(self, failed: ItemFailed) -> None:
        """Say what could not be taken in."""
        self.out.print(plain(f"Left out {failed.where}: {failed.error}"))


def waiting(full: BacklogFull) -> str:
    """What a command does where the application takes no further run for now."""
    return f"for room: there are {full.limit} unfinished runs already. Files are taken in as runs end."


def screen(out: Console) -> BarScreen | LineScreen:
    """Bars at a terminal, lines elsewhere."""
    return BarScreen(out) if out.is_terminal else LineScreen(out)


def show_runs(out: Console, runs: Sequence[Run]) -> None:
    """The result table: one row for each run."""
    for name in dict.fromkeys(run.pipeline for run in runs):
        mine = [run for run in runs if run.pipeline == name]
        table = Table(title=name, title_justify="left", pad_edge=False, header_style="bold")
        table.add_column("subject", max_width=44, overflow="ellipsis", no_wrap=True)
        table.add_column("category", min_width=8, no_wrap=True)
        table.add_column("people and organisations", max_width=34, overflow="ellipsis", no_wrap=True)
        table.add_column("summary", min_width=24)
        table.add_column("seconds", justify="right", min_width=7)
        budgeted = any(run.budget_usd is not None or run.budget_tokens is not None for run in mine)
        if budgeted:
            table.add_column("spent of its budget", min_width=16)
        for run in mine:
            table.add_row(*_cells(run), *([_spent(run)] if budgeted else []))
        out.print(table)


def _spent(run: Run) -> str:
    """What a run has spent of what it may."""
    told: list[str] = []
    if run.budget_usd is not None:
        cost = sum((call.cost_usd for call in run.llm_calls), Decimal(0))
        told.append(f"${cost:.4f} of ${run.budget_usd.normalize():f}")
    if run.budget_tokens is not None:
        tokens = sum(call.tokens_in + call.tokens_out for call in run.llm_calls)
        told.append(f"{tokens} of {run.budget_tokens} tokens")
    return ", ".join(told)


def _cells(run: Run) -> tuple[str, ...]:
    title = run.content.title or "(no subject)"
    if run.state is not RunState.COMPLETED or run.result is None:
        return _cells_of(title, run.state.value, "", _mapping(run.error).get("message", ""), "")
    data: Mapping[str, Any] = run.result.data
    extract = _mapping(data.get("extract"))
    classify = _mapping(data.get("classify"))
    summary = _mapping(data.get("summarize"))
    parsed = _mapping(data.get("parse"))
    named = [str(each) for key in ("people", "organizations") for each in _listed(extract.get(key))]
    seconds = f"{run.duration.total_seconds():.1f}" if run.duration is not None else ""
    category = classify.get("label") or ("document" if parsed else "")
    return _cells_of(
        title, category, ", ".join(named), summary.get("text") or parsed.get("title") or "", seconds
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    """A JSON value as the mapping that it is, or an empty one; a pipeline of the user's may store anything."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _listed(value: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if isinstance(value, list) else ()


def _cells_of(*cells: object) -> tuple[str, ...]:
    return tuple(plain(cell) for cell in cells)


def plain(value: object) -> str:
    """Text from elsewhere as one line for the console: its brackets are no markup, its control characters are gone."""
    line = " ".join(str(value).split())
    return escape("".join(each for each in line if each.isprintable()))


def show_summary(out: Console, tally: Tally, figures: Report) -> None:
    """The last lines: what was done, and what it took."""
    parts = [f"{figures.messages} items read", f"{tally.started} runs started"]
    if tally.resumed:
        parts.append(f"{tally.resumed} resumed")
    if tally.skipped:
        parts.append(f"{len(tally.skipped)} done before")
    if tally.failures:
        parts.append(f"{len(tally.failures)} left out")
    out.print(", ".join(parts) + ".", markup=False)
    out.print(
        f"{figures.runs_completed} runs completed, {figures.runs_failed} failed, {figures.llm_calls} model calls, "
        f"{figures.tokens_in} tokens in, {figures.tokens_out} out, ${figures.cost_usd:.4f}, "
        f"{figures.seconds:.0f} seconds.",
        markup=False,
    )
