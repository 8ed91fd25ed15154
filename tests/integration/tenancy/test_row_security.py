"""The second wall: policies that migrations make and take away, and a role that obeys them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from tests.integration.pipelines.helpers import application, ended, start
from tests.integration.tenancy.conftest import ROLE, firms

from sorbus import Sorbus
from sorbus.data_layers.postgres.faults import translate
from sorbus.data_layers.postgres.migrations import (
    AS_THEY_ARE,
    check,
    diff,
    load,
    plan,
    push,
    read_catalog,
    write,
)
from sorbus.data_layers.postgres.migrations.adopt import live_differences
from sorbus.data_layers.postgres.tables import Schema
from sorbus.errors.base import Forbidden
from sorbus.errors.tenancy import (
    InvalidTenant,
    RowSecurityBypassed,
    RowSecurityMissing,
    RowSecurityRefused,
    RowSecurityRole,
)
from sorbus.pipelines import Content, Result, Run, RunState, StageRun
from sorbus.scope import EveryTenant
from sorbus.testing.conformance.tenants_world import Carton, Firm, Firms, Flyer, Rack

type Connection = asyncpg.Connection[Any]


async def two_firms(app: Sorbus) -> tuple[Firm, Firm]:
    scope = app.scope()
    first = await Firm.found(scope, slug=f"f{uuid4().hex[:10]}")
    return first, await Firm.found(scope, slug=f"f{uuid4().hex[:10]}")


class TestTheRole:
    async def test_may_read_and_write_rows_and_alter_no_table(self, walled: Sorbus) -> None:
        async with walled.database.pool.connection() as connection:
            assert await connection.fetchval("SELECT current_user") == ROLE
            for sql in (
                "ALTER TABLE suite_racks DISABLE ROW LEVEL SECURITY",
                "DROP POLICY suite_racks_tenancy ON suite_racks",
                "TRUNCATE suite_racks",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(sql)

    async def test_one_that_bypasses_the_wall_is_refused(self, database_url: str, login: Connection) -> None:
        with pytest.raises(RowSecurityBypassed, match="superuser"):
            await firms(database_url, row_level_security="postgres").open()
        loose = f"loose_{uuid4().hex[:8]}"
        await login.execute(f"CREATE ROLE {loose} BYPASSRLS")
        try:
            with pytest.raises(RowSecurityBypassed, match="BYPASSRLS"):
                await firms(database_url, row_level_security=loose).open()
        finally:
            await login.execute(f"DROP OWNED BY {loose}; DROP ROLE {loose}")

    async def test_one_that_there_is_not_is_named(self, database_url: str) -> None:
        with pytest.raises(RowSecurityRole, match="no such role"):
            await firms(database_url, row_level_security="nobody_at_all", auto_migrate=False).open()

    async def test_a_table_without_its_policy_keeps_the_application_shut(
        self, database_url: str, login: Connection
    ) -> None:
        async with firms(database_url, row_level_security=ROLE):
            pass
        await login.execute("ALTER TABLE suite_racks NO FORCE ROW LEVEL SECURITY")
        with pytest.raises(RowSecurityMissing, match="suite_racks"):
            await firms(database_url, row_level_security=ROLE, auto_migrate=False).open()
        # What was loosened by hand is drift, and the next push mends it.
        async with firms(database_url, row_level_security=ROLE):
            pass


class TestTheWall:
    async def test_hides_every_tenants_rows_from_sql_without_a_tenant(self, walled: Sorbus) -> None:
        mine, theirs = await two_firms(walled)
        await Rack.put_up(walled.scope(tenant=mine.id), label="a")
        await Rack.put_up(walled.scope(tenant=theirs.id), label="b")
        pool = walled.database.pool
        count = "SELECT count(*) FROM suite_racks"
        # Whoever had the connection before, and whatever it was told.
        for tenant in (mine.id, theirs.id):
            assert len(await Rack.query(walled.scope(tenant=tenant)).all()) == 1
            async with pool.connection() as connection:
                assert await connection.fetchval(count) == 0
            async with pool.transaction() as connection:
                assert await connection.fetchval(count) == 0
        layer = walled.engine.layers["postgres"]
        async with walled.transaction() as opened:
            session = await opened.session(layer)
            assert await session.fetchval(count) == 0
            await layer.look(session, mine.id)
            assert await session.fetchval(count) == 1
            await layer.look(session, EveryTenant())
            assert await session.fetchval(count) == 2
            await layer.look(session, None)
            assert await session.fetchval(count) == 0
        async with pool.connection() as connection:
            assert await connection.fetchval(count) == 0

    async def test_refuses_a_row_of_another_tenant(self, walled: Sorbus) -> None:
        mine, theirs = await two_firms(walled)
        layer = walled.engine.layers["postgres"]
        async with walled.transaction() as opened:
            session = await opened.session(layer)
            await layer.look(session, mine.id)
            with pytest.raises(asyncpg.InsufficientPrivilegeError) as caught:
                await session.execute(
                    "INSERT INTO suite_racks (id, firm_id, label) VALUES ($1, $2, 'x')", uuid4(), theirs.id
                )
            assert isinstance(translate(caught.value), RowSecurityRefused)
            await session.execute("ROLLBACK")
            await session.execute("BEGIN")
        await Rack.register(walled.scope(tenant=theirs.id), label="a", serial="1")
        # Either wall may be the first, as PostgreSQL's version decides.
        with pytest.raises(Forbidden, match="another tenant"):
            await Rack.register(walled.scope(tenant=mine.id), label="a", serial="1")

    async def test_follows_the_tenant_through_transactions_and_savepoints(self, walled: Sorbus) -> None:
        mine, theirs = await two_firms(walled)
        here, there = walled.scope(tenant=mine.id), walled.scope(tenant=theirs.id)
        await Rack.put_up(here, label="a")
        await Rack.put_up(there, label="b")
        layer = walled.engine.layers["postgres"]
        async with walled.transaction() as opened:
            session = await opened.session(layer)
            assert await Rack.query(here).count() == 1
            await session.execute("SAVEPOINT s")
            assert [each.label for each in await Rack.query(there).all()] == ["b"]
            await session.execute("ROLLBACK TO SAVEPOINT s")
            # The server has gone back to what it was told before; so has what is known of it.
            assert [each.label for each in await Rack.query(there).all()] == ["b"]
            assert [each.label for each in await Rack.query(here).all()] == ["a"]
        for _ in range(2):
            assert await Rack.query(here).count() == await Rack.query(there).count() == 1
            assert await Rack.query(walled.system_scope()).count() == 2
            assert await Rack.everywhere(here).count() == 2

    async def test_holds_while_many_tenants_share_few_connections(self, walled: Sorbus) -> None:
        places = [walled.scope(tenant=uuid4()) for _ in range(6)]
        for number, scope in enumerate(places):
            await Firm.found(walled.scope(), slug=f"n{number}{uuid4().hex[:8]}")
            with pytest.raises(Exception, match="Firm"):
                await Rack.put_up(scope, label="x")
        found = [await two_firms(walled) for _ in range(3)]
        scopes = [walled.scope(tenant=firm.id) for pair in found for firm in pair]
        for scope in scopes:
            await Rack.put_up(scope, label="own")

        async def work(scope: Any) -> None:
            for _ in range(15):
                (rack,) = await Rack.query(scope).all()
                assert rack.firm_id == scope.tenant
                assert (await rack.relabel(scope, label="own")).firm_id == scope.tenant

        await asyncio.gather(*(work(scope) for scope in scopes for _ in range(2)))

    async def test_takes_the_tenant_as_each_resource_reads_it(self, walled: Sorbus) -> None:
        mine, theirs = await two_firms(walled)
        own = await Flyer.print_one(walled.scope(tenant=mine), text="own")
        shared = await Flyer.print_one(walled.scope(), text="shared")
        assert await Flyer.query(walled.scope(tenant=mine.id)).all() == [own]
        assert await Flyer.query(walled.scope(tenant=str(theirs.id))).all() == []
        assert await Flyer.query(walled.scope()).all() == [own, shared]
        with pytest.raises(InvalidTenant):
            await Rack.query(walled.scope(tenant="nobody")).all()

    async def test_a_cancelled_statement_leaves_no_false_belief(self, walled: Sorbus) -> None:
        mine, theirs = await two_firms(walled)
        await Rack.put_up(walled.scope(tenant=mine.id), label="a")
        for delay in range(12):
            task = asyncio.create_task(Rack.query(walled.scope(tenant=mine.id)).all())
            for _ in range(delay):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await Rack.query(walled.scope(tenant=theirs.id)).all() == []
            assert len(await Rack.query(walled.scope(tenant=mine.id)).all()) == 1


class TestMigrations:
    @staticmethod
    def schemas() -> tuple[Schema, Schema]:
        return (
            Sorbus(domains=[Firms]).schema(),
            Sorbus(domains=[Firms], row_level_security=ROLE).schema(),
        )

    async def test_the_wall_comes_and_goes_by_push(self, login: Connection) -> None:
        off, on = self.schemas()
        await push(login, off)
        steps = await push(login, on)
        assert [each for each in steps if "row-level security of suite_racks" in each]
        assert await live_differences(login, on) == []
        assert await push(login, on) == ()
        await push(login, off, allow_destructive=True)
        assert all(not table.policies for table in (await read_catalog(login)).tables)
        flags = await login.fetch("SELECT relname FROM pg_class WHERE relrowsecurity OR relforcerowsecurity")
        assert flags == []

    async def test_the_wall_is_in_files_and_in_the_drift_check(
        self, login: Connection, tmp_path: Any
    ) -> None:
        from sorbus.data_layers.postgres.migrations import Runner

        off, on = self.schemas()
        write(tmp_path, plan([], off, name="first").migrations)
        write(tmp_path, plan(load(tmp_path), on, name="wall").migrations)
        runner = Runner(conn=login, folder=tmp_path)
        await runner.up()
        assert not await check(on, tmp_path, login)
        await login.execute("DROP POLICY suite_cartons_tenancy ON suite_cartons")
        drift = await check(on, tmp_path, login)
        assert any("suite_cartons" in each for each in drift.live)
        await login.execute("CREATE POLICY suite_cartons_tenancy ON suite_cartons USING (true)")
        assert (await check(on, tmp_path, login)).live
        await login.execute("DROP POLICY suite_cartons_tenancy ON suite_cartons")
        for step in diff(replace(on, tables=()), on, answers=AS_THEY_ARE):
            for statement in step.forward():
                if "POLICY" in statement and "suite_cartons" in statement:
                    await login.execute(statement)
        assert not await check(on, tmp_path, login)
        await runner.down()
        assert not (await check(off, tmp_path, login)).live
        await runner.up()
        assert not await check(on, tmp_path, login)

    async def test_a_column_that_a_policy_names_can_change(self, login: Connection) -> None:
        _, on = self.schemas()
        await push(login, on)
        racks = on.table("suite_flyers")
        text = replace(
            racks,
            columns=tuple(
                replace(each, type="character varying(80)") if each.name == "owner" else each
                for each in racks.columns
            ),
        )
        changed = replace(on, tables=tuple(text if each is racks else each for each in on.tables))
        await push(login, changed, allow_destructive=True)
        assert await live_differences(login, changed) == []


class TestPartsWithStaticSql:
    async def test_pipelines_and_their_jobs_run_behind_the_wall(self, database_url: str) -> None:
        options: dict[str, Any] = {"row_level_security": ROLE, "auto_migrate": True}
        async with application(database_url, **options) as app:
            here, there = app.scope(actor="me", tenant="here"), app.scope(actor="me", tenant="there")
            runs = [await start(scope, "one") for scope in (here, there)]
            mine = (await ended(here, [runs[0].id]))[runs[0].id]
            theirs = (await ended(there, [runs[1].id]))[runs[1].id]
            assert (mine.state, theirs.state) == (RunState.COMPLETED, RunState.COMPLETED)
            assert mine.result is not None
            assert len(mine.llm_calls) == len(theirs.llm_calls) > 0
            for resource in (Content, Run, StageRun, Result):
                assert await resource.query(here).count() == await resource.query(there).count() > 0
                async with app.database.pool.connection() as connection:
                    table = app.spec.resources[resource.__name__].table
                    assert await connection.fetchval(f'SELECT count(*) FROM "{table}"') == 0

    async def test_lost_runs_are_repaired_behind_the_wall(self, database_url: str, login: Connection) -> None:
        options: dict[str, Any] = {"row_level_security": ROLE, "auto_migrate": True}
        async with application(database_url, run_jobs=False, **options) as app:
            run = await start(app.scope(actor="me", tenant="here"), "one")
            await login.execute("DELETE FROM oban_jobs")
            parts: Any = app.components[0]
            assert await parts.repair(older_than=0.0) == 1
            assert await login.fetchval("SELECT count(*) FROM oban_jobs") == 1
        async with application(database_url, row_level_security=ROLE) as app:
            scope = app.scope(actor="me", tenant="here")
            assert (await ended(scope, [run.id]))[run.id].state is RunState.COMPLETED


async def test_cartons_cascade_behind_the_wall(walled: Sorbus) -> None:
    """What a foreign key does it does as the owner, whom the policies would hide the rows from."""
    mine, _ = await two_firms(walled)
    scope = walled.scope(tenant=mine.id)
    rack = await Rack.put_up(scope, label="a")
    await Carton.pack(scope, rack_id=rack.id)
    await rack.take_down(scope)
    assert await Carton.query(walled.system_scope()).count() == 0
