"""`sorbus`: the command line."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

import click

from sorbus.errors.base import SorbusError

_COMMANDS = {
    "demo": "sorbus.cli.demo:demo",
    "run": "sorbus.cli.run:run",
    "serve": "sorbus.cli.serve:serve",
    "work": "sorbus.cli.node:work",
    "call": "sorbus.cli.call:call",
    "mcp": "sorbus.cli.mcp:mcp",
    "inspect": "sorbus.cli.inspect:inspect",
    "graphql": "sorbus.cli.graphql:graphql",
    "contracts": "sorbus.cli.contracts:contracts",
    "client": "sorbus.cli.client:client",
    "jobs": "sorbus.cli.jobs:jobs",
    "migrate": "sorbus.cli.migrating:migrate",
    "models": "sorbus.cli.models:models",
    "new": "sorbus.cli.new:new",
    "tenants": "sorbus.cli.tenants:tenants",
}


class LazyGroup(click.Group):
    """Imports a command when it is used, so that `sorbus --help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of a first day."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        del ctx
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the words name; a misspelt one gets the nearest as a hint."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from sorbus.errors.hints import did_you_mean

            hint = did_you_mean(args[0], _COMMANDS)
            raise click.UsageError(f"{error.message} {hint}".strip(), ctx) from None


def reported[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    """Show our own errors as a message with exit code 1; Ctrl-C ends with 130 and a word about going on."""

    @wraps(command)
    def shown(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except SorbusError as error:
            raise click.ClickException(f"{error}\n(See {error.page}.)") from error
        except KeyboardInterrupt:
            click.echo("\nStopped. What is committed is kept; the same command goes on from there.", err=True)
            sys.exit(130)

    return shown


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # click's shape
    del param
    if not value:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version("sorbus")
    except PackageNotFoundError:
        found = "from a source tree that is not installed"
    click.echo(f"sorbus, version {found}")
    ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show it."
)
@click.option("-v", "--verbose", is_flag=True, help="Show what happens inside.")
def main(**options: Any) -> None:
    """Declare your domain once; get the database, the APIs, the durable jobs and the pipelines from it."""
    level = logging.INFO if options["verbose"] else logging.ERROR
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)


if __name__ == "__main__":
    main()
