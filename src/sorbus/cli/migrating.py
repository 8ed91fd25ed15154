"""`sorbus migrate` over the project's application."""

from __future__ import annotations

import click

from sorbus.cli.loading import Migratable, load_application
from sorbus.cli.migrate import migrate_command


def _load() -> Migratable:
    return Migratable(load_application(None))


migrate: click.Group = migrate_command(_load)
