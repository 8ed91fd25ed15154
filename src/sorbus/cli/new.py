"""`sorbus new`: a project that a user can grow."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import click

from sorbus.cli.main import reported
from sorbus.errors.cli import BadProjectName, ProjectExists

_FILES = {
    "pyproject.toml.txt": "pyproject.toml",
    "app.py.txt": "{package}/app.py",
    "init.py.txt": "{package}/__init__.py",
    "test_app.py.txt": "tests/test_app.py",
    "README.md.txt": "README.md",
    "AGENTS.md.txt": "AGENTS.md",
    "gitignore.txt": ".gitignore",
}


@click.command()
@click.argument("name")
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where to put it; by default a folder of its name."
)
@reported
def new(*, name: str, folder: Path | None) -> None:
    """Make a project NAME: one resource, one pipeline, a test, and a README that says what to type next."""
    package = name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", package):
        raise BadProjectName(name)
    root = folder or Path(name)
    if root.exists() and any(root.iterdir()):
        raise ProjectExists(str(root))
    for source, target in _FILES.items():
        path = root / target.format(package=package)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = files(__package__).joinpath("templates", source).read_text(encoding="utf-8")
        path.write_text(text.replace("@package@", package).replace("@name@", name), encoding="utf-8")
        click.echo(f"  {path}")
    click.echo(f"\nMade {name}. Next:\n  cd {root}\n  sorbus inspect\n  sorbus serve")
