"""`sorbus serve`: pages, API, jobs and the embedded database in one process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from sorbus.cli.demo import demo_application
from sorbus.cli.loading import app_option, jobs_of, load_application
from sorbus.cli.long_lived import settle
from sorbus.cli.main import reported
from sorbus.cli.run import LOCAL
from sorbus.resource.application import Sorbus


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, help="0 takes any free port.")
@click.option(
    "--hosts",
    default="",
    envvar="SORBUS_HOSTS",
    show_envvar=True,
    metavar="NAMES",
    help="Names by which the server is known besides those of this machine, joined by commas.",
)
@click.option("--model", metavar="PROVIDER:NAME", help="The model of the built-in application.")
@click.option("--no-jobs", is_flag=True, help="Serve only; other processes run the jobs.")
@click.option(
    "--drain",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds after SIGTERM or Ctrl-C in which /ready says 503 and everything is still answered.",
)
@click.option(
    "--grace",
    default=15.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds that requests and jobs get to end after that; jobs that do not are put back.",
)
@click.option(
    "--demo", is_flag=True, help="Serve the application of `sorbus demo`, with the runs that it has made."
)
@app_option
@reported
def serve(
    *,
    host: str,
    port: int,
    hosts: str,
    model: str | None,
    no_jobs: bool,
    drain: float,
    grace: float,
    demo: bool,
    app_name: str | None,
) -> None:
    """Serve the application until Ctrl-C.

    Requests from this machine, for a name of it, act as the local user; all others are refused. With --hosts they may
    be for those names too, as a proxy on this machine sends them: whoever it lets through acts as the local user. To
    find out who calls, serve `http_app(…, scope_from=…)` (see the guide to JSON:API).
    """
    if demo and app_name is not None:
        raise click.UsageError("`--demo` serves an application of its own; leave out `--app` or `--demo`.")
    if demo:
        app = demo_application(model)
    else:
        app = load_application(app_name, models=model or "local:default", run_jobs=not no_jobs)
    jobs = jobs_of(app)
    if jobs is not None:
        jobs.configure(run=not no_jobs and jobs.runs, grace=grace)
    names = [name for each in hosts.split(",") if (name := each.strip())]
    asyncio.run(_serve(app, host, port, hosts=names, drain=drain, grace=grace))


async def _serve(
    app: Sorbus, host: str, port: int, *, hosts: Sequence[str], drain: float, grace: float
) -> None:
    from sorbus.apis.graphql import graphql_api, has_graphql
    from sorbus.apis.json_api import json_api
    from sorbus.apis.mcp import PATH, has_mcp, mcp_api
    from sorbus.http import Interface, http_app, local_only
    from sorbus.http import serve as serve_http
    from sorbus.web import has_pages, web_pages

    pages = has_pages(app)
    tools, speaks_graphql = has_mcp(app), has_graphql(app)
    interfaces: list[Interface] = [json_api]
    interfaces += [graphql_api] if speaks_graphql else []
    interfaces += [mcp_api] if tools else []
    interfaces += [web_pages] if pages else []
    web = http_app(
        app,
        interfaces=interfaces,
        scope_from=local_only(lambda: app.scope(actor=LOCAL, tenant=LOCAL), hosts=hosts),
        hosts=hosts,
    )

    def ready(url: str) -> None:
        settle()
        shown = f" GraphQL: {url}/graphql." if speaks_graphql else ""
        shown += f" Pages: {url}/runs." if pages else ""
        shown += f" MCP: {url}{PATH}." if tools else ""
        click.echo(f"Serving {app.name} on {url}/api (OpenAPI: {url}/api/openapi.json).{shown} Ctrl-C stops.")

    await serve_http(web, host=host, port=port, grace=grace, drain=drain, on_ready=ready)
