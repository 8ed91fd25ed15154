"""`sorbus tenants`: the tenants that have schemas of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import click

from sorbus.cli.loading import app_option, load_application
from sorbus.cli.main import reported
from sorbus.resource.tenants import Tenants


@click.group()
@app_option
@click.pass_context
def tenants(context: click.Context, /, *, app_name: str | None) -> None:
    """List, make, rename and drop tenants that have tables of their own."""
    context.obj = app_name


@tenants.command("list")
@click.pass_obj
@reported
def list_command(app_name: str | None, /) -> None:
    """The names of all tenants."""

    async def work(found: Tenants) -> None:
        names = await found.list()
        for name in names:
            click.echo(name)
        if not names:
            click.echo("There are no tenants. Make one with `sorbus tenants create NAME`.", err=True)

    _with_tenants(app_name, work)


@tenants.command("create")
@click.argument("name")
@click.pass_obj
@reported
def create_command(app_name: str | None, /, *, name: str) -> None:
    """Make a tenant with all its tables."""
    _with_tenants(app_name, lambda found: found.create(name))
    click.echo(f"Made the tenant {name}.")


@tenants.command("rename")
@click.argument("name")
@click.argument("new")
@click.pass_obj
@reported
def rename_command(app_name: str | None, /, *, name: str, new: str) -> None:
    """Give a tenant another name."""
    _with_tenants(app_name, lambda found: found.rename(name, new))
    click.echo(f"Renamed the tenant {name} to {new}.")


@tenants.command("drop")
@click.argument("name")
@click.option("--confirm", default="", help="The name once more, instead of being asked for it.")
@click.pass_obj
@reported
def drop_command(app_name: str | None, /, *, name: str, confirm: str) -> None:
    """Remove a tenant with all its rows, for good."""
    said = confirm or click.prompt(
        f"This drops the schema {name} with everything in it. Its name once more",
        default="",
        show_default=False,
    )
    _with_tenants(app_name, lambda found: found.drop(name, confirm=said))
    click.echo(f"Dropped the tenant {name}.")


def _with_tenants(app_name: str | None, work: Callable[[Tenants], Awaitable[None]]) -> None:
    async def run() -> None:
        app = load_application(app_name)
        await app.open(components=False)
        try:
            await work(app.tenants)
        finally:
            await app.close()

    asyncio.run(run())
