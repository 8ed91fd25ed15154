"""`sorbus demo`: the main job on real e-mails, with nothing but this machine."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import click

from sorbus.cli.main import reported
from sorbus.cli.run import LOCAL, job_options, run_and_show
from sorbus.cli.screens import console
from sorbus.cli.work import Wish
from sorbus.data_layers.postgres.embedded import sorbus_home
from sorbus.pipelines.application import pipeline_application
from sorbus.pipelines.resources.run import Run
from sorbus.pipelines.resources.states import OPEN_RUNS
from sorbus.pipelines.sample import sample_documents, sample_mails
from sorbus.resource.application import Sorbus


@click.command()
@click.option(
    "--report", "report_file", type=click.Path(path_type=Path), help="Write the figures here as JSON."
)
@click.option("--model", metavar="PROVIDER:NAME", help="Another model than the embedded one.")
@reported
def demo(*, report_file: Path | None, model: str | None) -> None:
    """Run e-mail analysis over real mails and document extraction over a few documents.

    It uses the embedded database and the embedded model, or DATABASE_URL and --model where they are given. An
    interrupted demo goes on where it stopped; a finished one runs anew.
    """
    out = console()
    out.print("Real mails and documents, a durable pipeline, a small model on this machine. Ctrl-C is safe.")
    app = demo_application(model)
    figures = asyncio.run(_demo(app))
    if report_file is not None:
        report_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        out.print(f"Figures written to {report_file}.", markup=False)
    out.print("See them on live pages: `sorbus serve --demo` (or `make serve DEMO=1`).", markup=False)
    if figures["runs_failed"]:
        raise SystemExit(1)


def demo_application(model: str | None) -> Sorbus:
    """The built-in application with a database of its own."""
    return pipeline_application(
        name="sorbus_demo",
        home=sorbus_home(),
        models=model or "local:default",
        # One local model does one thing at a time; a second run keeps the embeddings busy meanwhile.
        concurrency=2,
        job_options=job_options(),
        auto_migrate=True,
    )


async def _demo(app: Sorbus) -> dict[str, float | int]:
    async with app:
        scope = app.scope(actor=LOCAL, tenant=LOCAL)
        interrupted = await Run.query(scope).where(Run.state.is_in(OPEN_RUNS)).count()
    wish = Wish(paths=[sample_mails(), sample_documents()], again=not interrupted)
    figures = await run_and_show(app, wish)
    return figures.to_dict()
