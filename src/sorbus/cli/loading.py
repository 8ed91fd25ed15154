"""Finding the application that a command works on."""

from __future__ import annotations

import importlib
import os
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import click

from sorbus.data_layers.postgres.connection import open_connection
from sorbus.data_layers.postgres.database import Database
from sorbus.data_layers.postgres.migrations import SystemScript
from sorbus.data_layers.postgres.tables import Schema
from sorbus.errors.cli import ApplicationNotFound, NotAnApplication
from sorbus.jobs.component import Jobs
from sorbus.resource.application import Sorbus

VARIABLE = "SORBUS_APP"


def application_name(given: str | None) -> str | None:
    """Where the application is: the option, else SORBUS_APP, else `[tool.sorbus] app` of the project's file."""
    if given or os.environ.get(VARIABLE):
        return given or os.environ[VARIABLE]
    project = Path("pyproject.toml")
    if project.is_file():
        settings: dict[str, Any] = (
            tomllib.loads(project.read_text(encoding="utf-8")).get("tool", {}).get("sorbus", {})
        )
        found: str | None = settings.get("app")
        return found
    return None


def load_application(given: str | None, **options: Any) -> Sorbus:
    """The application of the project, or the one with the built-in pipelines when there is no project.

    Args:
        given: `module:attribute`; the attribute is a `Sorbus` or a function that makes one.
        options: for the built-in application.

    Raises:
        ApplicationNotFound: the module or attribute does not exist.
        NotAnApplication: it is something else.
    """
    name = application_name(given)
    if name is None:
        from sorbus.pipelines.application import pipeline_application

        return pipeline_application(**options)
    module_name, _, attribute = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ApplicationNotFound(name, problem=f"there is no module `{error.name}`") from error
    found: Any = getattr(module, attribute or "app", None)
    if found is None:
        names = [each for each, value in vars(module).items() if isinstance(value, Sorbus)]
        raise ApplicationNotFound(name, problem=f"`{module_name}` has no `{attribute or 'app'}`", near=names)
    made = found() if callable(found) and not isinstance(found, Sorbus) else found
    if not isinstance(made, Sorbus):
        raise NotAnApplication(name, type(made).__name__)
    return made


def jobs_of(app: Sorbus) -> Jobs | None:
    """The jobs of an application, open or not; None when it has none."""
    return next((each for each in app.components if isinstance(each, Jobs)), None)


class Migratable:
    """An application as `sorbus migrate` needs it: its tables, and connections of its own."""

    def __init__(self, app: Sorbus) -> None:
        self.app = app
        self.migrations_folder = app.migrations_folder

    def schema(self) -> Schema:
        """The tables that the declarations need."""
        return self.app.schema()

    def tenant_schema(self) -> Schema:
        """The tables that each tenant has for itself."""
        return self.app.tenant_schema()

    def system_scripts(self) -> Sequence[SystemScript]:
        """The tables that parts of the application need."""
        return self.app.system_scripts()

    async def connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """A connection to the application's database; the embedded server is started when it is wanted."""
        database = Database.from_environment(self.app.database_url, home=self.app.home, name=self.app.name)
        await database.open()
        connection: Any = await open_connection(database.url, seconds=30.0)
        await database.pool.close()
        return connection  # type: ignore[no-any-return]


def app_option[F: Callable[..., Any]](command: F) -> F:
    """`--app module:attribute`."""
    return click.option(
        "--app",
        "app_name",
        metavar="MODULE:NAME",
        help=f"The application; by default {VARIABLE} or the project's.",
    )(command)
