"""The server process: starting, stopping, probes, memory; and the application's life around it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
import pytest

from sorbus import (
    Attr,
    Domain,
    JsonApi,
    Policies,
    Postgres,
    Resource,
    Sorbus,
    authorize_if,
    policy,
    uuid_primary_key,
)
from sorbus.apis.json_api import json_api
from sorbus.data_layers.postgres.migrations import push
from sorbus.errors.framework import ApplicationClosed
from sorbus.errors.http import AddressInUse
from sorbus.http import http_app, local_only, serving

ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def process(
    database_url: str, *, host: str = "127.0.0.1", port: int = 0, grace: float = 5.0
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A server process, ended at the end whatever happens."""
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.json_api.process",
        database_url,
        host,
        str(port),
        str(grace),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


async def line(started: asyncio.subprocess.Process) -> str:
    assert started.stdout is not None
    read = await asyncio.wait_for(started.stdout.readline(), 20)
    if not read and started.stderr is not None:
        pytest.fail((await started.stderr.read()).decode())
    return read.decode().strip()


def sleep_for(session: aiohttp.ClientSession, url: str, seconds: float) -> Any:
    body = {"data": {"attributes": {"seconds": seconds}}}
    return session.post(f"{url}/api/sleepers/sleep", json=body)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_the_running_request_finish(pg18_url: str, number: signal.Signals) -> None:
    async with process(pg18_url) as started, aiohttp.ClientSession() as session:
        url = await line(started)
        running = asyncio.ensure_future(sleep_for(session, url, 0.5))
        assert await line(started) == "asleep"
        started.send_signal(number)
        async with await running as answer:
            assert (await answer.json(content_type=None))["meta"] == {"result": "awake"}
        assert await line(started) == "stopped"
        assert await asyncio.wait_for(started.wait(), 5) == 0
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"{url}/health")


async def test_a_request_that_outlives_the_grace_is_cut_off(pg18_url: str) -> None:
    async with process(pg18_url, grace=0.3) as started, aiohttp.ClientSession() as session:
        url = await line(started)
        running = asyncio.ensure_future(sleep_for(session, url, 60))
        assert await line(started) == "asleep"
        started.send_signal(signal.SIGTERM)
        assert await line(started) == "stopped"
        assert await asyncio.wait_for(started.wait(), 5) == 0
        try:
            async with await running as answer:
                assert answer.status >= 500
        except aiohttp.ClientError:
            pass  # the connection may end before an answer is sent


async def test_an_idle_server_is_small(pg18_url: str) -> None:
    async with process(pg18_url) as started, aiohttp.ClientSession() as session:
        url = await line(started)
        async with session.get(f"{url}/health") as answer:
            assert answer.status == 200
        status = await asyncio.to_thread(Path(f"/proc/{started.pid}/status").read_text)
        resident = (
            int(next(each for each in status.splitlines() if each.startswith("VmRSS")).split()[1]) / 1024
        )
        assert resident < 150, f"{resident:.0f} MB"


async def test_a_taken_port_is_a_typed_error() -> None:
    app = http_app(Sorbus(domains=[]), interfaces=[])
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(AddressInUse, match=f"127.0.0.1:{port}"):
            async with serving(app, port=port):
                pass


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("192.0.2.1", 0), ("no such host", 0)])
async def test_an_impossible_address_is_a_typed_error(host: str, port: int) -> None:
    with pytest.raises(AddressInUse):
        async with serving(http_app(Sorbus(domains=[]), interfaces=[]), host=host, port=port):
            pass


class Thing(Resource):
    """Something stored."""

    id: Attr[UUID] = uuid_primary_key()

    storage = Postgres("things")
    policies = Policies(policy("any", authorize_if(True)))
    json_api = JsonApi("/things", "index")


@pytest.fixture
def things(pg18_url: str) -> Sorbus:
    return Sorbus(domains=[Domain("things", resources=[Thing])], database_url=pg18_url, secret=b"k" * 32)


async def probe(url: str, path: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(url + path) as answer:
        return answer.status, json.loads(await answer.text())


async def test_ready_says_what_is_missing(things: Sorbus) -> None:
    async with serving(http_app(things, interfaces=[json_api])) as url:
        assert await probe(url, "/health") == (200, {"status": "ok"})
        status, content = await probe(url, "/ready")
        assert status == 503
        assert content["checks"]["database"] == "ok"
        assert content["checks"]["migrations"] == "pending: run `sorbus migrate`"
        async with things.database.pool.connection() as connection:
            await push(connection, things.schema())
        status, content = await probe(url, "/ready")
        assert (status, content["status"]) == (200, "ok")


async def test_a_database_that_is_gone_makes_the_server_not_ready(pg18: Any) -> None:
    with pg18.fresh() as database_url:
        app = Sorbus(
            domains=[Domain("things", resources=[Thing])], database_url=database_url, secret=b"k" * 32
        )
        async with app:
            async with app.database.pool.connection() as connection:
                await push(connection, app.schema())
            async with serving(http_app(app, interfaces=[json_api])) as url:
                assert (await probe(url, "/api/things"))[0] == 200
                pg18._drop(urlsplit(database_url).path.lstrip("/"))
                status, content = await probe(url, "/ready")
                assert status == 503
                assert content["checks"]["database"] == "unreachable"
                assert (await probe(url, "/health"))[0] == 200
                status, content = await probe(url, "/api/things")
                assert status in {500, 503}
                assert "things" not in json.dumps(content)


async def test_the_lifespan_opens_and_closes_the_application(things: Sorbus) -> None:
    async with serving(http_app(things, interfaces=[json_api])):
        assert things.engine is not None
    with pytest.raises(ApplicationClosed):
        _ = things.engine


async def test_an_application_that_is_open_stays_open(things: Sorbus) -> None:
    async with things:
        async with serving(http_app(things, interfaces=[json_api])):
            pass
        assert things.engine is not None


async def test_a_local_server_answers_local_names_only(things: Sorbus) -> None:
    asgi = http_app(things, interfaces=[json_api], scope_from=local_only(things.system_scope))
    async with serving(asgi) as url, aiohttp.ClientSession() as session:
        async with things.database.pool.connection() as connection:
            await push(connection, things.schema())
        for name, status in (
            (url.removeprefix("http://"), 200),
            ("localhost", 200),
            ("[::1]:80", 200),
            ("evil.example", 403),
            ("127.0.0.1.evil.example", 403),
            ("[", 403),
        ):
            async with session.get(f"{url}/api/things", headers={"host": name}) as answer:
                assert answer.status == status, name
