"""Bringing a database straight to the declarations, and handing it over to files later."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from tests.integration.migrations.conftest import FIRST, RUNS, SECOND, STAGES, THIRD, Declare

from sorbus.data_layers.postgres.migrations import (
    Answers,
    Connection,
    Rename,
    Runner,
    SystemScript,
    check,
    in_catalog_words,
    push,
    read_catalog,
)
from sorbus.data_layers.postgres.tables import Check, Column, Schema, Unique
from sorbus.errors.migrations import (
    CannotAdopt,
    CannotBuildSchema,
    CatalogForbidden,
    InvalidSchema,
    ManagedByFiles,
    PushRefused,
)


class TestPush:
    async def test_additions_are_made_freely(self, conn: Connection) -> None:
        assert await push(conn, FIRST) == ("create table runs",)
        await conn.execute("INSERT INTO runs (id) VALUES (gen_random_uuid())")
        assert await push(conn, FIRST) == ()
        assert "add column runs.note text" in await push(conn, THIRD)
        assert await read_catalog(conn) == await in_catalog_words(conn, THIRD)
        assert await conn.fetchval("SELECT count(*) FROM runs") == 1

    async def test_columns_stand_in_the_order_of_the_declaration(self, conn: Connection) -> None:
        await push(conn, FIRST)
        columns = await conn.fetch(
            "SELECT attname FROM pg_attribute"
            " WHERE attrelid = 'runs'::regclass AND attnum > 0 ORDER BY attnum"
        )
        assert [each["attname"] for each in columns] == ["id", "state", "inserted_at"]

    async def test_losses_are_refused_until_they_are_allowed(self, conn: Connection) -> None:
        await push(conn, THIRD)
        with pytest.raises(PushRefused, match=r"drop column runs\.note"):
            await push(conn, SECOND)
        with pytest.raises(PushRefused, match="drop table stages"):
            await push(conn, Schema((THIRD.table("runs"),)))
        assert await read_catalog(conn) == await in_catalog_words(conn, THIRD)
        await push(conn, FIRST, allow_destructive=True)
        assert (await read_catalog(conn)).names == {"runs"}

    async def test_a_possible_rename_is_asked_not_guessed(self, conn: Connection) -> None:
        await push(conn, THIRD)
        await conn.execute("INSERT INTO runs (id, note) VALUES (gen_random_uuid(), 'kept')")
        columns = (*RUNS.columns, Column("remark", "text"))
        renamed = Schema((replace(RUNS, columns=columns), STAGES))
        with pytest.raises(PushRefused, match=r"Was the column `runs.note` renamed to `remark`\?"):
            await push(conn, renamed)
        await push(conn, renamed, answers=Answers(renames=(Rename("runs", "note", "remark"),)))
        assert await conn.fetchval("SELECT remark FROM runs") == "kept"

    async def test_a_value_for_rows_that_exist_is_asked_only_when_there_are_any(
        self, conn: Connection
    ) -> None:
        await push(conn, FIRST)
        strict = Schema((replace(RUNS, columns=(*RUNS.columns, Column("kind", "text", nullable=False))),))
        await conn.execute("INSERT INTO runs (id) VALUES (gen_random_uuid())")
        with pytest.raises(PushRefused, match=r"runs\.kind.*NOT NULL"):
            await push(conn, strict)
        await push(conn, strict, answers=Answers(backfills={"runs.kind": "upper(state)"}))
        assert await conn.fetchval("SELECT kind FROM runs") == "PENDING"
        stricter = Schema(
            (
                replace(
                    strict.tables[0], columns=(*strict.tables[0].columns, Column("n", "int", nullable=False))
                ),
            )
        )
        await conn.execute("TRUNCATE runs")
        await push(conn, stricter)

    async def test_tables_of_others_are_left_alone(self, conn: Connection) -> None:
        await conn.execute("CREATE TABLE not_ours (id int)")
        await push(conn, FIRST)
        await push(conn, FIRST, allow_destructive=True)
        assert (await read_catalog(conn)).names == {"runs", "not_ours"}

    async def test_two_at_once_do_it_once(self, conn: Connection, other: Connection) -> None:
        done = await asyncio.gather(push(conn, SECOND), push(other, SECOND))
        assert sorted(len(each) for each in done) == [0, 3]

    async def test_system_scripts_run_before(self, conn: Connection) -> None:
        script = SystemScript("queue", 1, "CREATE TABLE queue (id int)")
        await push(conn, FIRST, system_scripts=[script])
        await push(conn, FIRST, system_scripts=[script])
        assert await conn.fetchval("SELECT count(*) FROM queue") == 0

    async def test_an_extension_is_installed(self, conn: Connection) -> None:
        table = replace(RUNS, columns=(*RUNS.columns, Column("slug", "citext")))
        await push(conn, Schema((table,), ("citext",)))
        assert await push(conn, Schema((table,), ("citext",))) == ()
        assert await conn.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'citext'") == 1

    async def test_what_postgres_refuses_is_told_before_anything_changes(self, conn: Connection) -> None:
        broken = Schema((replace(RUNS, checks=(Check("rule", "nonsense > 0"),)),))
        with pytest.raises(CannotBuildSchema, match='column "nonsense" does not exist'):
            await push(conn, broken)
        assert (await read_catalog(conn)).names == set()

    async def test_a_contradictory_schema_is_told_whole(self, conn: Connection) -> None:
        broken = replace(RUNS, primary_key=("idd",), uniques=(Unique("runs_state_index", ("stat",)),))
        with pytest.raises(InvalidSchema) as caught:
            await push(conn, Schema((broken,)))
        assert len(caught.value.faults) == 3
        assert "Did you mean `id`?" in str(caught.value)


class TestHandOver:
    async def test_a_pushed_database_is_recognised_by_the_files(
        self, conn: Connection, runner: Runner, declare: Declare
    ) -> None:
        await push(conn, SECOND)
        for schema, name in ((FIRST, "first"), (SECOND, "second"), (THIRD, "third")):
            declare(schema, name)
        report = await runner.up()
        assert (report.adopted, report.applied) == (("0001_first", "0002_second"), ("0003_third",))
        assert await read_catalog(conn) == await in_catalog_words(conn, THIRD)
        assert (await runner.up()).adopted == ()

    async def test_an_empty_push_adopts_nothing(
        self, conn: Connection, runner: Runner, declare: Declare
    ) -> None:
        await push(conn, Schema())
        declare(FIRST, "first")
        report = await runner.up()
        assert (report.adopted, report.applied) == ((), ("0001_first",))

    async def test_a_database_that_no_migration_describes_is_told_what_differs(
        self, conn: Connection, runner: Runner, declare: Declare
    ) -> None:
        await push(conn, FIRST)
        declare(THIRD, "third")
        with pytest.raises(
            CannotAdopt, match=r"(?s)differs from `0001_third`.*create table stages.*runs\.note"
        ):
            await runner.up()
        assert (await read_catalog(conn)).names == {"runs"}

    async def test_a_push_leaves_a_database_of_files_alone(
        self, conn: Connection, runner: Runner, declare: Declare
    ) -> None:
        declare(FIRST, "first")
        await runner.up()
        assert await push(conn, FIRST) == ()
        with pytest.raises(ManagedByFiles, match=r"(?s)0001_first.*create table stages"):
            await push(conn, SECOND, allow_destructive=True)


class TestDrift:
    async def test_agreement_is_no_drift(
        self, conn: Connection, runner: Runner, folder: Path, declare: Declare
    ) -> None:
        assert not await check(Schema(), folder, conn)
        declare(SECOND, "first")
        await runner.up()
        assert not await check(SECOND, folder, conn)
        assert not await check(SECOND, folder)

    async def test_each_kind_is_told_in_words(
        self, conn: Connection, runner: Runner, folder: Path, declare: Declare
    ) -> None:
        declare(FIRST, "first")
        await runner.up()
        declare(SECOND, "second")
        await conn.execute(
            "ALTER TABLE runs ALTER state DROP DEFAULT, ADD extra int; DROP INDEX runs_state_index"
        )
        drift = await check(THIRD, folder, conn)
        assert drift.declared == ("add column runs.note text",)
        assert drift.pending == ("0002_second",)
        assert set(drift.live) == {
            "drop column runs.extra",
            "set default of runs.state to 'pending'::text",
            "create index runs_state_index on runs",
        }
        text = "\n".join(drift.lines())
        assert "sorbus migrate new NAME" in text
        assert "0002_second" in text

    async def test_a_default_spelled_otherwise_is_no_drift(
        self, conn: Connection, runner: Runner, folder: Path, declare: Declare
    ) -> None:
        spelled = replace(
            RUNS,
            columns=(
                *RUNS.columns,
                Column("n", "int8", default="5+5"),
                Column("at", "timestamptz(3)", default="CURRENT_TIMESTAMP"),
                Column("tags", "varchar(9)[]", nullable=False, default="'{}'"),
                Column("price", "decimal(10, 2)", generated="n*2"),
            ),
            checks=(Check("rule", "n in (10,20) or state ~ '^p'"),),
        )
        declare(Schema((spelled,)), "first")
        await runner.up()
        assert not await check(Schema((spelled,)), folder, conn)

    async def test_a_role_that_may_not_build_is_told(
        self, conn: Connection, runner: Runner, folder: Path, declare: Declare
    ) -> None:
        declare(FIRST, "first")
        await runner.up()
        role = f"sorbus_weak_{uuid4().hex[:8]}"
        await conn.execute(f"CREATE ROLE {role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        try:
            await conn.execute(f"SET ROLE {role}")
            with pytest.raises(CatalogForbidden, match="permission denied for database"):
                await check(FIRST, folder, conn)
        finally:
            await conn.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")

    async def test_changed_files_are_told(
        self, conn: Connection, runner: Runner, folder: Path, declare: Declare
    ) -> None:
        declare(FIRST, "first")
        await runner.up()
        path = folder / "0001_first" / "up.sql"
        path.write_text(path.read_text() + "SELECT 1;\n")
        assert (await check(FIRST, folder, conn)).changed == ("0001_first (changed)",)

    async def test_nothing_is_left_behind_by_checking(
        self, conn: Connection, runner: Runner, folder: Path, declare: Declare
    ) -> None:
        declare(FIRST, "first")
        await runner.up()
        await check(FIRST, folder, conn)
        assert await conn.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'sorbus%'") == 0
        assert await conn.fetchval("SHOW search_path") == '"$user", public'
