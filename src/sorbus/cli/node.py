"""`sorbus work`: a node that runs jobs and serves nobody."""

from __future__ import annotations

import asyncio

import click

from sorbus.cli.loading import app_option, jobs_of, load_application
from sorbus.cli.long_lived import settle
from sorbus.cli.main import reported
from sorbus.errors.cli import NoJobs
from sorbus.resource.application import Sorbus


@click.command()
@click.option("--concurrency", type=click.IntRange(1), help="Runs that this process advances at once.")
@click.option(
    "--grace",
    default=15.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds that what runs gets to end at SIGTERM or Ctrl-C; the rest is put back for other nodes.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the probes are answered.")
@click.option("--port", type=int, help="Answer /health and /ready here; 0 takes any free port.")
@click.option("--model", metavar="PROVIDER:NAME", help="The model of the built-in application.")
@app_option
@reported
def work(
    *,
    concurrency: int | None,
    grace: float,
    host: str,
    port: int | None,
    model: str | None,
    app_name: str | None,
) -> None:
    """Run the application's jobs until Ctrl-C, without a web server.

    Start as many of these as you like, on as many machines, over one database; `sorbus serve --no-jobs` serves beside
    them.
    """
    app = load_application(app_name, models=model or "local:default")
    jobs = jobs_of(app)
    if jobs is None:
        raise NoJobs(app.name)
    jobs.configure(run=True, grace=grace)
    if concurrency is not None:
        from sorbus.pipelines.component import Pipelines

        for each in app.components:
            if isinstance(each, Pipelines):
                each.concurrency = concurrency
    asyncio.run(_work(app) if port is None else _work_with_probes(app, host, port))


async def _work(app: Sorbus) -> None:
    from sorbus.http.server import signalled

    async with app:
        with signalled() as stop:
            _say(app)
            await stop.wait()


async def _work_with_probes(app: Sorbus, host: str, port: int) -> None:
    from sorbus.http import http_app, serve

    await serve(
        http_app(app, interfaces=[]), host=host, port=port, on_ready=lambda url: _say(app, f"; {url}/ready")
    )


def _say(app: Sorbus, probes: str = "") -> None:
    settle()
    jobs = jobs_of(app)
    assert jobs is not None, "the command has looked"
    assert jobs.runner is not None, "it runs them"
    queues = ", ".join(f"{name} {limit}" for name, limit in sorted(jobs.queues.items()))
    click.echo(f"Working for {app.name} as {jobs.runner.node} ({queues}){probes}. Ctrl-C stops.")
