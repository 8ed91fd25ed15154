"""`sorbus client`: typed clients of the application."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sorbus.cli.loading import app_option, load_application
from sorbus.cli.main import reported
from sorbus.errors.cli import ClientDrift, NoClient


@click.group()
def client() -> None:
    """Write a typed client of the application's JSON:API."""


def output_options[F: Callable[..., Any]](command: F) -> F:
    """`--output`, where the client is kept, and `--check`."""
    output = click.option(
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write it to a file instead of showing it.",
    )
    check = click.option(
        "--check", is_flag=True, help="Write nothing; fail where the file is another than the code derives."
    )
    return output(check(command))


@client.command()
@output_options
@app_option
@reported
def typescript(*, output: Path | None, check: bool, app_name: str | None) -> None:
    """A client in TypeScript, one module that needs `fetch` only.

    The fields that a call chooses determine the type of its result.
    """
    from sorbus.apis.clients import typescript_client

    _give(typescript_client, "typescript", output, app_name, check=check)


@client.command()
@output_options
@app_option
@reported
def python(*, output: Path | None, check: bool, app_name: str | None) -> None:
    """A client in Python, one module that needs `httpx2` only."""
    from sorbus.apis.clients import python_client

    _give(python_client, "python", output, app_name, check=check)


def _give(
    write: Callable[..., str], language: str, output: Path | None, app_name: str | None, *, check: bool
) -> None:
    """Show a client, write it, or hold a file against it.

    Raises:
        NoClient: JSON:API shows nothing of the application.
        ClientDrift: the file is another client.
    """
    from sorbus.apis.clients import client_model

    if check and output is None:
        raise click.UsageError("--check needs --output, the file to look at.")
    model = client_model(load_application(app_name))
    if not model.served:
        raise NoClient(model.title)
    text = write(model, command=f"sorbus client {language}")
    if output is None:
        click.echo(text, nl=False)
    elif check:
        _hold(output, text, language)
        click.echo(f"{output} is what the code derives.")
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8", newline="\n")
        click.echo(f"Wrote {output}.")


def _hold(output: Path, text: str, language: str) -> None:
    there = output.read_text(encoding="utf-8") if output.is_file() else ""
    if there != text:
        lines = difflib.unified_diff(there.splitlines(), text.splitlines(), lineterm="", n=0)
        changes = [each for each in lines if not each.startswith(("---", "+++", "@@"))]
        raise ClientDrift(str(output), changes, command=f"sorbus client {language} --output {output}")
