"""`sorbus migrate`: write migrations for changed declarations, apply, undo and check them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import click

from sorbus.cli.tenant_part import TenantPart, split
from sorbus.data_layers.postgres.migrations import (
    Answers,
    Migration,
    Plan,
    Rename,
    Report,
    Runner,
    Standing,
    State,
    SystemScript,
    check,
    empty_migration,
    load,
    merge_folder,
    plan,
    rename_questions,
    write,
)
from sorbus.data_layers.postgres.tables import Schema
from sorbus.errors.base import SorbusError
from sorbus.errors.migrations import NothingToMigrate


class MigratableApp(Protocol):
    """What the command needs from an application."""

    @property
    def migrations_folder(self) -> Path:
        """Where the migrations lie; it may be missing."""
        ...

    def schema(self) -> Schema:
        """The tables that the resources declare."""
        ...

    def tenant_schema(self) -> Schema:
        """The tables that each tenant has for itself; none where tenants share the application's."""
        ...

    def system_scripts(self) -> Sequence[SystemScript]:
        """What runs before the application's own migrations."""
        ...

    async def connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """A connection of its own, which the command closes."""
        ...


type LoadApp = Callable[[], MigratableApp]
"""Loads the application, inside the click context of the command."""


def migrate_command(load_app: LoadApp) -> click.Group:
    """The `migrate` group over the application that `load_app` gives when a command runs."""

    @click.group(name="migrate", invoke_without_command=True)
    @_answer_options
    @click.option("--name", default="", help="Name of the migration, if one is written.")
    @click.option(
        "--check", "only_check", is_flag=True, help="Change nothing; exit 1 when something differs."
    )
    @click.option(
        "--offline", is_flag=True, help="With --check: compare declarations and files, no database."
    )
    @click.option("--dry-run", is_flag=True, help="Print the SQL instead of running it.")
    @click.option("--merge", "only_merge", is_flag=True, help="Put branched migrations one after the other.")
    @click.option("--yes", is_flag=True, help="Apply a new migration at once even if it loses data.")
    @click.pass_context
    @_reported
    def group(
        context: click.Context,
        /,
        *,
        name: str,
        only_check: bool,
        offline: bool,
        dry_run: bool,
        only_merge: bool,
        yes: bool,
        **answered: Any,
    ) -> None:
        """Write a migration if the declarations changed, and apply what is pending."""
        if context.invoked_subcommand is not None:
            return
        app = load_app()
        if only_merge:
            for part in _parts(app):
                _merge(part)
        elif only_check:
            context.exit(_check(app, offline=offline))
        else:
            _write_and_apply(app, name, _answers(**answered), dry_run=dry_run, yes=yes)

    _add_new(group, load_app)
    _add_up(group, load_app)
    _add_down(group, load_app)
    _add_status(group, load_app)
    return group


