"""`sorbus jobs`: look at the queues, and change the fate of single jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import click
from rich.table import Table

from sorbus.cli.loading import app_option, load_application
from sorbus.cli.main import reported
from sorbus.cli.screens import console, plain
from sorbus.data_layers.postgres.faults import translate
from sorbus.jobs.inspection import cancel_job, count_jobs, get_job, list_jobs, list_nodes, retry_job
from sorbus.jobs.new_job import JobState
from sorbus.jobs.waker import Waker


@click.group(invoke_without_command=True)
@app_option
@click.pass_context
@reported
def jobs(context: click.Context, /, *, app_name: str | None) -> None:
    """Show the queues with their counts; the commands below look at single jobs."""
    context.obj = app_name
    if context.invoked_subcommand is None:
        _with_connection(app_name, _show_queues)


@jobs.command("list")
@click.option("--queue", help="Only this queue.")
@click.option("--state", type=click.Choice([each.value for each in JobState]), help="Only this state.")
@click.option("--limit", default=20, show_default=True)
@click.pass_obj
@reported
def list_command(app_name: str | None, /, *, queue: str | None, state: str | None, limit: int) -> None:
    """The newest jobs."""

    async def show(connection: Any) -> None:
        rows = await list_jobs(connection, queue=queue, state=JobState(state) if state else None, limit=limit)
        table = _table("id", "state", "queue", "worker", "attempt", "args", "last error")
        for row in rows:
            error = row.errors[-1].get("error", "") if row.errors else ""
            attempt = f"{row.attempt}/{row.max_attempts}"
            cells = (
                str(row.id),
                row.state.value,
                row.queue,
                row.worker,
                attempt,
                str(dict(row.args)),
                str(error),
            )
            table.add_row(*map(plain, cells))
        console().print(table)

    _with_connection(app_name, show)


@jobs.command("show")
@click.argument("job_id", type=int)
@click.pass_obj
@reported
def show_command(app_name: str | None, /, *, job_id: int) -> None:
    """Everything about one job."""

    async def show(connection: Any) -> None:
        row = await get_job(connection, job_id)
        for name in row.__slots__:
            click.echo(f"{name:>14}  {getattr(row, name)}")

    _with_connection(app_name, show)


@jobs.command("cancel")
@click.argument("job_id", type=int)
@click.pass_obj
@reported
def cancel_command(app_name: str | None, /, *, job_id: int) -> None:
    """Cancel a job; a running one is told, and is not started again in any case."""

    async def cancel(connection: Any) -> None:
        click.echo(f"Job {job_id}: {(await cancel_job(connection, job_id)).value}.")

    _with_connection(app_name, cancel)


@jobs.command("retry")
@click.argument("job_id", type=int)
@click.pass_obj
@reported
def retry_command(app_name: str | None, /, *, job_id: int) -> None:
    """Make a finished or waiting job due now."""

    async def retry(connection: Any) -> None:
        due = await retry_job(connection, job_id)
        click.echo(f"Job {job_id} is due now." if due else f"Job {job_id} runs or is due already.")

    _with_connection(app_name, retry, wakes=True)


async def _show_queues(connection: Any) -> None:
    counts = await count_jobs(connection)
    states = [state for state in JobState if any(each.state is state for each in counts)]
    if not counts:
        click.echo("No jobs.")
    else:
        table = _table("queue", *(state.value for state in states))
        for queue in dict.fromkeys(each.queue for each in counts):
            known = {each.state: each.count for each in counts if each.queue == queue}
            table.add_row(plain(queue), *(str(known.get(state, 0)) for state in states))
        console().print(table)
    nodes = _table("node", "alive", "running", "queues")
    for node in await list_nodes(connection):
        alive = "yes" if node.alive else "no"
        nodes.add_row(*map(plain, (node.node, alive, node.running, ", ".join(node.queues))))
    if nodes.row_count:
        console().print(nodes)


def _table(*headings: str) -> Table:
    table = Table(header_style="bold", pad_edge=False, box=None)
    for heading in headings:
        table.add_column(heading)
    return table


def _with_connection(
    app_name: str | None, work: Callable[[Any], Awaitable[None]], *, wakes: bool = False
) -> None:
    """Run something on a connection of the application's database, without starting its components."""

    async def run() -> None:
        app = load_application(app_name)
        await app.open(components=False)
        try:
            try:
                async with app.database.pool.connection() as connection:
                    await work(connection)
            except asyncpg.PostgresError as error:
                known = translate(error)
                if known is None:
                    raise
                raise known from error
            if wakes:
                waker = Waker(app.database.url)
                waker.wake({"pipelines", "default"})
                await waker.close()
        finally:
            await app.close()

    asyncio.run(run())
