"""Applying and undoing migrations on a real server."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.migrations.conftest import FIRST, SECOND, THIRD, Declare

from sorbus.data_layers.postgres.migrations import (
    Connection,
    Runner,
    State,
    SystemScript,
    empty_migration,
    in_catalog_words,
    load,
    merge_folder,
    plan,
    read_catalog,
    write,
)
from sorbus.data_layers.postgres.migrations.ddl import create_schema
from sorbus.data_layers.postgres.migrations.files import read
from sorbus.data_layers.postgres.tables import Column, Index, Schema, Table
from sorbus.errors.migrations import (
    BranchedMigrations,
    MigrationChanged,
    MigrationFailed,
    MigrationLockTimeout,
    NoSuchMigration,
    TransactionControl,
    UnknownAppliedMigration,
)


def custom(folder: Path, up: str, *, name: str = "custom", down: str = "", header: str = "") -> str:
    """Write a migration with SQL of one's own and return its name."""
    made = empty_migration(load(folder), name=name)
    write(folder, [made])
    path = folder / made.name
    (path / "up.sql").write_text(made.up.rstrip("\n").rpartition("\n")[0] + f"\n{header}\n{up}\n")
    (path / "down.sql").write_text(made.down + down)
    return made.name


class TestUp:
    async def test_an_empty_database_migrated_up_equals_one_built_from_the_declarations(
        self, conn: Connection, other: Connection, runner: Runner, declare: Declare
    ) -> None:
        for schema, name in ((FIRST, "first"), (SECOND, "second"), (THIRD, "third")):
            declare(schema, name)
        report = await runner.up()
        assert report.applied == ("0001_first", "0002_second", "0003_third")
        migrated = await read_catalog(conn)
        await other.execute("CREATE SCHEMA direct; SET search_path = direct")
        for statement in create_schema(THIRD):
            await other.execute(statement)
        assert migrated == await read_catalog(other)
        assert migrated.names == {"runs", "stages"}

    async def test_down_returns_to_each_former_catalog(
        self, conn: Connection, runner: Runner, declare: Declare
    ) -> None:
        seen = [await read_catalog(conn)]
        for schema, name in ((FIRST, "first"), (SECOND, "second"), (THIRD, "third")):
            declare(schema, name)
            await runner.up()
            seen.append(await read_catalog(conn))
        assert len(set(seen)) == 4
        for former in reversed(seen[:-1]):
            assert len((await runner.down()).reverted) == 1
            assert await read_catalog(conn) == former
        assert (await runner.down()).reverted == ()

    async def test_a_second_time_nothing_is_left_to_do(self, runner: Runner, declare: Declare) -> None:
        declare(FIRST, "first")
        await runner.up()
        report = await runner.up()
        assert (report.applied, report.adopted, report.scripts) == ((), (), ())

    async def test_up_and_down_stop_where_they_are_told(self, runner: Runner, declare: Declare) -> None:
        for schema, name in ((FIRST, "first"), (SECOND, "second"), (THIRD, "third")):
            declare(schema, name)
        assert (await runner.up(to="0002")).applied == ("0001_first", "0002_second")
        assert [each.state for each in await runner.status()] == [State.APPLIED, State.APPLIED, State.PENDING]
        assert (await runner.down(to="0001_first")).reverted == ("0002_second",)
        assert (await runner.down(to="zero")).reverted == ("0001_first",)
        with pytest.raises(NoSuchMigration, match="Did you mean `0002_second`"):
            await runner.up(to="0002_secand")

    async def test_rows_survive_up_and_down(self, conn: Connection, runner: Runner, declare: Declare) -> None:
        declare(FIRST, "first")
        await runner.up()
        await conn.execute("INSERT INTO runs (id) VALUES (gen_random_uuid())")
        declare(THIRD, "third")
        await runner.up()
        await runner.down()
        assert await conn.fetchval("SELECT state FROM runs") == "pending"

    async def test_status_of_a_database_never_touched_writes_nothing(
        self, conn: Connection, runner: Runner, declare: Declare
    ) -> None:
        declare(FIRST, "first")
        assert [each.state for each in await runner.status()] == [State.PENDING]
        assert await conn.fetchval("SELECT count(*) FROM pg_class WHERE relname LIKE 'sorbus%'") == 0


