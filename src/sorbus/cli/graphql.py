"""`sorbus graphql`: the GraphQL schema that is derived from the declarations."""

from __future__ import annotations

import sys
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
@click.option(
    "--check",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compare it with the schema in a file: exit code 1 when it differs, with each change that breaks clients.",
)
@app_option
@reported
def graphql(*, output: Path | None, check: Path | None, app_name: str | None) -> None:
    """Show the GraphQL schema of the application in the schema definition language."""
    from sorbus.apis.graphql import changes_between, sdl

    text = sdl(load_application(app_name))
    if check is not None:
        before = check.read_text(encoding="utf-8")
        if before == text:
            click.echo(f"{check} is up to date.")
            return
        for each in changes_between(before, text):
            click.echo(f"{'breaks clients' if each.breaks else 'may surprise'}: {each.description}")
        click.echo(f"{check} differs from the declarations. Write it anew with `--output {check}`.")
        sys.exit(1)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
