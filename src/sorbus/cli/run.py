"""`sorbus run`: a pipeline over files."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from sorbus.cli.loading import app_option, load_application
from sorbus.cli.long_lived import settle
from sorbus.cli.main import reported
from sorbus.cli.screens import console, screen, show_runs, show_summary
from sorbus.cli.work import Report, Wish, check_paths, ended_runs, finished_runs, report, work
from sorbus.resource.application import Sorbus

LOCAL = "local"
"""The actor and the tenant of a command on one's own machine."""

INTERRUPTED_AFTER = 1.0
"""Seconds that a running stage gets after Ctrl-C; it is repeated by the next start."""


def job_options() -> dict[str, Any]:
    """The options of a command's own job runner: quick to stop, quick to take over from one that was killed."""
    return {"grace": INTERRUPTED_AFTER}


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--pipeline", metavar="NAME", help="The pipeline; by default the one that fits each item.")
@click.option("--model", metavar="PROVIDER:NAME", help="The model, as in `openai:gpt-4o-mini`.")
@click.option("--concurrency", default=2, show_default=True, help="Runs at once in this process.")
@click.option("--max-mb", default=20.0, show_default=True, help="The largest item, in megabytes.")
@click.option(
    "--budget-usd",
    metavar="USD",
    type=click.FloatRange(min=0),
    help="What the model calls of each run may cost.",
)
@click.option(
    "--budget-tokens",
    metavar="N",
    type=click.IntRange(min=0),
    help="The tokens, in and out, that each run may use.",
)
@click.option("--again", is_flag=True, help="Run also what was finished before.")
@app_option
@reported
def run(
    *,
    paths: tuple[Path, ...],
    pipeline: str | None,
    model: str | None,
    concurrency: int,
    max_mb: float,
    budget_usd: float | None,
    budget_tokens: int | None,
    again: bool,
    app_name: str | None,
) -> None:
    """Run a pipeline over PATHS: an mbox, a folder of .eml files, documents, or text files.

    What was interrupted is resumed; what was finished before is left alone.
    """
    check_paths(paths)
    app = load_application(
        app_name, models=model or "local:default", concurrency=concurrency, job_options=job_options()
    )
    wish = Wish(
        paths=paths,
        pipeline=pipeline,
        again=again,
        max_bytes=int(max_mb * 1024 * 1024),
        budget_usd=None if budget_usd is None else Decimal(str(budget_usd)),
        budget_tokens=budget_tokens,
    )
    figures = asyncio.run(run_and_show(app, wish))
    if figures.runs_failed:
        raise SystemExit(1)


async def run_and_show(app: Sorbus, wish: Wish) -> Report:
    """Do the work with progress on the screen, then print the table and the figures."""
    out = console()
    ended = ended_runs(app)
    async with app:
        settle()
        scope = app.scope(actor=LOCAL, tenant=LOCAL)
        with screen(out) as shown:
            tally = await work(app, scope, wish, shown, ended)
        runs = await finished_runs(scope, tally)
        figures = report(tally, runs)
    show_runs(out, runs)
    show_summary(out, tally, figures)
    return figures
