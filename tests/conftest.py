"""Databases for the tests: an embedded PostgreSQL 18 per session, a 15 if one is at hand, fresh per test."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from sorbus.data_layers.postgres.embedded import EmbeddedServer, start_embedded
from sorbus.data_layers.postgres.pool import Pool

PG15 = os.environ.get("SORBUS_TEST_PG15", "postgresql://postgres@127.0.0.1:5432/postgres")

# A run in the background of a shell ignores Ctrl-C, and so would the commands under test, which inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The test server forgets everything at the end, so it need not survive a power cut.
THROWAWAY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}

# What an interrupted run has left on a server that outlives it.
LEFT_OVER = """
SELECT datname FROM pg_database
WHERE starts_with(datname, 'sorbus_test_')
AND (pg_stat_file('base/' || oid || '/PG_VERSION', true)).modification < now() - interval '1 hour'
"""


class Databases:
    """Makes and drops databases on one server. `strategy` is the faster one of CREATE DATABASE there."""

    def __init__(self, url: str, *, strategy: str) -> None:
        self.url = url
        self._strategy = strategy
        self._admin = psycopg.connect(url, autocommit=True)
        for (name,) in self._admin.execute(LEFT_OVER).fetchall():
            self._drop(name)

    @contextmanager
    def fresh(self, *, template: str = "template0") -> Generator[str]:
        """The URL of a new database, dropped afterwards whoever is still connected."""
        name = f"sorbus_test_{secrets.token_hex(6)}"
        create = sql.SQL("CREATE DATABASE {name} TEMPLATE {template} STRATEGY {strategy}")
        names = {"name": name, "template": template, "strategy": self._strategy}
        self._admin.execute(create.format(**{key: sql.Identifier(each) for key, each in names.items()}))
        try:
            yield urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))
        finally:
            self._drop(name)

    def _drop(self, name: str) -> None:
        drop = sql.SQL("DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._admin.execute(drop.format(name=sql.Identifier(name)))

    def close(self) -> None:
        self._admin.close()


def scratch() -> Path | None:
    """A folder in memory where there is room for it, or None for the usual temporary folder."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2**31
    return memory if roomy else None


@contextmanager
def scratch_folder() -> Generator[Path]:
    """A new folder, gone afterwards. The server's own user can reach it, unlike one of pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="sorbus-test-", dir=scratch()))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def shared_server_folder() -> Iterator[Path]:
    """An empty folder for an embedded server of the module's own."""
    with scratch_folder() as folder:
        yield folder


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """An empty folder for an embedded server of the test's own."""
    with scratch_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[EmbeddedServer]:
    """The session's embedded PostgreSQL 18. Do not stop it in a test; start one of your own for that."""
    with scratch_folder() as folder:
        server = asyncio.run(start_embedded(folder, settings=THROWAWAY))
        yield server
        asyncio.run(server.stop())


@pytest.fixture(scope="session")
def pg18(embedded_server: EmbeddedServer) -> Iterator[Databases]:
    databases = Databases(embedded_server.url, strategy="file_copy")
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def pg15() -> Iterator[Databases]:
    try:
        databases = Databases(f"{PG15}?connect_timeout=3", strategy="wal_log")
    except psycopg.OperationalError as cause:
        pytest.skip(f"no PostgreSQL 15 at hand: {cause}")
    databases.url = PG15
    yield databases
    databases.close()


@pytest.fixture(params=["pg18", "pg15"])
def databases(request: pytest.FixtureRequest) -> Databases:
    """Both servers, one after the other."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Databases)
    return found


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A fresh, empty database, on PostgreSQL 18 and on 15."""
    with databases.fresh() as url:
        yield url


@pytest.fixture
def pg18_url(pg18: Databases) -> Iterator[str]:
    """A fresh, empty database on the embedded server only, where the version makes no difference."""
    with pg18.fresh() as url:
        yield url


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of four connections to a fresh database, on PostgreSQL 18 and on 15."""
    async with Pool(database_url, size=4) as opened:
        yield opened


@pytest.fixture
async def pg18_pool(pg18_url: str) -> AsyncIterator[Pool]:
    """A pool of four connections to a fresh database on the embedded server only."""
    async with Pool(pg18_url, size=4) as opened:
        yield opened
