from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from sorbus.data_layers.postgres import database as module
from sorbus.data_layers.postgres.database import Database
from sorbus.errors.database import (
    BadDatabaseUrl,
    DatabaseLoginFailed,
    DatabaseNotOpen,
    DatabaseTooOld,
    DatabaseUnavailable,
    NoSuchDatabase,
)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("SORBUS_HOME", raising=False)


class TestByUrl:
    async def test_a_given_url_is_used_by_both_drivers(self, database_url: str) -> None:
        async with Database.from_environment(database_url) as database:
            assert database.url == database_url
            assert database.server is None
            async with database.pool.connection() as connection:
                ours = await connection.fetchval("SELECT current_database()")
        with psycopg.connect(database.dsn_for_psycopg()) as theirs:
            assert theirs.execute("SELECT current_database()").fetchone() == (ours,)

    async def test_the_environment_names_it_otherwise(
        self, pg18_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", pg18_url.replace("postgresql://", "postgres://"))
        async with Database.from_environment() as database:
            assert database.url == pg18_url

    async def test_a_server_that_is_too_old_is_refused(
        self, pg18_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "OLDEST", 19)
        with pytest.raises(DatabaseTooOld, match=r"is PostgreSQL 18\.\d+.*needs 19 or newer"):
            await Database.from_environment(pg18_url).open()

    async def test_what_is_wrong_with_a_url_is_told_apart(self, pg18_url: str) -> None:
        with pytest.raises(BadDatabaseUrl):
            Database.from_environment("mysql://x/y")
        with pytest.raises(NoSuchDatabase):
            await Database.from_environment(pg18_url.replace("sorbus_test_", "none_")).open()
        with pytest.raises(DatabaseLoginFailed):
            await Database.from_environment(pg18_url.replace("postgres@", "nobody_here@")).open()
        with pytest.raises(DatabaseUnavailable):
            await Database.from_environment(
                "postgresql://u@127.0.0.1:1/x", pool={"reconnect_timeout": 0.2}
            ).open()

    async def test_a_database_that_is_not_open_says_so(self, pg18_url: str) -> None:
        database = Database.from_environment(pg18_url)
        with pytest.raises(DatabaseNotOpen):
            _ = database.pool
        async with database:
            pass
        with pytest.raises(DatabaseNotOpen):
            _ = database.pool


class TestEmbedded:
    async def test_without_a_url_a_server_and_a_database_are_made_and_kept(self, server_folder: Path) -> None:
        async with Database.from_environment(home=server_folder) as database:
            assert database.server is not None
            assert database.server.folder == server_folder / "postgres"
            async with database.pool.transaction() as connection:
                assert await connection.fetchval("SELECT current_database()") == "sorbus"
                await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
            with psycopg.connect(database.dsn_for_psycopg()) as theirs:
                assert theirs.execute("SELECT answer FROM kept").fetchone() == (42,)
        async with (
            Database.from_environment(home=server_folder) as database,
            database.pool.connection() as connection,
        ):
            assert await connection.fetchval("SELECT answer FROM kept") == 42

    async def test_two_that_open_at_once_share_the_server_and_make_one_database(
        self, server_folder: Path
    ) -> None:
        first, second = (Database.from_environment(home=server_folder, name='odd "name') for _ in range(2))
        await asyncio.gather(first.open(), second.open())
        assert first.url == second.url
        await first.close()
        async with second.pool.connection() as connection:
            assert await connection.fetchval("SELECT current_database()") == 'odd "name'
        await second.close()

    async def test_the_home_comes_from_the_environment(
        self, server_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SORBUS_HOME", str(server_folder))
        async with Database.from_environment() as database:
            assert str(server_folder) in database.url
