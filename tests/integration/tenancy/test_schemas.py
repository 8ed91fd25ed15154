"""Tenants with schemas of their own in a real database: their schemas, migrations, drift, and prepared statements."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.integration.tenancy.conftest import firms

from sorbus import Sorbus
from sorbus.data_layers.postgres.migrations import (
    Runner,
    check_tenants,
    load,
    migrate_tenants,
    plan,
    push_tenants,
    read_catalog,
    revert_tenants,
    tenant_standings,
    write,
)
from sorbus.data_layers.postgres.tables import Column, Index, Schema
from sorbus.errors.migrations import MigrationFailed, MigrationLockTimeout
from sorbus.errors.tenancy import NoTenantSchemas, TenantExists, TenantNotMigrated, UnknownTenant
from sorbus.testing.conformance.people import People
from sorbus.testing.conformance.tenants_world import Firms, Ledger

type Connection = asyncpg.Connection[Any]


def with_column(schema: Schema, table: str, column: Column) -> Schema:
    """The schema with one more column."""
    return replace(
        schema,
        tables=tuple(
            replace(each, columns=(*each.columns, column)) if each.name == table else each
            for each in schema.tables
        ),
    )


class TestSchemas:
    async def test_hold_the_tenants_tables_and_nothing_else(self, app: Sorbus, login: Connection) -> None:
        await app.tenants.create("acme")
        found = await read_catalog(login, namespace="acme")
        assert found.names == {"suite_ledgers", "suite_entries"} == app.tenant_schema().names
        assert not app.tenant_schema().names & app.schema().names
        targets = await login.fetch(
            "SELECT confrelid::regclass::text AS target FROM pg_constraint"
            " WHERE contype = 'f' AND connamespace = 'acme'::regnamespace ORDER BY 1"
        )
        assert [each["target"] for each in targets] == ["acme.suite_ledgers", "suite_currencies"]

    async def test_of_others_are_out_of_reach(self, app: Sorbus, login: Connection) -> None:
        await login.execute(
            "CREATE SCHEMA stranger; CREATE TABLE stranger.suite_ledgers (id uuid, name text)"
        )
        with pytest.raises(UnknownTenant):
            await Ledger.query(app.scope(tenant="stranger")).count()
        with pytest.raises(TenantExists):
            await app.tenants.create("stranger")
        await app.tenants.create("acme")
        with pytest.raises(TenantExists):
            await app.tenants.rename("acme", "stranger")
        with pytest.raises(UnknownTenant):
            await app.tenants.drop("stranger", confirm="stranger")

    async def test_leave_nothing_on_a_connection(self, database_url: str) -> None:
        async with firms(database_url, pool_size=1) as app:
            for name in ("one", "two"):
                await app.tenants.create(name)
                await Ledger.begin(app.scope(tenant=name), name=name)
            async with app.database.pool.connection() as connection:
                assert await connection.fetchval("SHOW search_path") == '"$user", public'
            for name in ("one", "two", "one"):
                assert [each.name for each in await Ledger.query(app.scope(tenant=name)).all()] == [name]

    async def test_are_served_at_once_by_few_connections(self, database_url: str) -> None:
        async with firms(database_url, pool_size=2) as app:
            names = [f"t{number}" for number in range(12)]
            await asyncio.gather(*(app.tenants.create(name) for name in names))
            assert await app.tenants.list() == sorted(names)

            async def work(name: str) -> None:
                scope = app.scope(tenant=name)
                for _ in range(5):
                    ledger = await Ledger.begin(scope, name=name)
                    assert [each.id for each in await Ledger.query(scope).all()] == [ledger.id]

            await asyncio.gather(*(work(name) for name in names for _ in range(2)))
            assert app.engine.compiled < 10

    async def test_that_are_made_anew_or_swapped_are_reached_by_prepared_statements(
        self, app: Sorbus
    ) -> None:
        await app.tenants.create("one")
        await app.tenants.create("two")
        await Ledger.begin(app.scope(tenant="one"), name="first")
        await Ledger.begin(app.scope(tenant="two"), name="second")

        async def seen(name: str) -> list[str]:
            return [each.name for each in await Ledger.query(app.scope(tenant=name)).all()]

        assert (await seen("one"), await seen("two")) == (["first"], ["second"])
        async with app.transaction():
            await app.tenants.rename("one", "three")
            await app.tenants.rename("two", "one")
            await app.tenants.rename("three", "two")
        assert (await seen("one"), await seen("two")) == (["second"], ["first"])
        await app.tenants.drop("one", confirm="one")
        await app.tenants.create("one")
        assert await seen("one") == []

    async def test_two_that_make_one_tenant_at_once_make_one(self, app: Sorbus) -> None:
        found = await asyncio.gather(*(app.tenants.create("acme") for _ in range(3)), return_exceptions=True)
        assert sorted(map(str, map(type, found))) == sorted(
            map(str, [type(None), TenantExists, TenantExists])
        )
        assert await app.tenants.list() == ["acme"]

    async def test_wait_for_migrations(self, app: Sorbus, login: Connection, monkeypatch: Any) -> None:
        from sorbus.data_layers.postgres.migrations import books

        monkeypatch.setattr(books, "share_lock", partial(books.share_lock, wait=0.2))
        async with books.migration_lock(login):
            with pytest.raises(MigrationLockTimeout):
                await app.tenants.create("acme")
        await app.tenants.create("acme")

    async def test_need_a_resource_that_has_them(self, pg18_url: str) -> None:
        async with Sorbus(domains=[People], database_url=pg18_url, secret=b"x") as app:
            with pytest.raises(NoTenantSchemas):
                await app.tenants.create("acme")


class TestPush:
    async def test_brings_every_tenant_to_the_declarations(self, app: Sorbus, login: Connection) -> None:
        for name in ("one", "two"):
            await app.tenants.create(name)
        assert await push_tenants(login, app.tenant_schema()) == {"one": (), "two": ()}
        wider = with_column(app.tenant_schema(), "suite_ledgers", Column("note", "text"))
        steps = await push_tenants(login, wider)
        assert steps == dict.fromkeys(("one", "two"), ("add column suite_ledgers.note text",))
        await push_tenants(login, app.tenant_schema(), allow_destructive=True)
        assert await login.fetchval("SHOW search_path") == '"$user", public'
        await app.tenants.migrate()

    async def test_says_which_tenant_it_stopped_at(self, app: Sorbus, login: Connection) -> None:
        for name in ("one", "two"):
            await app.tenants.create(name)
        await Ledger.begin(app.scope(tenant="two"), name="a")
        wider = with_column(app.tenant_schema(), "suite_ledgers", Column("note", "text", nullable=False))
        with pytest.raises(TenantNotMigrated, match="two") as caught:
            await push_tenants(login, wider)
        assert caught.value.name == "two"


class TestFiles:
    @pytest.fixture
    async def app(self, database_url: str, tmp_path: Path) -> Any:
        """An application whose database is managed by files, for itself and for its tenants."""
        empty = Sorbus(domains=[Firms])
        write(tmp_path, plan([], empty.schema(), name="first").migrations)
        write(tmp_path / "tenants", plan([], empty.tenant_schema(), name="first").migrations)
        connection = await asyncpg.connect(database_url)
        await Runner(conn=connection, folder=tmp_path, system_scripts=empty.system_scripts()).up()
        await connection.close()
        async with firms(database_url, auto_migrate=False, migrations_folder=tmp_path) as opened:
            yield opened

    async def test_make_new_tenants_and_move_all_of_them(
        self, app: Sorbus, login: Connection, tmp_path: Path
    ) -> None:
        folder = tmp_path / "tenants"
        await app.tenants.create("one")
        await Ledger.begin(app.scope(tenant="one"), name="kept")
        assert {name: len(each) for name, each in (await tenant_standings(login, folder)).items()} == {
            "one": 1
        }
        wider = with_column(app.tenant_schema(), "suite_ledgers", Column("note", "text"))
        write(folder, plan(load(folder), wider, name="note").migrations)
        assert (await check_tenants(wider, folder, login))["one"].pending == ("0002_note",)
        await app.tenants.create("two")
        reports = await migrate_tenants(login, folder)
        assert {name: each.applied for name, each in reports.items()} == {"one": ("0002_note",), "two": ()}
        assert await check_tenants(wider, folder, login) == {}
        assert [each.name for each in await Ledger.query(app.scope(tenant="one")).all()] == ["kept"]
        await login.execute("ALTER TABLE two.suite_ledgers DROP COLUMN note")
        drift = await check_tenants(wider, folder, login)
        assert list(drift) == ["two"]
        assert drift["two"].live
        await login.execute("ALTER TABLE two.suite_ledgers ADD COLUMN note text")
        reports = await revert_tenants(login, folder)
        assert {each.reverted for each in reports.values()} == {("0002_note",)}
        await app.tenants.migrate()
        assert await check_tenants(wider, folder, login) == {}

    async def test_that_build_indexes_concurrently_make_new_tenants_too(
        self, app: Sorbus, login: Connection, tmp_path: Path
    ) -> None:
        folder = tmp_path / "tenants"
        await app.tenants.create("one")
        indexed = replace(
            app.tenant_schema(),
            tables=tuple(
                replace(each, indexes=(*each.indexes, Index("suite_entries_amount_idx", ("amount",))))
                if each.name == "suite_entries"
                else each
                for each in app.tenant_schema().tables
            ),
        )
        write(folder, plan(load(folder), indexed, name="amounts", concurrently=True).migrations)
        await app.tenants.migrate()
        await app.tenants.create("two")
        assert await check_tenants(indexed, folder, login) == {}

    async def test_that_fail_leave_no_tenant_behind(self, app: Sorbus, tmp_path: Path) -> None:
        folder = tmp_path / "tenants" / load(tmp_path / "tenants")[0].name / "up.sql"
        folder.write_text(folder.read_text() + "\nSELECT 1 / 0;\n")
        with pytest.raises(MigrationFailed, match="for the tenant one"):
            await app.tenants.create("one")
        assert await app.tenants.list() == []
