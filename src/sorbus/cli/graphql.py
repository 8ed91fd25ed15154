"""`sorbus graphql`: the GraphQL schema that is derived from the declarations."""

from __future__ import annotations

from pathlib import Path

import click

from sorbus.cli.loading import app_option, load_application
from sorbus.cli.main import reported


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to a file instead of showing it.",
)
@app_option
@reported
def graphql(*, output: Path | None, app_name: str | None) -> None:
    """Show the GraphQL schema of the application in the schema definition language.

    `sorbus contracts` keeps it, and tells which changes break clients.
    """
    from sorbus.apis.graphql import sdl

    text = sdl(load_application(app_name))
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