class TestFailure:
    async def test_the_message_names_migration_statement_place_and_reason(
        self, conn: Connection, runner: Runner, folder: Path, declare: Declare
    ) -> None:
        declare(FIRST, "first")
        name = custom(
            folder, "CREATE TABLE kept (id int);\n\nINSERT INTO runs (id, stat)\n  VALUES (NULL, 'x');"
        )
        with pytest.raises(MigrationFailed, match=r"(?s)line 9, column 23.*stat.*INSERT INTO runs") as caught:
            await runner.up()
        error = caught.value
        assert (error.name, error.file, error.sqlstate, error.rolled_back) == (name, "up.sql", "42703", True)
        text = (folder / name / "up.sql").read_text().splitlines()
        assert text[error.line - 1][error.column - 1 :].startswith("stat")
        assert await conn.fetchval("SELECT to_regclass('kept')") is None
        states = [each.state for each in await runner.status()]
        assert states == [State.APPLIED, State.PENDING]

    async def test_what_failed_runs_whole_once_it_is_mended(
        self, conn: Connection, runner: Runner, folder: Path
    ) -> None:
        name = custom(folder, "CREATE TABLE kept (id int); SELECT 1 / 0;")
        with pytest.raises(MigrationFailed, match="division by zero"):
            await runner.up()
        path = folder / name / "up.sql"
        path.write_text(path.read_text().replace("1 / 0", "1"))
        assert (await runner.up()).applied == (name,)
        assert await conn.fetchval("SELECT count(*) FROM kept") == 0

    async def test_a_lost_connection_is_told_and_leaves_nothing(
        self, conn: Connection, other: Connection, folder: Path
    ) -> None:
        custom(folder, "CREATE TABLE kept (id int); SELECT pg_terminate_backend(pg_backend_pid());")
        with pytest.raises(MigrationFailed):
            await Runner(conn=conn, folder=folder).up()
        assert await other.fetchval("SELECT to_regclass('kept')") is None
        report = Runner(conn=other, folder=folder, wait=2)
        assert [each.state for each in await report.status()] == [State.PENDING]

    async def test_a_script_cannot_end_the_transaction_it_runs_in(
        self, conn: Connection, runner: Runner, folder: Path
    ) -> None:
        custom(folder, "CREATE TABLE kept (id int); COMMIT; SELECT 1 / 0;")
        with pytest.raises(TransactionControl, match="COMMIT"):
            await runner.up()
        assert await conn.fetchval("SELECT to_regclass('kept')") is None

    async def test_what_is_deferred_to_the_commit_fails_where_it_can_be_told(
        self, conn: Connection, runner: Runner, folder: Path
    ) -> None:
        name = custom(
            folder,
            "CREATE TABLE a (id int PRIMARY KEY, up int REFERENCES a DEFERRABLE INITIALLY DEFERRED);\n"
            "INSERT INTO a VALUES (1, 2);",
        )
        with pytest.raises(MigrationFailed, match=r"foreign key constraint.*\(up\)=\(2\)") as caught:
            await runner.up()
        assert caught.value.name == name
        assert await conn.fetchval("SELECT to_regclass('a')") is None

    async def test_functions_and_strings_with_semicolons_are_one_statement(
        self, conn: Connection, runner: Runner, folder: Path
    ) -> None:
        custom(
            folder,
            """
            CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS $body$
            BEGIN -- a comment; with a semicolon
              RETURN n * 2;
            END; $body$;
            CREATE FUNCTION thrice(n int) RETURNS int BEGIN ATOMIC
              SELECT CASE WHEN n > 0 THEN n * 3 ELSE 0 END;
              SELECT n * 3;
            END;
            /* a; /* nested; */ comment; */
            CREATE TABLE words AS SELECT 'a;b' AS "x;y", E'it\\'s;' AS z;
            """,
        )
        await runner.up()
        row = await conn.fetchrow('SELECT twice(2), thrice(3), "x;y", z FROM words')
        assert row is not None
        assert tuple(row) == (4, 9, "a;b", "it's;")

    async def test_a_table_in_use_makes_it_give_up_in_time(
        self, conn: Connection, other: Connection, folder: Path, declare: Declare
    ) -> None:
        declare(FIRST, "first")
        runner = Runner(conn=conn, folder=folder, lock_timeout=0.2)
        await runner.up()
        declare(THIRD, "third")
        async with other.transaction():
            await other.execute("LOCK TABLE runs IN ACCESS SHARE MODE")
            with pytest.raises(MigrationFailed, match="lock timeout"):
                await runner.up()
        assert await conn.fetchval("SHOW lock_timeout") == "0"
        assert (await runner.up()).applied == ("0002_third",)


