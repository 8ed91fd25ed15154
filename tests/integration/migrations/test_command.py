"""`sorbus migrate` as a user types it, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import asyncpg
import click
import pytest
from click.testing import CliRunner, Result
from tests.integration.migrations.conftest import FIRST, RUNS, SECOND

from sorbus.cli.migrate import migrate_command
from sorbus.data_layers.postgres.migrations import SystemScript
from sorbus.data_layers.postgres.tables import Column, Schema


@dataclass
class App:
    """An application as the command sees it, whose declarations a test may change."""

    url: str
    migrations_folder: Path
    declared: Schema = field(default_factory=Schema)
    scripts: Sequence[SystemScript] = ()

    def schema(self) -> Schema:
        return self.declared

    def tenant_schema(self) -> Schema:
        return Schema()

    def system_scripts(self) -> Sequence[SystemScript]:
        return self.scripts

    async def connect(self) -> asyncpg.Connection[asyncpg.Record]:
        return await asyncpg.connect(self.url)

    def query(self, sql: str) -> object:
        async def run() -> object:
            conn = await self.connect()
            try:
                return await conn.fetchval(sql)
            finally:
                await conn.close()

        return asyncio.run(run())


def call(app: App, *words: str, stdin: str = "") -> Result:
    found = CliRunner().invoke(migrate_command(lambda: app), words, input=stdin)
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


@pytest.fixture
def app(pg18_url: str, folder: Path) -> App:
    return App(pg18_url, folder, FIRST)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command believe that it talks to a person."""
    real = CliRunner.isolation

    def isolation(self: CliRunner, *args: object, **kwargs: object) -> object:
        manager = real(self, *args, **kwargs)  # type: ignore[arg-type]

        class Terminal:
            def __enter__(self) -> object:
                import sys

                found = manager.__enter__()
                sys.stdin.isatty = lambda: True  # type: ignore[method-assign]
                return found

            def __exit__(self, *raised: object) -> object:
                return manager.__exit__(*raised)  # type: ignore[arg-type]

        return Terminal()

    monkeypatch.setattr(CliRunner, "isolation", isolation)


def note_for(column: str) -> Schema:
    return Schema((replace(RUNS, columns=(*RUNS.columns, Column(column, "text"))),))


def test_migrate_alone_writes_and_applies(app: App) -> None:
    first = call(app)
    assert first.exit_code == 0
    assert "0001_initial" in first.output
    assert "- create table runs" in first.output
    assert "Applied 0001_initial" in first.output
    assert app.query("SELECT count(*) FROM runs") == 0
    again = call(app)
    assert (again.exit_code, again.output) == (0, "Nothing to do.\n")


def test_check_tells_drift_by_its_exit_code(app: App) -> None:
    before = call(app, "--check")
    assert before.exit_code == 1
    assert "create table runs" in before.output
    assert not app.migrations_folder.exists()
    assert call(app, "--check", "--offline").exit_code == 1
    call(app)
    after = call(app, "--check")
    assert (after.exit_code, after.output) == (0, "Declarations, migrations and database agree.\n")
    app.query("ALTER TABLE runs ADD extra int")
    changed = call(app, "--check")
    assert changed.exit_code == 1
    assert "drop column runs.extra" in changed.output
    assert call(app, "--check", "--offline").exit_code == 0


def test_dry_run_prints_the_sql_and_changes_nothing(app: App) -> None:
    shown = call(app, "--dry-run")
    assert 'CREATE TABLE "runs"' in shown.output
    assert not app.migrations_folder.exists()
    assert app.query("SELECT to_regclass('runs')") is None
    call(app, "new", "first")
    assert 'CREATE TABLE "runs"' in call(app, "up", "--dry-run").output
    assert app.query("SELECT to_regclass('runs')") is None


def test_new_up_down_and_status(app: App) -> None:
    assert call(app, "new", "First light!").exit_code == 0
    app.declared = SECOND
    assert call(app, "new", "stages").exit_code == 0
    assert call(app, "status").output == "0001_first_light  pending\n0002_stages       pending\n"
    assert call(app, "up", "--to", "1").output == "Applied 0001_first_light\n"
    assert call(app, "up").output == "Applied 0002_stages\n"
    assert "0002_stages       applied" in call(app, "status").output
    assert call(app, "down").output == "Undid 0002_stages\n"
    assert call(app, "down", "--to", "zero").output == "Undid 0001_first_light\n"
    assert app.query("SELECT to_regclass('runs')") is None
    nothing = call(app, "new", "again")
    assert nothing.exit_code == 1
    assert "docs/errors/nothing-to-migrate.md" in nothing.output
    assert call(app, "new", "again", "--empty").exit_code == 0


