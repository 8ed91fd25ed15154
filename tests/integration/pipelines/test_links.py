"""Links to the database that hang: what waits on them gives up, and its work goes on over others."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import asyncpg
import pytest
from tests.integration.pipelines.helpers import ended, start, until
from tests.integration.pipelines.link import Link
from tests.integration.pipelines.test_repair import parts
from tests.integration.pipelines.workshop import Hands, Piece, workshop

from sorbus.data_layers.postgres.pool import Pool
from sorbus.errors.database import DatabaseUnavailable
from sorbus.jobs import Jobs
from sorbus.jobs.line import FORSAKEN, Line
from sorbus.pipelines import RunState, StageContext, component
from sorbus.pipelines.running.store import RunStore


async def test_a_statement_without_an_answer_is_given_up(pipelines_pg18: Any) -> None:
    databases, template = pipelines_pg18
    with databases.fresh(template=template) as url:
        async with Link(url) as link, Pool(link.url, size=1, statement_timeout=0.3, close_timeout=1) as pool:
            store = RunStore(pool)
            assert await store.lost(0) == []
            link.hang()
            with pytest.raises(DatabaseUnavailable, match="not answered in time"):
                await store.lost(0)
            link.heal()
            assert await store.lost(0) == []


async def test_a_run_goes_on_when_the_link_under_its_checkpoint_hangs_for_ever(
    pipelines_pg18: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node beats and is not taken for dead, so that nobody but itself can notice."""
    databases, template = pipelines_pg18
    monkeypatch.setattr(component, "_STATEMENT_SECONDS", 0.5)
    with databases.fresh(template=template) as url:
        async with Link(url) as link:

            async def hangs(context: StageContext, text: str) -> Piece:
                if len(hands.attempts("glue")) == 1:
                    # The pool of the pipelines alone: every other connection of the process is as it was.
                    await stale(app)
                return Piece(text)

            async def stale(app: Any) -> None:
                pool = parts(app)._need_pool()
                lent = [await pool.acquire() for _ in range(pool.stats.idle)]
                assert lent
                link.hang_known({connection._transport.get_extra_info("sockname")[1] for connection in lent})
                for connection in lent:
                    pool.release(connection)

            hands = Hands({"glue": hangs})
            async with workshop(link.url, hands) as app:
                scope = app.scope(actor="me", tenant="local")
                run = await start(scope, "one", pipeline="craft", text="wood")
                found = (await ended(scope, [run.id]))[run.id]
    assert found.state is RunState.COMPLETED
    assert len(hands.attempts("cut")) == 1


async def test_connections_over_a_network_are_watched_by_the_kernel(pg18_url: str) -> None:
    async with Link(pg18_url) as link, Pool(link.url, size=1) as pool:
        line = Line(link.url)
        await line.fetch("SELECT 1")
        async with pool.connection() as connection:
            for each in (connection, line._conn):
                opened: socket.socket = each._transport.get_extra_info("socket")  # type: ignore[union-attr]
                assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5
                assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
        await line.close()


async def test_a_transaction_of_a_node_that_is_cut_off_keeps_no_locks(
    pipelines_pg18: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    databases, template = pipelines_pg18
    monkeypatch.setitem(FORSAKEN, "idle_in_transaction_session_timeout", "500ms")
    with databases.fresh(template=template) as url:
        async with Link(url) as link, workshop(url, Hands(), run_jobs=False) as near:
            run = await start(near.scope(actor="me", tenant="local"), "one", pipeline="craft")
            async with workshop(link.url, Hands(), run_jobs=False) as far:
                lock = "SELECT id FROM pipeline_runs WHERE id = $1 FOR UPDATE"
                with pytest.raises(asyncpg.PostgresError, match="idle"):
                    async with parts(far)._need_pool().transaction() as connection:
                        await connection.fetch(lock, run.id)
                        link.hang()
                        async with asyncio.timeout(30), near.database.pool.connection() as other:
                            assert await other.fetch(lock, run.id)
                        link.heal()
                        await connection.fetch(lock, run.id)


async def test_every_connection_of_a_node_has_a_name_and_is_watched(url: str, conn: Any) -> None:
    async with workshop(url, Hands()) as app:
        runner = app.service(Jobs).runner
        assert runner is not None
        assert runner._pool is not None
        assert runner._oban is not None
        notifier: Any = runner._oban._notifier
        async with runner._pool.connection() as pooled:
            for each in (pooled, notifier._conn, runner._heart._conn):
                assert each.info.get_parameters()["tcp_user_timeout"] == "10000"
        names = await conn.fetch(
            "SELECT DISTINCT application_name AS name FROM pg_stat_activity "
            "WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
    assert {each["name"].partition("-")[0] for each in names} == {"sorbus"}


async def test_repair_goes_on_after_an_error_of_the_driver(
    url: str, conn: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(component, "_REPAIR_EVERY", 0.1)
    monkeypatch.setattr(component.Pipelines.repair, "__kwdefaults__", {"older_than": 0.0})
    name = await conn.fetchval("SELECT current_database()")
    await conn.execute(f"""ALTER DATABASE "{name}" SET lock_timeout = '100ms'""")
    async with workshop(url, Hands(), run_jobs=False) as app:
        run = await start(app.scope(actor="me", tenant="local"), "one", pipeline="craft")
        other = await asyncpg.connect(url)
        async with other.transaction():
            await other.execute("SELECT FROM pipeline_runs WHERE id = $1 FOR UPDATE", run.id)
            await conn.execute("DELETE FROM oban_jobs")
            await until(lambda: "were not looked for" in caplog.text)
        await other.close()
        await until(lambda: has_job(conn))


async def has_job(conn: Any) -> bool:
    await asyncio.sleep(0)
    return bool(await conn.fetchval("SELECT count(*) = 1 FROM oban_jobs"))