class TestFilesAndDatabaseDisagree:
    async def test_a_changed_file_is_refused(self, runner: Runner, folder: Path, declare: Declare) -> None:
        declare(FIRST, "first")
        await runner.up()
        path = folder / "0001_first" / "up.sql"
        path.write_text(path.read_text() + "\nSELECT 1;\n")
        with pytest.raises(MigrationChanged, match="0001_first"):
            await runner.up()
        assert [each.state for each in await runner.status()] == [State.CHANGED]

    async def test_other_line_ends_are_no_change(
        self, runner: Runner, folder: Path, declare: Declare
    ) -> None:
        declare(FIRST, "first")
        await runner.up()
        path = folder / "0001_first" / "up.sql"
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        assert (await runner.up()).applied == ()

    async def test_a_database_ahead_of_the_folder_is_refused_only_when_work_is_pending(
        self, conn: Connection, runner: Runner, tmp_path: Path, declare: Declare
    ) -> None:
        declare(FIRST, "first")
        await runner.up()
        write(tmp_path / "older", plan([], Schema(), name="nothing").migrations)
        assert (await Runner(conn=conn, folder=tmp_path / "older").up()).applied == ()
        write(tmp_path / "alien", plan([], SECOND, name="alien").migrations)
        alien = Runner(conn=conn, folder=tmp_path / "alien")
        with pytest.raises(UnknownAppliedMigration, match="0001_first"):
            await alien.up()
        assert State.UNKNOWN in [each.state for each in await alien.status()]


class TestOneAtATime:
    async def test_the_second_waits_and_finds_nothing_to_do(
        self, conn: Connection, other: Connection, folder: Path, declare: Declare
    ) -> None:
        declare(FIRST, "first")
        custom(folder, "SELECT pg_sleep(0.5); CREATE TABLE slow (id int);")
        both = await asyncio.gather(*(Runner(conn=each, folder=folder).up() for each in (conn, other)))
        assert sorted(each.applied for each in both) == [(), ("0001_first", "0002_custom")]

    async def test_who_waits_too_long_is_told(
        self, conn: Connection, other: Connection, folder: Path
    ) -> None:
        custom(folder, "SELECT pg_sleep(1);")
        first = asyncio.create_task(Runner(conn=conn, folder=folder).up())
        await asyncio.sleep(0.2)
        with pytest.raises(MigrationLockTimeout):
            await Runner(conn=other, folder=folder, wait=0.2).up()
        assert (await first).applied == ("0001_custom",)

    async def test_a_concurrent_index_build_does_not_deadlock_with_who_waits(
        self, conn: Connection, other: Connection, folder: Path, declare: Declare
    ) -> None:
        declare(FIRST, "first")
        await Runner(conn=conn, folder=folder).up()
        custom(
            folder,
            "SELECT pg_sleep(0.5);\nCREATE INDEX CONCURRENTLY later ON runs (inserted_at);",
            header="-- sorbus: no-transaction",
        )
        both = await asyncio.gather(*(Runner(conn=each, folder=folder).up() for each in (conn, other)))
        assert sorted(each.applied for each in both) == [(), ("0002_custom",)]