def test_a_rename_is_never_guessed(app: App) -> None:
    app.declared = note_for("note")
    call(app)
    app.query("INSERT INTO runs (id, note) VALUES (gen_random_uuid(), 'kept')")
    app.declared = note_for("remark")
    asked = call(app)
    assert asked.exit_code == 1
    assert "Was the column `runs.note` renamed to `remark`?" in asked.output
    assert "--rename" in asked.output
    wrong = call(app, "--rename", "runs.nota:remark")
    assert wrong.exit_code == 1
    assert "Did you mean `note`?" in wrong.output
    assert call(app, "--rename", "runs.note:remark").exit_code == 0
    assert app.query("SELECT remark FROM runs") == "kept"


@pytest.mark.usefixtures("terminal")
def test_at_a_terminal_the_rename_is_asked(app: App) -> None:
    app.declared = note_for("note")
    call(app)
    app.query("INSERT INTO runs (id, note) VALUES (gen_random_uuid(), 'kept')")
    app.declared = note_for("remark")
    answered = call(app, stdin="y\n")
    assert answered.exit_code == 0
    assert "rename column runs.note to remark" in answered.output
    assert app.query("SELECT remark FROM runs") == "kept"
    app.declared = note_for("third")
    refused = call(app, stdin="n\nn\n")
    assert refused.exit_code == 1
    assert "loses data" in refused.output
    assert app.query("SELECT remark FROM runs") == "kept"


def test_a_loss_of_data_is_not_applied_unread(app: App) -> None:
    app.declared = note_for("note")
    call(app)
    app.declared = FIRST
    stopped = call(app)
    assert stopped.exit_code == 1
    assert "drop column runs.note" in stopped.output
    assert "DESTRUCTIVE" in (app.migrations_folder / "0002_drop_column_runs_note" / "up.sql").read_text()
    assert app.query("SELECT count(note) FROM runs") == 0
    assert call(app, "up").exit_code == 0


def test_rows_that_exist_get_the_value_that_was_given(app: App) -> None:
    call(app)
    app.query("INSERT INTO runs (id) VALUES (gen_random_uuid())")
    app.declared = Schema((replace(RUNS, columns=(*RUNS.columns, Column("kind", "text", nullable=False))),))
    asked = call(app)
    assert asked.exit_code == 1
    assert "--backfill runs.kind=" in asked.output
    assert call(app, "--backfill", "runs.kinds='x'").exit_code == 1
    assert call(app, "--backfill", "nonsense").exit_code == 2
    assert call(app, "--backfill", "runs.kind='x'").exit_code == 0
    assert app.query("SELECT kind FROM runs") == "x"


def test_an_unknown_cast_is_asked(app: App) -> None:
    app.declared = Schema((replace(RUNS, columns=(*RUNS.columns, Column("kind", "boolean"))),))
    call(app)
    app.query("INSERT INTO runs (id, kind) VALUES (gen_random_uuid(), true)")
    app.declared = Schema((replace(RUNS, columns=(*RUNS.columns, Column("kind", "timestamptz"))),))
    assert "no known cast from boolean to timestamptz" in call(app).output
    given = call(app, "--using", "runs.kind=CASE WHEN kind THEN '2026-01-01'::timestamptz END")
    assert given.exit_code == 0
    assert app.query("SELECT extract(year FROM kind)::int FROM runs") == 2026


def test_a_failing_statement_is_shown_without_a_traceback(app: App) -> None:
    call(app, "new", "custom", "--empty")
    path = app.migrations_folder / "0001_custom" / "up.sql"
    path.write_text(path.read_text() + "SELECT 1 / 0;\n")
    failed = call(app, "up")
    assert failed.exit_code == 1
    assert "division by zero" in failed.output
    assert "SELECT 1 / 0" in failed.output
    assert "Traceback" not in failed.output


def test_merge_without_branches_says_so(app: App) -> None:
    call(app, "new", "first")
    assert call(app, "--merge").output == "The migrations are in one line already.\n"


def test_system_scripts_run_even_when_nothing_is_declared(app: App) -> None:
    app.declared = Schema()
    app.scripts = [SystemScript("queue", 1, "CREATE TABLE queue (id int)")]
    assert "Ran queue v1" in call(app).output
    assert app.query("SELECT count(*) FROM queue") == 0


def test_the_group_is_made_for_a_parent_command(app: App) -> None:
    parent = click.Group("sorbus")
    parent.add_command(migrate_command(lambda: app))
    assert "Write a migration" in CliRunner().invoke(parent, ["migrate", "--help"]).output