def _reported[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    """Show our own errors as a message and exit code 1, not as a traceback."""

    @wraps(command)
    def shown(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except SorbusError as error:
            raise click.ClickException(f"{error}\n(See {error.page}.)") from error

    return shown


def _answer_options[F: Callable[..., Any]](command: F) -> F:
    options = (
        click.option("--rename", multiple=True, metavar="OLD:NEW", help="`table:new` or `table.column:new`."),
        click.option("--no-rename", is_flag=True, help="Nothing (else) was renamed."),
        click.option(
            "--backfill", multiple=True, metavar="TABLE.COLUMN=SQL", help="Value for rows that exist."
        ),
        click.option(
            "--using", multiple=True, metavar="TABLE.COLUMN=SQL", help="New value made of the old one."
        ),
        click.option("--concurrently", is_flag=True, help="Build indexes without blocking writers."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class _Said:
    """The answers given as options."""

    answers: Answers
    concurrently: bool


def _answers(
    *,
    rename: Sequence[str],
    no_rename: bool,
    backfill: Sequence[str],
    using: Sequence[str],
    concurrently: bool,
) -> _Said:
    answers = Answers(
        renames=tuple(Rename.parse(each) for each in rename),
        no_renames=no_rename,
        backfills=dict(_pair("--backfill", each) for each in backfill),
        casts=dict(_pair("--using", each) for each in using),
    )
    return _Said(answers, concurrently)


def _pair(option: str, text: str) -> tuple[str, str]:
    place, equals, sql = text.partition("=")
    if not equals or "." not in place:
        raise click.BadParameter(f"`{text}` is not of the form TABLE.COLUMN=SQL.", param_hint=option)
    return place, sql


def _parts(app: MigratableApp) -> list[MigratableApp]:
    """The application's own tables first, then those that each tenant has, which may refer to the former."""
    tenants = TenantPart(app)
    return [app, tenants] if tenants.exists else [app]


def _plans(app: MigratableApp, name: str, said: _Said) -> list[tuple[MigratableApp, Plan]]:
    parts = _parts(app)
    answers = split(said.answers, TenantPart(app).tables)
    return [
        (part, _planned(part, name, _Said(own, said.concurrently)))
        for part, own in zip(parts, answers, strict=False)
    ]


def _planned(app: MigratableApp, name: str, said: _Said) -> Plan:
    existing = load(app.migrations_folder)
    schema = app.schema()
    answers = _asked(existing, schema, said.answers)
    return plan(existing, schema, name=name, answers=answers, concurrently=said.concurrently)


def _asked(existing: Sequence[Migration], schema: Schema, answers: Answers) -> Answers:
    """The answers, completed at the terminal; without one, what is open is an error of the plan."""
    old = existing[-1].schema if existing else Schema()
    while sys.stdin.isatty() and (questions := rename_questions(old, schema.canonical(), answers)):
        question = questions[0]
        chosen: str | None = None
        for candidate in question.candidates:
            if click.confirm(f"Was {question.place} renamed to {candidate}?"):
                chosen = candidate
                break
        answers = answers.says(question, chosen)
    return answers


def _write_and_apply(app: MigratableApp, name: str, said: _Said, *, dry_run: bool, yes: bool) -> None:
    plans = _plans(app, name, said)
    if dry_run:
        _print_plans(plans)
        return
    for part, planned in plans:
        _write(part, planned.migrations, planned)
    losses = [loss for _, planned in plans for loss in planned.losses]
    if losses and not yes:
        lost = "".join(f"\n  - {each}" for each in losses)
        if not sys.stdin.isatty():
            raise click.ClickException(
                f"The new migration loses data:{lost}\nRead it, then run `sorbus migrate up` (or use --yes)."
            )
        click.confirm(f"The new migration loses data:{lost}\nApply it now?", abort=True)
    _with_connection(app, lambda conn: _up(app, conn, None))


def _print_plans(plans: Sequence[tuple[MigratableApp, Plan]]) -> None:
    for part, planned in plans:
        if isinstance(part, TenantPart):
            for each in planned.migrations:
                click.echo(f"-- in every tenant\n{each.up}")
        else:
            _with_connection(part, partial(_print_pending, part, new=planned.migrations))


def _write(app: MigratableApp, migrations: Sequence[Migration], planned: Plan | None = None) -> None:
    write(app.migrations_folder, migrations)
    for each in migrations:
        click.echo(f"Wrote {app.migrations_folder / each.name}")
    for step in planned.operations if planned else ():
        notes = " (loses data)" if step.loses_data else f" ({step.locks})" if step.locks else ""
        click.echo(f"  - {step.describe()}{notes}")


def _merge(app: MigratableApp) -> None:
    moved = merge_folder(app.migrations_folder)
    for old, new in moved:
        click.echo(f"Moved {old} to {new}")
    if not moved:
        click.echo("The migrations are in one line already.")


def _check(app: MigratableApp, *, offline: bool) -> int:
    schema, folder = app.schema(), app.migrations_folder
    tenants = TenantPart(app)

    async def compare(conn: asyncpg.Connection[asyncpg.Record] | None) -> list[str]:
        lines = (await check(schema, folder, conn)).lines()
        return lines + (await tenants.check(conn) if tenants.exists else [])

    lines = asyncio.run(compare(None)) if offline else _with_connection(app, compare)
    for line in lines:
        click.echo(line)
    if not lines:
        click.echo(
            "Declarations and migrations agree."
            if offline
            else "Declarations, migrations and database agree."
        )
    return 1 if lines else 0


def _with_connection[R](
    app: MigratableApp, work: Callable[[asyncpg.Connection[asyncpg.Record]], Coroutine[Any, Any, R]]
) -> R:
    async def run() -> R:
        conn = await app.connect()
        try:
            return await work(conn)
        finally:
            await conn.close()

    return asyncio.run(run())


def _runner(app: MigratableApp, conn: asyncpg.Connection[asyncpg.Record]) -> Runner:
    return Runner(conn=conn, folder=app.migrations_folder, system_scripts=app.system_scripts())


async def _up(app: MigratableApp, conn: asyncpg.Connection[asyncpg.Record], to: str | None) -> None:
    _print_report(await _runner(app, conn).up(to=to))
    tenants = TenantPart(app)
    if to is None and tenants.exists:
        await tenants.up(conn, None)


async def _print_pending(
    app: MigratableApp, conn: asyncpg.Connection[asyncpg.Record], new: Sequence[Migration] = ()
) -> None:
    standings = await _runner(app, conn).status()
    pending = {each.id for each in standings if each.state is State.PENDING}
    waiting = [*(each for each in load(app.migrations_folder) if each.id in pending), *new]
    for each in waiting:
        click.echo(each.up)
    if not waiting:
        click.echo("-- Nothing is pending.")


def _print_report(report: Report) -> None:
    for title, names in (
        ("Ran", report.scripts),
        ("Recognised", report.adopted),
        ("Applied", report.applied),
        ("Undid", report.reverted),
    ):
        for name in names:
            click.echo(f"{title} {name}")
    if not (report.adopted or report.applied or report.reverted):
        click.echo("Nothing to do.")


def _add_new(group: click.Group, load_app: LoadApp) -> None:
    @group.command("new")
    @_answer_options
    @click.argument("name")
    @click.option("--empty", is_flag=True, help="A migration without steps, for SQL that you write.")
    @click.option(
        "--tenants", "for_tenants", is_flag=True, help="With --empty: one of the tables of tenants."
    )
    @click.option("--dry-run", is_flag=True, help="Print the SQL instead of writing it.")
    @_reported
    def new(*, name: str, empty: bool, for_tenants: bool, dry_run: bool, **answered: Any) -> None:
        """Write a migration for what changed in the declarations."""
        app = load_app()
        found: list[tuple[MigratableApp, tuple[Migration, ...], Plan | None]]
        if empty:
            part = TenantPart(app) if for_tenants else app
            found = [(part, (empty_migration(load(part.migrations_folder), name=name),), None)]
        else:
            plans = _plans(app, name, _answers(**answered))
            found = [(part, planned.migrations, planned) for part, planned in plans]
        if not any(migrations for _, migrations, _ in found):
            raise NothingToMigrate
        for part, migrations, planned in found:
            if dry_run:
                for each in migrations:
                    click.echo(each.up)
            else:
                _write(part, migrations, planned)


def _add_up(group: click.Group, load_app: LoadApp) -> None:
    @group.command("up")
    @click.option("--to", default=None, help="The last migration to apply: name or number.")
    @click.option("--dry-run", is_flag=True, help="Print the SQL instead of running it.")
    @click.option("--tenants", "for_tenants", is_flag=True, help="Only the tables of tenants.")
    @_reported
    def up(*, to: str | None, dry_run: bool, for_tenants: bool) -> None:
        """Apply pending migrations: the application's, then those of every tenant (not with --to)."""
        app = load_app()
        if for_tenants and not dry_run:
            _with_connection(app, lambda conn: TenantPart(app).up(conn, to))
        elif dry_run:
            _with_connection(app, lambda conn: _print_pending(app, conn))
        else:
            _with_connection(app, lambda conn: _up(app, conn, to))


def _add_down(group: click.Group, load_app: LoadApp) -> None:
    @group.command("down")
    @click.option(
        "--steps", default=1, show_default=True, type=click.IntRange(min=1), help="How many to undo."
    )
    @click.option("--to", default=None, help="Undo everything after this migration; `zero` undoes all.")
    @click.option(
        "--tenants", "for_tenants", is_flag=True, help="Those of the tables of tenants, in every tenant."
    )
    @_reported
    def down(*, steps: int, to: str | None, for_tenants: bool) -> None:
        """Undo the newest migrations."""
        app = load_app()
        if for_tenants:
            _with_connection(app, lambda conn: TenantPart(app).down(conn, steps, to))
            return

        async def work(conn: asyncpg.Connection[asyncpg.Record]) -> None:
            _print_report(await _runner(app, conn).down(steps=steps, to=to))

        _with_connection(app, work)


def _add_status(group: click.Group, load_app: LoadApp) -> None:
    @group.command("status")
    @_reported
    def status() -> None:
        """List the migrations and where each stands."""
        app = load_app()

        async def work(conn: asyncpg.Connection[asyncpg.Record]) -> list[Standing]:
            return await _runner(app, conn).status()

        standings = _with_connection(app, work)
        width = max((len(each.name) for each in standings), default=0)
        for each in standings:
            when = each.applied_at.strftime("%Y-%m-%d %H:%M:%S %Z") if each.applied_at else ""
            click.echo(f"{each.name:<{width}}  {each.state:<8}  {when}".rstrip())
        if not standings:
            click.echo("There are no migrations.")
        tenants = TenantPart(app)
        if tenants.exists:
            _with_connection(app, tenants.status)