class TestConcurrentIndexes:
    WIDER = Schema(
        (
            Table(
                "runs",
                columns=(*FIRST.tables[0].columns, Column("note", "text")),
                primary_key=("id",),
                indexes=(*FIRST.tables[0].indexes, Index("runs_note_index", ("note",))),
            ),
        )
    )

    async def test_they_go_to_a_migration_of_their_own(
        self, conn: Connection, runner: Runner, folder: Path, declare: Declare
    ) -> None:
        declare(FIRST, "first")
        planned = plan(load(folder), self.WIDER, name="notes", concurrently=True)
        assert [each.name for each in planned.migrations] == ["0002_notes", "0003_notes_indexes"]
        write(folder, planned.migrations)
        await runner.up()
        assert await read_catalog(conn) == await in_catalog_words(conn, self.WIDER)
        await runner.down(steps=2)
        assert await read_catalog(conn) == await in_catalog_words(conn, FIRST)

    async def test_an_interrupted_build_is_done_again(
        self, conn: Connection, runner: Runner, folder: Path, declare: Declare
    ) -> None:
        declare(FIRST, "first")
        index = Index("runs_note_index", ("state", "note"))
        wider = Schema((replace(self.WIDER.tables[0], indexes=(index,)),))
        write(folder, plan(load(folder), wider, name="notes", concurrently=True).migrations)
        await runner.up(to="0002")
        await conn.execute("CREATE INDEX runs_note_index ON runs (id)")
        await conn.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'runs_note_index'::regclass"
        )
        await runner.up()
        assert await read_catalog(conn) == await in_catalog_words(conn, wider)


class TestSystemScripts:
    async def test_they_run_first_once_per_version(
        self, conn: Connection, folder: Path, declare: Declare
    ) -> None:
        declare(FIRST, "first")

        async def second(inner: Connection) -> None:
            await inner.execute("ALTER TABLE queue ADD COLUMN state text")

        scripts = [SystemScript("queue", 1, "CREATE TABLE queue (id int); SELECT 1;")]
        report = await Runner(conn=conn, folder=folder, system_scripts=scripts).up()
        assert (report.scripts, report.applied) == (("queue v1",), ("0001_first",))
        scripts.append(SystemScript("queue", 2, second))
        runner = Runner(conn=conn, folder=folder, system_scripts=scripts)
        assert (await runner.up()).scripts == ("queue v2",)
        assert (await runner.up()).scripts == ()
        assert await conn.fetchval("SELECT count(state) FROM queue") == 0

    async def test_one_that_fails_leaves_nothing(self, conn: Connection, folder: Path) -> None:
        async def broken(inner: Connection) -> None:
            await inner.execute("CREATE TABLE queue (id int)")
            raise RuntimeError("broken")

        with pytest.raises(RuntimeError):
            await Runner(conn=conn, folder=folder, system_scripts=[SystemScript("queue", 1, broken)]).up()
        assert await conn.fetchval("SELECT to_regclass('queue')") is None
        sql = SystemScript("queue", 1, "CREATE TABLE queue (id int);\nSELECT nonsense;")
        with pytest.raises(MigrationFailed, match="queue v1"):
            await Runner(conn=conn, folder=folder, system_scripts=[sql]).up()
        assert await conn.fetchval("SELECT to_regclass('queue')") is None


class TestMerge:
    @staticmethod
    def branch(folder: Path, base: Schema, table: str) -> None:
        """Write a migration on the migrations of `base` as another branch would have."""
        own = Table(table, columns=(Column("id", "uuid", nullable=False),), primary_key=("id",))
        existing = [each for each in read(folder) if each.schema == base.canonical()]
        write(folder, plan(existing, Schema((*base.tables, own)), name=f"add {table}").migrations)

    async def test_a_database_with_either_branch_goes_on(
        self, conn: Connection, runner: Runner, folder: Path, declare: Declare
    ) -> None:
        declare(FIRST, "first")
        self.branch(folder, FIRST, "zebras")
        await runner.up()
        self.branch(folder, FIRST, "apes")
        with pytest.raises(BranchedMigrations, match="0002_add_apes, 0002_add_zebras"):
            await runner.up()
        assert merge_folder(folder) == [("0002_add_zebras", "0003_add_zebras")]
        assert merge_folder(folder) == []
        assert (await runner.up()).applied == ("0002_add_apes",)
        assert [each.name for each in await runner.status()] == [
            "0001_first",
            "0002_add_apes",
            "0003_add_zebras",
        ]
        names = await conn.fetch("SELECT name FROM sorbus_migrations ORDER BY name")
        assert [each["name"] for each in names] == ["0001_first", "0002_add_apes", "0003_add_zebras"]
        newest = load(folder)[-1].schema
        assert newest.names == {"runs", "apes", "zebras"}
        assert await read_catalog(conn) == await in_catalog_words(conn, newest)
