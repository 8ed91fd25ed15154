"""`sorbus mcp`: the tools of the application for a client that starts this command."""

from __future__ import annotations

import asyncio

import click

from sorbus.cli.callers import caller, caller_options
from sorbus.cli.loading import app_option, jobs_of, load_application
from sorbus.cli.main import reported
from sorbus.resource.application import Sorbus


@click.command()
@app_option
@caller_options
@reported
def mcp(*, app_name: str | None, actor: str, tenant: str) -> None:
    """Serve MCP over standard input and output, until the client closes its end.

    The tools are the actions that the `mcp` sections list; the actor's policies decide which of them are shown.
    `sorbus serve` serves the same at `/mcp`.
    """
    app = load_application(app_name)
    jobs = jobs_of(app)
    if jobs is not None:
        jobs.configure(run=False, grace=1.0)
    asyncio.run(_serve(app, actor, tenant))


async def _serve(app: Sorbus, actor: str, tenant: str) -> None:
    from sorbus.apis.mcp import serve_stdio, server_of

    server = server_of(app)
    async with app:
        scope = await caller(app, actor, tenant)
        await serve_stdio(server, lambda: scope)
