"""Whether declarations, migration files and database still say the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sorbus.data_layers.postgres.migrations import books
from sorbus.data_layers.postgres.migrations.adopt import live_differences
from sorbus.data_layers.postgres.migrations.catalog import Connection
from sorbus.data_layers.postgres.migrations.diff import AS_THEY_ARE, diff
from sorbus.data_layers.postgres.migrations.files import load, newest_schema
from sorbus.data_layers.postgres.migrations.runner import Runner, State
from sorbus.data_layers.postgres.migrations.validate import validate
from sorbus.data_layers.postgres.tables import Schema


@dataclass(frozen=True, slots=True)
class Drift:
    """What differs, in words; true when anything does.

    Attributes:
        declared: steps from the newest migration to the declarations.
        pending: migrations that the database has not.
        changed: migrations whose up.sql changed since, or that are not in the folder.
        live: steps from the database to the newest migration that it has.
    """

    declared: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    live: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.declared or self.pending or self.changed or self.live)

    def lines(self) -> list[str]:
        """The differences as lines to print, each group under what to do about it."""
        groups = (
            ("The declarations changed, run `sorbus migrate new NAME`. Steps to come:", self.declared),
            ("Migrations wait to be applied, run `sorbus migrate up`:", self.pending),
            (
                "Applied migrations were changed or are missing, restore them from version control:",
                self.changed,
            ),
            (
                "The database was changed by other means. Steps back to what its migrations describe:",
                self.live,
            ),
        )
        found: list[str] = []
        for title, lines in groups:
            if lines:
                found += [title, *(f"  - {each}" for each in lines)]
        return found


async def check(declared: Schema, folder: Path, conn: Connection | None = None) -> Drift:
    """Compare the declarations with the newest migration and, given a connection, the database with its
    migrations.

    Changes nothing. Raises `InvalidSchema`, `CannotBuildSchema` and what reading the folder raises.
    """
    validate(declared)
    chain = load(folder)
    newest = newest_schema(chain)
    steps = tuple(each.describe() for each in diff(newest, declared, answers=AS_THEY_ARE))
    if conn is None:
        return Drift(declared=steps)
    standings = await Runner(conn=conn, folder=folder).status()
    pending = {each.name for each in standings if each.state is State.PENDING}
    wrong = [
        f"{each.name} ({each.state})" for each in standings if each.state in {State.CHANGED, State.UNKNOWN}
    ]
    live: list[str] = []
    reached = [each for each in chain if each.name not in pending]
    if reached and reached == chain[: len(reached)]:
        live = await live_differences(conn, reached[-1].schema, besides=newest)
    elif not reached and (pushed := await books.pushed_schema(conn)) is not None:
        live = await live_differences(conn, pushed)
    waiting = tuple(each.name for each in chain if each.name in pending)
    return Drift(declared=steps, pending=waiting, changed=tuple(wrong), live=tuple(live))
